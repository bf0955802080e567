/** Tests of what the SMMUv3 driver says of calls that fail, and of events and commands that got lost. */
import { describe, expect, test } from "vitest";
import { EINVAL, EIO, ENOENT, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { Guest, machine, STE_S1, VA } from "./guest.js";

const NESTED = 0x0d44101b;

/** The check's ID and the text for the call that has just answered `rc`. */
function why(guest: Guest, rc: number): string {
	const found = guest.kernel.why(rc);
	return found === undefined ? "nothing" : `${found.check}: ${found.text}`;
}

const notes = (guest: Guest) => guest.kernel.notes().map(({ check, text }) => `${check}: ${text}`);

describe("commands", () => {
	const refused = (commands: readonly (readonly [bigint, bigint])[], on?: object) => {
		const guest = new Guest(on && machine(on));
		const { viommu } = guest.running();
		const { rc } = guest.invalidate(viommu, commands);
		expect(rc).toBe(-EIO);
		return why(guest, rc);
	};

	test("name the field that is wrong, with its value and the missing feature", () => {
		const NUM = 3n << 12n;
		const TG4K = 1n << 10n;
		const call = "hwpt-invalidate";
		expect(refused([[0x12n | NUM, 0n]])).toBe(`${call}.smmu-no-granule: command 0, TLBI_NH_VA: TG is 0, and NUM is 3, SCALE 0 and TTL 0`);
		expect(refused([[0x13n, TG4K]])).toBe(`${call}.smmu-no-range: command 0, TLBI_NH_VAA: TG is 1, and NUM, SCALE and TTL are 0`);
		expect(refused([[0x12n, (2n << 10n) | (1n << 8n)]])).toBe(`${call}.smmu-level: command 0, TLBI_NH_VA: TG is 2 (16K) and TTL 1`);
		expect(refused([[0x05n | (7n << 12n), 0n]])).toBe(`${call}.smmu-command-bits: command 0, CFGI_CD: SSID is 0x7, and IDR1.SSIDSIZE is 0`);
		expect(refused([[0x30n, 0x10n]])).toBe(`${call}.smmu-command-bits: command 0, TLBI_NSNH_ALL: word 1 has the reserved bits 0x10`);
		expect(refused([[0x11n | (0x123n << 48n), 0n]], { idr: [NESTED & ~(1 << 12), 0x02730010, 0, 0x1414, 0, 0x74] })).toBe(
			`${call}.smmu-command-bits: command 0, TLBI_NH_ASID: ASID is 0x123, and IDR0.ASID16 is 0`,
		);
	});

	test("of other kinds name the opcode; ATC_INV needs ATS, and a Size of at most 52", () => {
		expect(
			refused([
				[0x10n, 0n],
				[0x28n, 0n],
			]),
		).toBe("hwpt-invalidate.smmu-opcode: command 1 has the opcode 0x28 (TLBI_S12_VMALL)"); // prettier-ignore
		expect(refused([[0xffn, 0n]])).toBe("hwpt-invalidate.smmu-opcode: command 0 has the opcode 0xff (reserved)");
		expect(refused([[0x40n, 0n]])).toBe("hwpt-invalidate.smmu-no-ats: command 0 is ATC_INV, and the SMMU or its root complex has no ATS");
		const ats = { idr: [0x0d4c149b, 0x02730410, 0, 0x1514, 0, 0xf4], ats: true };
		expect(refused([[0x40n, 53n]], ats)).toBe("hwpt-invalidate.smmu-atc-size: command 0, ATC_INV: Size is 53");
	});

	test("with a stream ID that no vDEVICE has", () => {
		expect(refused([[0x06n | (0x77n << 32n), 0n]])).toBe(
			"hwpt-invalidate.smmu-command-sid: command 0, CFGI_CD_ALL: SID is 0x77, and no vDEVICE of the vIOMMU has it",
		);
	});

	test("before a bad one in its batch are noted: they count, and never reached the hardware", () => {
		const guest = new Guest();
		const { viommu } = guest.running();
		const good = [0x30n, 0n] as const;
		expect(guest.invalidate(viommu, [...Array(65).fill(good), [0x28n, 0n]])).toEqual({ rc: -EIO, done: 65 });
		expect(notes(guest)).toEqual([
			"hwpt-invalidate.smmu-batch-lost: commands 63 to 64 count as done, and did not reach smmu0: the driver sends 63 at a time, and command 65 ended the batch",
		]);
		expect(guest.invalidate(viommu, [[0x28n, 0n]])).toEqual({ rc: -EIO, done: 0 });
		expect(notes(guest)).toEqual([]);
		expect(why(guest, guest.invalidate(viommu, []).rc)).toBe("hwpt-invalidate.smmu-no-commands: entry_num is 0");
	});
});

describe("stream table entries", () => {
	const refused = (word0: bigint, word1: bigint, more = {}) => {
		const guest = new Guest();
		const { device, viommu } = guest.running();
		const rc = guest.nested(device, viommu, word0, word1, more);
		return [rc, why(guest, rc)];
	};

	test("name the word and the bits, or the field", () => {
		expect(refused(STE_S1, 1n << 40n)).toEqual([
			-EIO,
			"hwpt-alloc.smmu-ste-reserved: word 1 of the STE is 0x10000000000, and a guest may not set 0x10000000000 of it",
		]);
		expect(refused(1n | (7n << 1n), 0n)).toEqual([-EIO, "hwpt-alloc.smmu-ste-config: Config of the STE is 7"]);
		expect(refused(STE_S1, 2n << 28n)).toEqual([-EIO, "hwpt-alloc.smmu-ste-eats: EATS of the STE is 2"]);
	});

	test("of another length or type, without memory, or for PASIDs", () => {
		expect(refused(STE_S1, 0n, { data_len: 24 })).toEqual([
			-EINVAL,
			"hwpt-alloc.data-length: data_len is 24, and the driver's struct has 16 bytes, of which 16 are needed",
		]);
		expect(refused(STE_S1, 0n, { data_type: 1 })[1]).toBe(
			"hwpt-alloc.data-other-type: the type of the data is 0x1, and the driver takes 0x2",
		);
		expect(refused(STE_S1, 0n, { data_uptr: 0x5000n })[1]).toBe(
			"hwpt-alloc.data-unreadable: the 16 bytes at data_uptr 0x5000 cannot be read: page 0x5000 is not mapped",
		);
		expect(refused(STE_S1, 0n, { flags: 8 })).toEqual([-EOPNOTSUPP, "hwpt-alloc.smmu-nested-flags: flags is 0x8"]);
	});
});

describe("page tables and vIOMMUs", () => {
	test("say which flag or feature is missing", () => {
		const table = (flags: number, idr0 = NESTED) => {
			const guest = new Guest(machine({ idr: [idr0, 0x02730010, 0, 0x1414, 0, 0x74] }));
			return why(guest, guest.table(guest.device(0), { flags }));
		};
		expect(table(9)).toBe("hwpt-alloc.smmu-parent-flags: flags is 0x9: NEST_PARENT together with others");
		expect(table(1, NESTED & ~2)).toBe("hwpt-alloc.smmu-no-nesting: smmu0 has only stage 2");
		expect(table(1, NESTED & ~1)).toBe("hwpt-alloc.smmu-no-nesting: smmu0 has only stage 1");
		expect(table(8, NESTED & ~2)).toBe("hwpt-alloc.smmu-no-stage1: flags is 0x8, and smmu0 has no stage 1");
	});

	test("belong to their SMMU; a vDEVICE has one stream ID", () => {
		const guest = new Guest();
		const { device, parent, viommu } = guest.running();
		expect(why(guest, guest.viommu(guest.device(4), parent))).toBe(
			"viommu-alloc.smmu-other-parent: the nesting parent is a table of smmu0, and the device is behind smmu1",
		);
		expect(why(guest, guest.vdevice(guest.device(5), viommu, 1n))).toMatch(
			/^vdevice-alloc\.smmu-aliases: 0000:01:01\.0 has the stream IDs 0x/,
		);
		const nested = guest.nested(device, viommu, STE_S1);
		const rc = guest.device(1).attach(nested);
		expect(rc).toBe(-ENOENT);
		expect(why(guest, rc)).toMatch(/\.smmu-no-vdevice: 0000:00:11\.0 has no vDEVICE in the vIOMMU of the page table/);
	});
});

test("events that no guest got are noted with the reason", () => {
	const guest = new Guest();
	const device = guest.device(0);
	const viommu = guest.viommu(device, guest.parent(device));
	guest.vdevice(device, viommu, 0x10n);
	device.attach(guest.nested(device, viommu, STE_S1));
	device.dma("read", VA + 0x8000n);
	expect(notes(guest)).toContain(
		"dma.smmu-no-veventq: event F_TRANSLATION of 0000:00:10.0 was lost: the vIOMMU has no vEVENTQ of type ARM_SMMUV3",
	);
	const other = new Guest();
	const free = other.device(0);
	free.attach(other.ioas);
	free.dma("read", 0x9_0000_0000n);
	expect(notes(other)).toContain(
		"dma.smmu-event-logged: event F_TRANSLATION of 0000:00:10.0 went to the kernel log: 0000:00:10.0 is not attached to a guest's stream table entry",
	);
});
