/** The event records of an SMMUv3's faults, by the specification (IHI0070, 7.3); and QEMU's deviations. */
import { describe, expect, test } from "vitest";
import { decodeSmmuEvent, encodeSmmuEvent } from "../../../../src/formats/smmuv3/events.js";
import { IommuCaches } from "../../../../src/sim/mmu/caches.js";
import type { Stage2 } from "../../../../src/sim/mmu/translate.js";
import { EXEC, PRIV, READ, WRITE } from "../../../../src/sim/mmu/walk.js";
import { QUIRKS } from "../../../../src/sim/vendors/smmuv3/board.js";
import { decodeSmmuIdr, decodeSte } from "../../../../src/sim/vendors/smmuv3/stream-table.js";
import { type CachedCd, SmmuTranslator, smmuEventRecord } from "../../../../src/sim/vendors/smmuv3/translate.js";
import { SparseMemory } from "../../mmu/helpers/memory.js";
import { ARM_PAGE, ARM_READ_ONLY, ArmTables } from "../../mmu/helpers/tables.js";
import { GPA, Guest, L3, machine, VA } from "./guest.js";

const FULL = decodeSmmuIdr([0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x74]);
const CD = 0x0001_6202_c000_3519n;
const END = 1n << 24n;
const READ_ONLY = 1n << 23n;
const stage2: Stage2 = {
	find: (ipa) => (ipa >= END ? undefined : { pa: ipa, perm: ipa >= READ_ONLY ? READ : READ | WRITE, shift: 12 }),
};

function guest(cd = CD, options = {}) {
	const memory = new SparseMemory(END);
	const tables = new ArmTables(memory, 12, 39, 0x10_0000n);
	memory.write64(0x1000n, cd);
	memory.write64(0x1008n, tables.ttb);
	const smmu = new SmmuTranslator(FULL, new IommuCaches<CachedCd>(), memory, options);
	const stream = { sid: 0x80, vmid: 1, ste: decodeSte([0xbn | 0x1000n, 0n]), stage2 };
	const at = (va: bigint, access: number, more = {}) => {
		const got = smmu.translate({ ...stream, ...more }, va, access);
		return got.ok ? "ok" : { name: got.event?.name, host: got.event?.stage2, ...got.event?.fields, ats: got.ats };
	};
	return { memory, tables, at, smmu, stream };
}

describe("a stage 2 fault on the way to a stage 1 table", () => {
	test("is stage 2's: S2 = 1, CLASS = TT, with the descriptor's IPA, and the host's alone", () => {
		const { memory, tables, at } = guest();
		memory.write64(tables.ttb + 8n, END | 0x3n);
		expect(at((1n << 30n) + 0x20_1000n, WRITE)).toMatchObject({
			name: "F_TRANSLATION",
			host: true,
			s2: 1n,
			class: 1n,
			rnw: 0n,
			ipa: END + 8n,
		});
	});

	test("F_PERMISSION with TTRnW where the host maps the table, but not for what the walk does there", () => {
		// HA: the walk sets access flags
		const { memory, tables, at } = guest(CD | (1n << 43n));
		memory.write64(tables.ttb + 8n, READ_ONLY | 0x3n);
		memory.write64(READ_ONLY, 0x20_0000n | (ARM_PAGE & ~2n & ~(1n << 10n)));
		expect(at(1n << 30n, READ)).toMatchObject({ name: "F_PERMISSION", host: true, s2: 1n, class: 1n, rnw: 1n, ttrnw: 0n, ipa: READ_ONLY });
	});

	test("on a machine with QEMU's quirk it is stage 1's", () => {
		const { memory, tables, at } = guest(CD, { walkFaultsAsStage1: true });
		memory.write64(tables.ttb + 8n, END | 0x3n);
		expect(at((1n << 30n) + 0x20_1000n, READ)).toMatchObject({ name: "F_TRANSLATION", host: false, s2: 0n, class: 1n, ipa: END });
	});

	test("never reaches the guest, unless the machine has the quirk", () => {
		const seen = (quirks: readonly string[]) => {
			const guest = new Guest(machine({ quirks }));
			const { device, queue } = guest.running();
			guest.put(0x2400n, [0x700_0003n]);
			const [record] = device.dma("read", VA);
			return { record: decodeSmmuEvent(Buffer.from(record, "hex")), events: guest.read(queue).length / 80, log: guest.sim.log };
		};
		const right = seen([]);
		expect(right.record).toMatchObject({ name: "F_TRANSLATION", fields: { s2: 1n, class: 1n, ipa: 0x700_0000n } });
		expect(right.events).toBe(0);
		expect(right.log.join()).toContain("F_TRANSLATION");
		const qemu = seen([QUIRKS.walkFaultsAsStage1]);
		expect(qemu.record).toMatchObject({ name: "F_TRANSLATION", fields: { s2: 0n, class: 1n } });
		expect(qemu.events).toBe(1);
	});

	test("memory that fails is F_WALK_EABT, with the address that was fetched", () => {
		const { memory, tables, smmu, stream } = guest();
		// mapped by the host, to memory that is not there
		const broken = { ...stream, stage2: { find: (ipa: bigint) => ({ pa: ipa, perm: READ | WRITE, shift: 12 }) } };
		memory.write64(tables.ttb + 8n, END | 0x3n);
		expect(smmu.translate(broken, 1n << 30n, READ)).toMatchObject({ event: { name: "F_WALK_EABT", fields: { class: 1n, fetch: END } } });
	});
});

