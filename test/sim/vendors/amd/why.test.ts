/** Tests of what the AMD driver says of calls that fail. */
import { describe, expect, test } from "vitest";
import { iommuOn } from "../../../../src/client/iommu.js";
import { AMD_DTE } from "../../../../src/formats/amd/index.js";
import { encodeFields, fromWords } from "../../../../src/formats/words.js";
import { EINVAL, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { createSim } from "../../../../src/sim/index.js";
import { checkMachine } from "../../../../src/sim/vendors/machines.js";
import { ioctls, iommu_viommu_alloc } from "../../../../structs/index.js";
import { Program } from "../../vfio/program.js";

const NEST = 1;
/** guest CR3 tables of one level, guest tables of four */
const EFR = 0x17000f000029d7n;
const PASID = 8;

/** The check's ID and the text for the call that has just answered `rc`. */
function why({ kernel }: Program, rc: number): string {
	const found = kernel.why(rc);
	return found === undefined ? "nothing" : `${found.check}: ${found.text}`;
}

test("page tables: what a flag needs, and the last page", () => {
	const p = new Program("amd");
	const { id, fd } = p.bound(0);
	const ioas = p.ioas();
	expect(why(p, p.hwpt(id, ioas, PASID))).toBe("hwpt-alloc.amd-no-pasids: flags has PASID, and the kernel cannot use PASIDs on mmu");
	expect(why(p, p.hwpt(id, ioas, 0, { type: 3, bytes: new Uint8Array(32) }))).toBe(
		"hwpt-alloc.amd-paging-data: data of type 3 came with the allocation",
	);
	p.attach(fd, ioas);
	const rc = p.map(ioas, 0xffffffffffffe000n, 0x2000n);
	expect(rc).toBe(-EINVAL);
	expect(why(p, rc)).toBe("ioas-map.amd-last-page: the area 0xffffffffffffe000-0xffffffffffffffff ends with the address space");
});

test("features that are missing, and PASIDs together with other flags", () => {
	const on = (efr: bigint) => {
		const machine = checkMachine({
			name: "test",
			kernel: { unsafe_interrupts: true },
			iommus: [{ name: "mmu", kind: "amd", efr, efr2: 8 }],
			devices: [{ bdf: "00:10.0", iommu: "mmu", vfio: 0 }],
		});
		return new Program("amd", {}, createSim({ machine }));
	};
	const plain = on(EFR & ~(1n << 48n));
	const { id } = plain.bound(0);
	expect(why(plain, plain.hwpt(id, plain.ioas(), NEST))).toBe(
		"hwpt-alloc.amd-no-nesting: flags has NEST_PARENT, and mmu cannot nest page tables",
	);
	const { errno } = iommuOn(plain.kernel, plain.iommu).getHwInfo({ dev_id: id, flags: 1, in_data_type: 1 });
	expect(why(plain, -errno)).toBe("get-hw-info.amd-info-type: in_data_type is 0x1");
	const pasids = on(EFR | (1n << 14n));
	expect(why(pasids, pasids.hwpt(pasids.bound(0).id, pasids.ioas(), NEST | PASID))).toBe(
		"hwpt-alloc.amd-pasid-flags: flags is 0x9: PASID together with others",
	);
});

describe("guests' device table entries", () => {
	const guest = (p = new Program("amd", { amd_nested: true })) => {
		const { id, fd } = p.bound(0);
		const parent = p.hwpt(id, p.ioas(), NEST);
		const bytes = iommu_viommu_alloc.encode({ size: iommu_viommu_alloc.size, type: 2, dev_id: id, hwpt_id: parent });
		expect(p.kernel.ioctl(p.iommu, ioctls.IOMMU_VIOMMU_ALLOC.request, bytes)).toBe(0);
		const { out_viommu_id } = iommu_viommu_alloc.decode(bytes);
		const nested = (fields: Record<string, bigint>, flags = 0) =>
			p.hwpt(id, out_viommu_id, flags, { type: 3, bytes: fromWords(encodeFields(AMD_DTE, fields, [0n, 0n, 0n, 0n])) });
		return { p, fd, nested };
	};

	test.each([
		[{ mode: 3n }, "amd-host-table: Mode of the DTE is 3, and the host page table's root is 0x0"],
		[{ v: 1n, gv: 1n }, "amd-no-gcr3: V and GV of the DTE are 1, and the GCR3 table's address is 0"],
		[{ guest_paging_mode: 2n }, "amd-guest-mode: GuestPagingMode of the DTE is 2"],
		[{ glx: 3n }, "amd-glx: GLX of the DTE is 3"],
	])("%o", (fields, text) => {
		const { p, nested } = guest();
		const rc = nested(fields);
		expect(rc).toBe(-EINVAL);
		expect(why(p, rc)).toBe(`hwpt-alloc.${text}`);
	});

	test("need an IOMMU that translates their levels, and serve its devices only", () => {
		const { p, nested } = guest();
		const rc = nested({ guest_paging_mode: 1n });
		expect(rc).toBe(-EOPNOTSUPP);
		expect(why(p, rc)).toBe("hwpt-alloc.amd-five-levels: GuestPagingMode of the DTE is 1 (5 levels), and the IOMMU translates 4");
		const unit = { kind: "amd", efr: EFR, efr2: 8 };
		const machine = checkMachine({
			name: "test",
			kernel: { unsafe_interrupts: true, amd_nested: true },
			iommus: [
				{ name: "one", ...unit },
				{ name: "two", ...unit },
			],
			devices: [
				{ bdf: "00:10.0", iommu: "one", vfio: 0 },
				{ bdf: "00:11.0", iommu: "two", vfio: 1 },
			],
		});
		const two = guest(new Program("amd", {}, createSim({ machine })));
		const table = two.nested({});
		expect(table).toBeGreaterThan(0);
		expect(why(two.p, two.p.attach(two.p.bound(1).fd, table))).toMatch(
			/\.amd-other-iommu: the page table is one of one, and 0000:00:11\.0 is behind two$/,
		);
	});

	test("take no PASIDs", () => {
		const { p, nested } = guest();
		const rc = nested({}, PASID);
		expect(rc).toBe(-EOPNOTSUPP);
		expect(why(p, rc)).toBe("hwpt-alloc.amd-nested-flags: flags is 0x8");
	});
});

test("a driver without iommufd has no vIOMMUs", () => {
	const p = new Program("amd", { amd_iommufd: false });
	const { id } = p.bound(0);
	const bytes = iommu_viommu_alloc.encode({ size: iommu_viommu_alloc.size, type: 2, dev_id: id, hwpt_id: p.hwpt(id, p.ioas(), NEST) });
	expect(why(p, p.kernel.ioctl(p.iommu, ioctls.IOMMU_VIOMMU_ALLOC.request, bytes))).toBe(
		"viommu-alloc.amd-no-viommus: the AMD driver of this kernel was built without iommufd (amd_iommufd is off)",
	);
});
