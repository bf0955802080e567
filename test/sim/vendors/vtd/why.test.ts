/** Tests of what the VT-d driver says of calls that fail, and of accesses that did not arrive. */
import { describe, expect, test } from "vitest";
import { iommuOn } from "../../../../src/client/iommu.js";
import { EINVAL, ENODEV } from "../../../../src/kernel/errno.js";
import { PROT_READ } from "../../../../src/kernel/kernel.js";
import { createSim } from "../../../../src/sim/index.js";
import type { HwIommu } from "../../../../src/sim/vendors/common/driver.js";
import type { VtdIommu } from "../../../../src/sim/vendors/vtd/board.js";
import type { VtdDriver } from "../../../../src/sim/vendors/vtd/driver.js";
import type { VtdPagingDomain } from "../../../../src/sim/vendors/vtd/paging-domain.js";
import {
	iommu_hwpt_vtd_s1_invalidate as ENTRY,
	ioctls,
	iommu_fault_alloc,
	iommu_hwpt_alloc,
	iommu_hwpt_invalidate,
	iommu_hwpt_vtd_s1 as S1,
} from "../../../../structs/index.js";
import { MEMORY, machine, Program } from "../../vfio/program.js";

const NEST = 1;
const DIRTY = 2;
const FAULT = 4;

/** The check's ID and the text for the call that has just answered `rc`. */
function why({ kernel }: Program, rc: number): string {
	const found = kernel.why(rc);
	return found === undefined ? "nothing" : `${found.check}: ${found.text}`;
}

const s1 = (addr_width: number, flags = 0n) => ({ type: 1, bytes: S1.encode({ flags, pgtbl_addr: 0x10000n, addr_width }) });

describe("page tables", () => {
	test("a legacy unit cannot nest, and read-only areas and nesting parents exclude each other", () => {
		const legacy = new Program("legacy");
		expect(why(legacy, legacy.hwpt(legacy.bound(0).id, legacy.ioas(), NEST))).toBe(
			"hwpt-alloc.vtd-no-nesting: mmu cannot nest page tables (it is in legacy mode)",
		);
		const p = new Program();
		const ioas = p.ioas();
		p.hwpt(p.bound(0).id, ioas, NEST);
		expect(why(p, p.map(ioas, 0x1000000n, 0x1000n, 0n, 5))).toBe(
			"ioas-map.vtd-read-only: the area at iova 0x1000000 is read-only, and a page table of the IOAS is a nesting parent",
		);
	});

	test("a table with a fault queue needs PRI", () => {
		const p = new Program();
		const { id, fd } = p.bound(0);
		const queue = iommu_fault_alloc.encode({ size: iommu_fault_alloc.size });
		p.kernel.ioctl(p.iommu, ioctls.IOMMU_FAULT_QUEUE_ALLOC.request, queue);
		const fault_id = iommu_fault_alloc.decode(queue).out_fault_id;
		const bytes = iommu_hwpt_alloc.encode({ size: iommu_hwpt_alloc.size, flags: FAULT, dev_id: id, pt_id: p.ioas(), fault_id });
		expect(p.kernel.ioctl(p.iommu, ioctls.IOMMU_HWPT_ALLOC.request, bytes)).toBe(0);
		const rc = p.attach(fd, iommu_hwpt_alloc.decode(bytes).out_hwpt_id);
		expect(rc).toBe(-ENODEV);
		expect(why(p, rc)).toMatch(/\.vtd-no-pri: the page table has a fault queue, and 0000:00:10\.0 sends no page requests$/);
	});
});

