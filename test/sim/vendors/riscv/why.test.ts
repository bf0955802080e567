/** Tests of what the RISC-V driver says of calls that fail. */
import { describe, expect, test } from "vitest";
import { iommuOn } from "../../../../src/client/iommu.js";
import { encodeRiscvCommand } from "../../../../src/formats/riscv/index.js";
import { EINVAL, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { createSim } from "../../../../src/sim/index.js";
import { checkMachine } from "../../../../src/sim/vendors/machines.js";
import { SV39 } from "./guest.js";
import { NEST, RiscvGuest } from "./program.js";

/** The check's ID and the text for the call that has just answered `rc`. */
function why({ kernel }: RiscvGuest, rc: number): string {
	const found = kernel.why(rc);
	return found === undefined ? "nothing" : `${found.check}: ${found.text}`;
}

const withCapabilities = (capabilities: bigint) =>
	new RiscvGuest(
		{},
		createSim({
			machine: checkMachine({
				name: "test",
				kernel: { unsafe_interrupts: true, riscv_nested: true },
				iommus: [{ name: "mmu", kind: "riscv", capabilities }],
				devices: [{ bdf: "00:10.0", iommu: "mmu", vfio: 0 }],
			}),
		}),
	);

test("page tables", () => {
	const plain = new RiscvGuest({});
	const { id } = plain.bound(0);
	expect(why(plain, plain.hwpt(id, plain.ram, NEST))).toBe("hwpt-alloc.riscv-paging-flags: flags is 0x1, and the driver takes none");
	const p = new RiscvGuest();
	const nests = p.bound(0);
	expect(why(p, p.hwpt(nests.id, p.ram, 9))).toBe("hwpt-alloc.riscv-paging-flags: flags is 0x9, and the driver takes NEST_PARENT (1)");
	expect(why(p, p.hwpt(nests.id, p.ram, 0, { type: 4, bytes: new Uint8Array(32) }))).toBe(
		"hwpt-alloc.riscv-paging-data: data of type 4 came with the allocation",
	);
	const { errno } = iommuOn(p.kernel, p.iommu).getHwInfo({ dev_id: nests.id, flags: 1, in_data_type: 1 });
	expect(why(p, -errno)).toBe("get-hw-info.riscv-info-type: in_data_type is 0x1");
});

test("stages that the capabilities lack", () => {
	const first = withCapabilities(0x610n);
	const { id } = first.bound(0);
	expect(why(first, first.hwpt(id, first.ram, NEST))).toBe(
		"hwpt-alloc.riscv-no-second-stage: flags has NEST_PARENT, and mmu has no second stage",
	);
	const second = withCapabilities(0x20010n);
	expect(why(second, second.hwpt(second.bound(0).id, second.ram))).toBe("hwpt-alloc.riscv-no-first-stage: mmu has no first stage");
});

describe("guests' device contexts", () => {
	const guest = () => {
		const p = new RiscvGuest();
		const { id, fd } = p.bound(0);
		return { p, id, fd, parent: p.hwpt(id, p.ram, NEST) };
	};

	test.each([
		[{ event_len: 16n }, "riscv-event-length: event_len is 16, and out_event_uptr 0x200031000"],
		[{ out_event_uptr: 0n }, "riscv-event-length: event_len is 32, and out_event_uptr 0x0"],
		[{ dc_len: 64n }, "riscv-context-length: dc_len is 64, and dc_uptr 0x200030000"],
		[{ dc_uptr: 0x1000n }, "riscv-context-unreadable: the 32 bytes at dc_uptr 0x1000 cannot be read: page 0x1000 is not mapped"],
	])("%o", (struct, text) => {
		const { p, id, parent } = guest();
		const rc = p.nested(id, parent, { fsc_mode: SV39 }, struct);
		expect([rc, why(p, rc)]).toEqual([-EINVAL, `hwpt-alloc.${text}`]);
	});

	test("an event that cannot be written, flags, another vendor's data", () => {
		const { p, id, parent } = guest();
		const rc = p.nested(id, parent, { v: 0n }, { out_event_uptr: 0x1000n });
		expect([rc, why(p, rc)]).toEqual([
			-EINVAL,
			"hwpt-alloc.riscv-event-unwritable: the event of a device context that is not valid cannot be written to 0x1000: page 0x1000 is not mapped",
		]);
		expect(why(p, p.nested(id, parent, {}, {}, 8))).toBe("hwpt-alloc.riscv-nested-flags: flags is 0x8");
		const other = p.hwpt(id, parent, 0, { type: 1, bytes: new Uint8Array(24) });
		expect([other, why(p, other)]).toEqual([-EOPNOTSUPP, "hwpt-alloc.riscv-nested-type: data_type is 1"]);
	});

	test("one that is not valid is noted", () => {
		const { p, id, parent } = guest();
		expect(p.nested(id, parent, { v: 0n })).toBeGreaterThan(0);
		expect(p.kernel.notes().map(({ check, text }) => `${check}: ${text}`)).toContain(
			"hwpt-alloc.riscv-context-invalid: the guest's device context is not usable, so that every access faults with cause 258: V is 0",
		);
	});

	test("serve the devices of their IOMMU only", () => {
		const unit = { kind: "riscv", capabilities: 0x1f803068610n };
		const machine = checkMachine({
			name: "test",
			kernel: { unsafe_interrupts: true, riscv_nested: true },
			iommus: ["mmu", "other"].map((name) => ({ name, ...unit })),
			devices: ["mmu", "other"].map((iommu, n) => ({ bdf: `00:1${n}.0`, iommu, vfio: n })),
		});
		const p = new RiscvGuest({}, createSim({ machine }));
		const { table } = p.attached(0);
		const rc = p.attach(p.bound(1).fd, table);
		expect([rc, why(p, rc)]).toEqual([
			-EINVAL,
			"vfio-device-attach-iommufd-pt.riscv-other-iommu: the page table is one of mmu, and 0000:00:11.0 is behind other",
		]);
	});
});

test("commands of a guest", () => {
	const p = new RiscvGuest();
	const { table } = p.attached();
	const text = ([rc]: [number, number]) => `${rc} ${why(p, rc)}`;
	const fence = encodeRiscvCommand("IOFENCE_C", {});
	expect(text(p.invalidate(table, [fence], 0))).toBe(`${-EINVAL} hwpt-invalidate.riscv-array-type: data_type is 0x0`);
	expect(text(p.invalidate(table, [fence]))).toBe(`${-EOPNOTSUPP} hwpt-invalidate.riscv-command-unknown: the command is IOFENCE_C`);
	expect(text(p.invalidate(table, [new Uint8Array(16)]))).toBe(
		`${-EOPNOTSUPP} hwpt-invalidate.riscv-command-illegal: the command is illegal: opcode 0, func3 0 is reserved`,
	);
	expect(text(p.invalidate(table, [encodeRiscvCommand("ATS_INVAL", { rid: 0x99n })]))).toBe(
		`${-EINVAL} hwpt-invalidate.riscv-command-device: the command is for device ID 0x99, which does not use the page table`,
	);
	expect(text(p.invalidate(table, [fence], 2, 8))).toContain("hwpt-invalidate.entry-length");
});

test("notes tell of faults that only the log has, or nobody, and of device TLBs that keep entries", () => {
	const p = new RiscvGuest();
	const { fd, table } = p.attached(3, { dtf: 1n, en_ats: 1n, fsc_mode: SV39, fsc_ppn: 1n });
	const device = p.sim.control.device("0000:00:12.0");
	const notes = () => p.kernel.notes().map(({ check, text }) => `${check}: ${text}`);
	p.sim.control.raise(device, { what: "256", fields: {}, pasid: undefined });
	expect(notes()).toEqual(["raise.fault-logged: the fault of 0000:00:12.0 went to the kernel log: guests get no faults of RISC-V"]);
	expect(p.sim.log).toHaveLength(1);
	// without ATS nothing is answered, so that DTF is what keeps the fault quiet
	const quiet = p.attached(1, { dtf: 1n, fsc_mode: SV39, fsc_ppn: 1n });
	p.kernel.dma(quiet.fd, "read", 0x2000n, 4, 0);
	expect(notes()).toContain(
		"dma.riscv-fault-quiet: the fault of 0000:00:11.0 at iova 0x2000 was not recorded: the guest's device context says so (DTF)",
	);
	expect(p.sim.log).toHaveLength(1);
	device.requests.report({ pasid: undefined, group: 3, perm: 1, addr: 0x7000n, last: true });
	expect(notes()).toContain(
		"dma.request-refused: the page requests of 0000:00:12.0's group 3 were answered INVALID by the IOMMU: EN_PRI is 0 in the guest's device context",
	);
	p.load(fd, 0x1000n, 0x5000n, "keep");
	device.iommu.driver.caches?.failing.add(device.requester.wire, "ITE");
	expect(p.invalidate(table, [encodeRiscvCommand("ATS_INVAL", { rid: 0x90n, addr: 0x1000n })])).toEqual([0, 1]);
	expect(notes()).toEqual(["hwpt-invalidate.atc-kept: the device TLB of [00:12.0] keeps its entries: its invalidation timed out"]);
	expect(p.sim.log.at(-1)).toBe("riscv-iommu mmu: ATS.INVAL for device 00:12.0 timed out: its cache keeps its entries");
});
