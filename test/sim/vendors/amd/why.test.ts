/** Tests of what the AMD driver says of calls that fail. */
import { describe, expect, test } from "vitest";
import { AMD_DTE } from "../../../../src/formats/amd/index.js";
import { encodeFields, fromWords } from "../../../../src/formats/words.js";
import { EINVAL, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { ioctls, iommu_viommu_alloc } from "../../../../structs/index.js";
import { Program } from "../../vfio/program.js";

const NEST = 1;
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

describe("guests' device table entries", () => {
	const guest = () => {
		const p = new Program("amd", { amd_nested: true });
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

	test("take no PASID, neither when they are made nor attached", () => {
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