describe("nested tables", () => {
	/** `without`: a bit of ECAP that is 0 */
	function guest(data = s1(48), without?: bigint) {
		const on = machine("vtd");
		const [unit] = on.iommus as readonly VtdIommu[];
		const ecap = without === undefined ? unit.ecap : unit.ecap & ~(1n << without);
		const p = new Program("vtd", {}, createSim({ machine: { ...on, iommus: [{ ...unit, ecap } as VtdIommu] } }));
		const { id, fd } = p.bound(0);
		const parent = p.hwpt(id, p.ioas(), NEST);
		return { p, id, fd, parent, nested: p.hwpt(id, parent, 0, data) };
	}

	test("say what of the data is wrong, when they are made or attached", () => {
		const { p, id, parent } = guest();
		expect(why(p, p.hwpt(id, parent, 0, { type: 2, bytes: new Uint8Array(24) }))).toBe("hwpt-alloc.vtd-nested-type: data_type is 2");
		expect(why(p, p.hwpt(id, parent, 0, { type: 1, bytes: new Uint8Array(23) }))).toBe(
			"hwpt-alloc.data-length: data_len is 23, and the driver's struct has 24 bytes, of which 24 are needed",
		);
		const odd = guest(s1(39));
		expect(why(odd.p, odd.p.attach(odd.fd, odd.nested))).toMatch(/\.vtd-addr-width: addr_width is 39$/);
		for (const [flags, width, bit, text] of [
			[1n, 48, 31n, "vtd-no-supervisor: flags has SRE, and mmu cannot (ECAP.SRS is 0)"],
			[2n, 48, 34n, "vtd-no-extended-accessed: flags has EAFE, and mmu cannot (ECAP.EAFS is 0)"],
		] as const) {
			const lacking = guest(s1(width, flags), bit);
			const rc = lacking.p.attach(lacking.fd, lacking.nested);
			expect(rc).toBe(-EINVAL);
			expect(why(lacking.p, rc)).toContain(`.${text}`);
		}
	});

	test("name the entry's field that is wrong, with its value", () => {
		const { p, nested } = guest();
		const refused = (entry: object, fields: object = {}) => {
			const list = MEMORY + 0x30000n;
			p.kernel.poke(list, ENTRY.encode({ addr: 0n, npages: 1n, flags: 0, __reserved: 0, ...entry }));
			const given = {
				size: iommu_hwpt_invalidate.size,
				hwpt_id: nested,
				data_type: 0,
				data_uptr: list,
				entry_len: ENTRY.size,
				entry_num: 1,
			};
			const bytes = iommu_hwpt_invalidate.encode({ ...given, ...fields });
			return why(p, p.kernel.ioctl(p.iommu, ioctls.IOMMU_HWPT_INVALIDATE.request, bytes));
		};
		const call = "hwpt-invalidate";
		expect(refused({ addr: 0x1234n })).toBe(`${call}.vtd-entry-addr: addr of the entry is 0x1234`);
		expect(refused({ flags: 6 })).toBe(`${call}.vtd-entry-flags: flags of the entry is 0x6`);
		expect(refused({ __reserved: 9 })).toBe(`${call}.vtd-entry-reserved: __reserved of the entry is 0x9`);
		expect(refused({ addr: 0x1000n, npages: (1n << 64n) - 1n })).toBe(
			`${call}.vtd-entry-everything: npages of the entry is 2^64-1, and addr 0x1000`,
		);
		expect(refused({}, { data_type: 5 })).toBe(`${call}.vtd-array-type: data_type is 0x5`);
		expect(refused({}, { entry_len: 16 })).toBe(`${call}.entry-length: entry_len is 16, and the driver's entries have 24 bytes`);
		expect(refused({}, { data_uptr: 0x7000n })).toBe(
			`${call}.entry-unreadable: entry 0 at 0x7000 cannot be read: page 0x7000 is not mapped`,
		);
	});
});

/** A program on a unit whose registers lack these bits. */
function lacking(bits: { cap?: bigint; ecap?: bigint }): Program {
	const on = machine("vtd");
	const [unit] = on.iommus as readonly VtdIommu[];
	const changed = { ...unit, cap: unit.cap & ~(bits.cap ?? 0n), ecap: unit.ecap & ~(bits.ecap ?? 0n) };
	return new Program("vtd", {}, createSim({ machine: { ...on, iommus: [changed as VtdIommu] } }));
}

test("features of the unit that are missing, and what kernel-managed tables do not take", () => {
	const noSecond = lacking({ ecap: 1n << 46n });
	expect(why(noSecond, noSecond.hwpt(noSecond.bound(0).id, noSecond.ioas(), NEST))).toBe(
		"hwpt-alloc.vtd-no-second-stage: flags is 0x1, and mmu has no second stage",
	);
	const fourLevels = lacking({ cap: 1n << 60n });
	const { id, fd } = fourLevels.bound(0);
	const nested = fourLevels.hwpt(id, fourLevels.hwpt(id, fourLevels.ioas(), NEST), 0, s1(57));
	expect(why(fourLevels, fourLevels.attach(fd, nested))).toMatch(
		/\.vtd-no-five-levels: addr_width is 57, and mmu has no tables of five levels/,
	);
	expect(why(fourLevels, fourLevels.hwpt(id, fourLevels.ioas(), 0, s1(48)))).toBe(
		"hwpt-alloc.vtd-paging-data: data of type 1 came with the allocation",
	);
	const { ret, errno } = iommuOn(fourLevels.kernel, fourLevels.iommu).getHwInfo({ dev_id: id, flags: 1, in_data_type: 2 });
	expect([ret, why(fourLevels, -errno)]).toEqual([-1, "get-hw-info.vtd-info-type: in_data_type is 0x2"]);
});

