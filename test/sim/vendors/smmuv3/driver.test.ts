/** Tests of the SMMUv3 driver: page tables, vIOMMUs, events, stalls. */
import { describe, expect, test } from "vitest";
import { EEXIST, EFAULT, EINVAL, EIO, ENOENT, ENOSPC, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { Guest, machine, STE_ABORT, STE_BYPASS, STE_S1, VA } from "./guest.js";

const NESTED = 0x0d44101b;

describe("page tables", () => {
	const flags = (guest: Guest) => {
		const device = guest.device(0);
		return [0, 1, 2, 3, 8, 9, 10, 11, 16].filter((flag) => guest.table(device, { flags: flag }) > 0);
	};

	test("a nesting parent accepts no other flag; dirty tracking needs hardware support", () => {
		expect(flags(new Guest())).toEqual([0, 1, 8]);
		const full = machine({ idr: [0x0d4c149b, 0x02730410, 0, 0x1514, 0, 0xf4], ats: true });
		expect(flags(new Guest(full))).toEqual([0, 1, 2, 8, 10]);
	});

	test("with one stage there is no nesting, and PASIDs need stage 1", () => {
		expect(flags(new Guest(machine({ idr: [NESTED & ~1, 0x02730010, 0, 0x1414, 0, 0x74] })))).toEqual([0, 8]);
		expect(flags(new Guest(machine({ idr: [NESTED & ~2, 0x02730010, 0, 0x1414, 0, 0x74] })))).toEqual([0]);
	});

	test("stage 1 reaches 48 bits, stage 2 as far as the output", () => {
		const last = (id: (guest: Guest, device: ReturnType<Guest["device"]>) => number) => {
			const guest = new Guest();
			expect(id(guest, guest.device(0))).toBeGreaterThan(0);
			const at = 0x3_0000_1000n;
			guest.calls.ioasIovaRanges({ ioas_id: guest.ioas, num_iovas: 1, allowed_iovas: at });
			const range = new Uint8Array(16);
			guest.kernel.peek(at, range);
			return new DataView(range.buffer).getBigUint64(8, true);
		};
		expect(last((guest, device) => guest.table(device))).toBe(2n ** 48n - 1n);
		expect(last((guest, device) => guest.parent(device))).toBe(2n ** 44n - 1n);
	});

	test("VMIDs run out, and are reused once freed", () => {
		const guest = new Guest(machine({ idr: [NESTED & ~(1 << 18), 0x02730010, 0, 0x1414, 0, 0x74] }));
		const device = guest.device(0);
		const parents = Array.from({ length: 255 }, () => guest.parent(device));
		expect(guest.parent(device)).toBe(-ENOSPC);
		guest.calls.destroy({ id: parents[7] });
		expect(guest.parent(device)).toBe(parents[7]);
	});

	test("tables belong to their SMMU", () => {
		const guest = new Guest();
		const device = guest.device(0);
		const other = guest.device(4);
		const automatic = device.attach(guest.ioas);
		expect(other.attach(automatic)).toBe(-EINVAL);
		const own = other.attach(guest.ioas);
		expect(own).toBeGreaterThan(0);
		expect(own).not.toBe(automatic);
		const parent = guest.parent(device);
		expect(guest.viommu(other, parent)).toBe(-EINVAL);
		expect(guest.vdevice(other, guest.viommu(device, parent), 1n)).toBe(-EINVAL);
		expect(guest.nested(other, guest.viommu(device, parent), STE_S1)).toBe(-EINVAL);
	});

	test("a device without PASIDs accepts any PASID", () => {
		const guest = new Guest();
		const device = guest.device(0);
		expect(device.attach(guest.table(device, { flags: 8 }), 0x12345)).toBeGreaterThan(0);
	});
});

describe("vIOMMUs", () => {
	test("need both stages, and memory that stays coherent", () => {
		const rc = (smmu: object) => {
			const guest = new Guest(machine(smmu));
			const device = guest.device(0);
			return Math.min(guest.viommu(device, Math.max(guest.parent(device), 0)), 1);
		};
		expect(rc({})).toBe(1);
		expect(rc({ canwbs: false })).toBe(-EOPNOTSUPP);
		expect(rc({ canwbs: false, idr: [NESTED, 0x02730010, 0, 0x1514, 0, 0x74] })).toBe(1);
		expect(rc({ idr: [NESTED & ~1, 0x02730010, 0, 0x1414, 0, 0x74] })).toBe(-EOPNOTSUPP);
	});

	test("a device with two stream IDs cannot be a vDEVICE; each device has one at most", () => {
		const guest = new Guest();
		const device = guest.device(0);
		const viommu = guest.viommu(device, guest.parent(device));
		expect(guest.vdevice(guest.device(5), viommu, 1n)).toBe(-EOPNOTSUPP);
		expect(guest.vdevice(device, viommu, 1n)).toBeGreaterThan(0);
		expect(guest.vdevice(device, viommu, 2n)).toBe(-EEXIST);
	});

	test("stream table entries come in exactly 16 bytes", () => {
		const guest = new Guest();
		const device = guest.device(0);
		const viommu = guest.viommu(device, guest.parent(device));
		expect(guest.nested(device, viommu, STE_S1, 0n, { data_len: 24 })).toBe(-EINVAL);
		expect(guest.nested(device, viommu, STE_S1, 0n, { data_len: 8 })).toBe(-EINVAL);
		expect(guest.nested(device, viommu, STE_S1, 0n, { data_type: 1 })).toBe(-EINVAL);
		expect(guest.nested(device, viommu, STE_S1, 0n, { data_uptr: 0n })).toBe(-EFAULT);
		expect(guest.nested(device, viommu, STE_S1, 0n, { flags: 8 })).toBe(-EOPNOTSUPP);
		expect(guest.nested(device, viommu, STE_S1 | (1n << 52n))).toBe(-EIO);
	});
});

describe("attaching a guest's entry", () => {
	test("stage 1 needs a vDEVICE in its vIOMMU, abort and bypass do not", () => {
		const guest = new Guest();
		const device = guest.device(0);
		const parent = guest.parent(device);
		const viommu = guest.viommu(device, parent);
		const nested = guest.nested(device, viommu, STE_S1);
		expect(device.attach(nested)).toBe(-ENOENT);
		guest.vdevice(device, guest.viommu(device, parent), 7n);
		expect(device.attach(nested)).toBe(-ENOENT);
		for (const entry of [STE_BYPASS, STE_ABORT, 0n]) expect(device.attach(guest.nested(device, viommu, entry))).toBeGreaterThan(0);
	});

	test("a group needs one for each of its functions, bound or not", () => {
		const guest = new Guest();
		const [one, two] = [guest.device(2), guest.device(3)];
		const viommu = guest.viommu(one, guest.parent(one));
		const nested = guest.nested(one, viommu, STE_S1);
		guest.vdevice(one, viommu, 1n);
		expect(one.attach(nested)).toBe(-ENOENT);
		guest.vdevice(two, viommu, 2n);
		expect(one.attach(nested)).toBe(nested);
	});

	test("a failed replace leaves the old table in use, but the MSI window open", () => {
		const guest = new Guest(machine({ reserved: [{ first: "0x8000000", last: "0x80fffff", type: "msi" }] }));
		const { device, vdevice, viommu } = guest.running();
		const ranges = () => guest.calls.ioasIovaRanges({ ioas_id: guest.ioas, num_iovas: 8, allowed_iovas: 0x3_0000_1000n }).decoded.num_iovas;
		expect(ranges()).toBe(2);
		guest.calls.destroy({ id: vdevice });
		expect(device.attach(guest.nested(device, viommu, STE_S1))).toBe(-ENOENT);
		expect(device.dma("read", VA)).toEqual([]);
		expect(ranges()).toBe(1);
	});
});

describe("events", () => {
	const UNMAPPED = VA + 0x3000n;
	const header = (sequence: number) => `00000000${Buffer.from(Uint32Array.of(sequence).buffer).toString("hex")}`;

	test("a stage 1 fault goes to the guest with its own stream ID, otherwise unchanged", () => {
		const guest = new Guest();
		const { device, queue } = guest.running();
		expect(device.dma("write", UNMAPPED)).toEqual(["1000000080000000000000000002000000300010000000000000000000000000"]);
		expect(guest.read(queue)).toBe(`${header(0)}1000000010000000000000000002000000300010000000000000000000000000`);
	});

	test("a stage 2 fault stays with the host", () => {
		const guest = new Guest();
		const { device, queue } = guest.running(0, 0x700_0000n);
		expect(device.dma("read", VA)).toEqual(["1000000080000000000000008802000000000010000000000000000800000000"]);
		expect(guest.read(queue)).toBe("");
		expect(guest.sim.log.join()).toContain("F_TRANSLATION");
	});

	test("each access of four bytes faults separately", () => {
		const guest = new Guest();
		const { device, queue } = guest.running();
		expect(device.dma("read", UNMAPPED, 18).length).toBe(5);
		expect(guest.read(queue).length).toBe(2 * 5 * 40);
	});

	test("the stream ID is the one that the vDEVICE had when the table was attached", () => {
		const guest = new Guest();
		const { device, queue, vdevice, viommu, nested } = guest.running();
		const seen = () => {
			device.dma("read", UNMAPPED);
			return guest.read(queue).slice(24, 32);
		};
		guest.calls.destroy({ id: vdevice });
		guest.vdevice(device, viommu, 0x1_0000_0077n);
		expect(seen()).toBe("10000000");
		device.attach(nested);
		expect(seen()).toBe("10000000");
		device.attach(guest.nested(device, viommu, STE_S1));
		expect(seen()).toBe("77000000");
	});

	test("no events from aborting entries or detached devices; no events to a guest unless nested", () => {
		const guest = new Guest();
		const { device, queue, viommu } = guest.running();
		device.attach(guest.nested(device, viommu, STE_ABORT));
		expect(device.dma("read", UNMAPPED)).toEqual([]);
		device.detach();
		expect(device.dma("read", UNMAPPED)).toEqual([]);
		device.attach(guest.ioas);
		expect(device.dma("read", UNMAPPED)).toEqual(["1000000080000000000000000802000000300010000000000000000000000000"]);
		expect(guest.read(queue)).toBe("");
	});
});

describe("stalls and PASIDs", () => {
	const STALLING = machine({ idr: [0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x74], ats: true });

	test("a stall is a page request of the stage 1 table's fault queue, not an event", () => {
		const guest = new Guest(STALLING);
		const device = guest.device(1);
		const viommu = guest.viommu(device, guest.parent(device));
		guest.vdevice(device, viommu, 0x10n);
		const queue = guest.events(viommu);
		const fault = guest.calls.faultQueueAlloc().decoded;
		device.attach(guest.nested(device, viommu, STE_S1, 0n, { flags: 4, fault_id: fault.out_fault_id }));
		guest.put(0n, [0x0001_f202_c000_3519n]);
		device.dma("write", VA + 0x3000n);
		expect(guest.read(queue)).toBe("");
		// flags LAST_PAGE, device, no PASID, group 0, WRITE, address, cookie 1
		expect(guest.read(fault.out_fault_fd, 40).slice(0, 64)).toBe(
			`02000000${Buffer.from(Uint32Array.of(device.id).buffer).toString("hex")}000000000000000002000000000000000030001000000000`.padEnd(
				64,
				"0",
			),
		);
	});
});