describe("ATS requests", () => {
	test("cause no event: faults of translation are answered without permissions, configuration errors with Completer Abort", () => {
		const { tables, at, smmu, stream, memory } = guest();
		tables.map(0x7000n, END);
		expect(smmu.translate({ ...stream, ats: true }, 0x7000n, READ)).toEqual({
			ok: false,
			unrecorded: "F_TRANSLATION",
			stall: false,
			ats: true,
		});
		expect(at(0x7000n, READ)).toMatchObject({ name: "F_TRANSLATION", s2: 1n, class: 2n, ipa: END });
		memory.write64(0x1000n, 0n);
		const other = { sid: 0x81, ats: true };
		expect(smmu.translate({ ...stream, ...other }, 0x7000n, READ)).toEqual({ ok: false, unrecorded: "C_BAD_CD", stall: false, ats: false });
		expect(at(0x7000n, READ, { sid: 0x81 })).toMatchObject({ name: "C_BAD_CD" });
		const unmapped = decodeSte([0xbn | END, 0n]);
		expect(smmu.translate({ ...stream, ...other, ste: unmapped }, 0x7000n, READ)).toMatchObject({ unrecorded: "F_TRANSLATION", ats: true });
	});

	test("do not stall, and need not be reported by the CD", () => {
		for (const cd of [CD | (1n << 44n), CD & ~(1n << 45n)]) {
			const { smmu, stream } = guest(cd);
			expect(smmu.translate({ ...stream, ats: true }, 0x7000n, READ)).toMatchObject({ stall: false, ats: true });
		}
	});
});

describe("substreams", () => {
	test("CD 0 is not for them where S1DSS gives it to transactions without one", () => {
		const { at } = guest();
		const ste = decodeSte([0xbn | 0x1000n | (4n << 59n), 2n]);
		expect(at(0x7000n, READ, { ste, ssid: 0 })).toMatchObject({ name: "F_STREAM_DISABLED", ssv: 1n, ssid: 0n });
	});

	test("there are none without stage 1", () => {
		const { at } = guest();
		const ste = decodeSte([9n, 0n]);
		expect(at(0x7000n, READ, { ste })).toBe("ok");
		expect(at(0x7000n, READ, { ste, ssid: 3 })).toMatchObject({ name: "C_BAD_SUBSTREAMID", ssid: 3n });
	});
});

describe("privilege and execution", () => {
	const UXN = 1n << 54n;
	const PXN = 1n << 53n;
	const USER = 1n << 6n;

	test("user pages, UXN and PXN, and what users may write", () => {
		const { tables, at } = guest();
		tables.map(0x7000n, 0x5000n, 3, ARM_PAGE & ~USER);
		tables.map(0x8000n, 0x5000n, 3, ARM_PAGE | ARM_READ_ONLY | UXN);
		tables.map(0x9000n, 0x5000n, 3, ARM_PAGE | ARM_READ_ONLY | PXN);
		tables.map(0xa000n, 0x5000n, 3, ARM_PAGE);
		expect(at(0x7000n, READ)).toMatchObject({ name: "F_PERMISSION", pnu: 0n, ind: 0n, class: 2n, host: false });
		expect(at(0x7000n, READ | PRIV)).toBe("ok");
		expect(at(0x8000n, READ | EXEC)).toMatchObject({ name: "F_PERMISSION", ind: 1n, rnw: 1n });
		expect(at(0x8000n, READ | EXEC | PRIV)).toBe("ok");
		expect(at(0x9000n, READ | EXEC)).toBe("ok");
		expect(at(0x9000n, READ | EXEC | PRIV)).toMatchObject({ name: "F_PERMISSION", ind: 1n, pnu: 1n });
		expect(at(0xa000n, READ | EXEC)).toBe("ok");
		expect(at(0xa000n, READ | EXEC | PRIV)).toMatchObject({ name: "F_PERMISSION" });
	});
});

describe("records", () => {
	test("of an IPA have bits 55:12, and the low ones only with QEMU's quirk", () => {
		const fields = { sid: 0x80n, s2: 1n, class: 2n, address: 0x1120n, ipa: 0x700_0120n };
		const event = { name: "F_TRANSLATION", fields, stage2: true } as const;
		const word = (record: Uint8Array) => new DataView(record.buffer).getBigUint64(24, true);
		expect(word(smmuEventRecord(event))).toBe(0x700_0000n);
		expect(word(smmuEventRecord(event, true))).toBe(0x700_0120n);
		const seen = (quirks: readonly string[]) => {
			const guest = new Guest(machine({ quirks }));
			const { device } = guest.running(0, 0x700_0000n);
			return device.dma("read", VA + 0x120n)[0].slice(48);
		};
		expect(seen([])).toBe("0000000800000000");
		expect(seen([QUIRKS.wholeIpa])).toBe("2001000800000000");
	});

	test("E_PAGE_REQUEST is a hint for a span of pages, with what users and privileged software will do", () => {
		const record = encodeSmmuEvent("E_PAGE_REQUEST", { sid: 0x80n, ssv: 1n, ssid: 5n, span: 3n, ur: 1n, uw: 1n, pr: 1n, address: 0x7000n });
		expect(Buffer.from(record).toString("hex")).toBe("2458000080000000000000008c30000000700000000000000000000000000000");
		expect(decodeSmmuEvent(record).fields).toEqual({
			ssv: 1n,
			ssid: 5n,
			sid: 0x80n,
			ux: 0n,
			uw: 1n,
			ur: 1n,
			px: 0n,
			pw: 0n,
			pr: 1n,
			span: 3n,
			address: 0x7000n,
		});
	});

	test("InD is 0 for writes", () => {
		const { at } = guest();
		expect(at(0x7000n, WRITE | EXEC)).toMatchObject({ ind: 0n, rnw: 0n });
		expect(GPA + L3).toBe(0x100_3000n);
	});
});