test("dirty bits are read only while they are tracked", () => {
	const p = new Program();
	const calls = iommuOn(p.kernel, p.iommu);
	const ioas = p.ioas();
	const hwpt_id = p.hwpt(p.bound(0).id, ioas, DIRTY);
	p.map(ioas, 0n);
	const { errno } = calls.hwptGetDirtyBitmap({ hwpt_id, iova: 0n, length: 0x1000n, page_size: 0x1000n, data: MEMORY });
	expect(why(p, -errno)).toBe("hwpt-get-dirty-bitmap.not-tracking: dirty tracking of the page table is off");
});

test("the proposed error word needs entries that can be written", () => {
	const p = new Program("vtd", { vtd_inv_v10: true });
	const { id } = p.bound(0);
	const hwpt_id = p.hwpt(id, p.hwpt(id, p.ioas(), NEST), 0, s1(48));
	const list = p.kernel.mmap({ addr: 0x3_0000_0000n, length: 0x1000n, prot: PROT_READ });
	const { errno } = iommuOn(p.kernel, p.iommu).hwptInvalidate({
		hwpt_id,
		data_type: 0,
		data_uptr: list,
		entry_len: ENTRY.size,
		entry_num: 1,
	});
	expect(why(p, -errno)).toBe(
		"hwpt-invalidate.vtd-error-not-writable: hw_error of entry 0 at 0x300000014 cannot be written: page 0x300000000 is read-only",
	);
});

test("notes tell of faults that only the log has, or nobody, and of device TLBs that keep entries", () => {
	const p = new Program();
	const { fd } = p.bound(3);
	const ioas = p.ioas();
	p.map(ioas, 0n, 0x20000n);
	p.attach(fd, ioas);
	const device = p.sim.control.device("0000:00:12.0");
	const { driver } = device.iommu as HwIommu<VtdDriver>;
	const notes = () => p.kernel.notes().map(({ check, text }) => `${check}: ${text}`);
	p.sim.control.raise(device, { what: "0x71", fields: {}, pasid: undefined });
	expect(notes()).toEqual(["raise.fault-logged: the fault of 0000:00:12.0 went to the kernel log: guests get no faults of VT-d"]);
	// a directory whose entry says FPD, and is not present
	p.kernel.poke(MEMORY + 0x10000n, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0));
	const stage2 = device.group.attached.get(0)?.domain as VtdPagingDomain;
	driver.bindTable(0x10000n, 64).translate(device, stage2, 0x5000n, 1, 3);
	expect(notes().at(-1)).toBe(
		"raise.vtd-fault-quiet: the fault of 0000:00:12.0 at iova 0x5000 was not recorded: the guest's PASID table says so (FPD)",
	);
	driver.caches.failing.add(device.requester.wire, "ICE");
	p.detach(fd);
	expect(notes()).toEqual([
		expect.stringMatching(/\.atc-kept: the device TLB of \[00:12\.0\] keeps its entries: its invalidation completed with an error$/),
	]);
});

test("DMA that did not arrive is noted with the fault reason", () => {
	const p = new Program();
	const { fd } = p.bound(0);
	p.attach(fd, p.ioas());
	expect(p.store(fd, 0x7000n, 0n)).toBe("----");
	expect(p.kernel.dma(fd, "write", 0x7000n, 4, 0)).toEqual([]);
	expect(p.kernel.notes().map(({ check, text }) => `${check}: ${text}`)).toEqual([
		"dma.dma-aborted: the access of 0000:00:10.0 to iova 0x7000 was aborted: fault reason 0x71: the first-stage entry is not present",
	]);
	expect(p.kernel.why(-EINVAL)).toBeUndefined();
});
