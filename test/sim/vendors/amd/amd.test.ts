/** Tests of the AMD driver: page tables, DMA, virtual IOMMUs. */
import { expect, test } from "vitest";
import { EINVAL, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { ioctls, iommu_viommu_alloc } from "../../../../structs/index.js";
import { Program } from "../../vfio/program.js";

const NEST = 1;

test("accepted flags; PASIDs need more than one level of guest CR3 table", () => {
	const p = new Program("amd");
	const { id } = p.bound(0);
	const ioas = p.ioas();
	expect([0, NEST, 2, 3, 8, 9, 16].map((flags) => Math.min(0, p.hwpt(id, ioas, flags)))).toEqual([
		0,
		0,
		0,
		0,
		-EOPNOTSUPP,
		-EOPNOTSUPP,
		-EOPNOTSUPP,
	]);
});

test("all 64 bits, except for a range of several pages that ends at the top", () => {
	const p = new Program("amd");
	const { fd } = p.bound(0);
	const ioas = p.ioas();
	p.attach(fd, ioas);
	expect(p.map(ioas, 0xffffffffffffe000n, 0x2000n)).toBe(-EINVAL);
	expect(p.map(ioas, 0xffffffffffffe000n)).toBe(0);
	expect(p.map(ioas, 0xfffffffffffff000n)).toBe(0);
	p.load(fd, 0xfffffffffffff000n, 0n, "top!");
	expect(p.store(fd, 0xfffffffffffff000n, 0n)).toBe("top!");
	p.detach(fd);
	const other = p.ioas();
	expect(p.map(other, 0xffffffffffffe000n, 0x2000n)).toBe(0);
	expect(p.attach(fd, other)).toBe(-EINVAL);
});

test("behind a PCI bridge DMA goes through the group's table", () => {
	const p = new Program("amd");
	const { fd } = p.bound(5);
	const ioas = p.ioas();
	p.map(ioas, 0x1000000n);
	p.attach(fd, ioas);
	p.load(fd, 0x1000000n, 0n, "pass");
	expect(p.store(fd, 0x1000000n, 0n)).toBe("pass");
});

test("virtual IOMMUs of every type but 0, on a nesting parent; no guest tables in 7.3", () => {
	const p = new Program("amd");
	const { id } = p.bound(0);
	const ioas = p.ioas();
	const parent = p.hwpt(id, ioas, NEST);
	const viommu = (type: number, hwpt_id: number) => {
		const bytes = iommu_viommu_alloc.encode({ size: iommu_viommu_alloc.size, type, dev_id: id, hwpt_id });
		const rc = p.kernel.ioctl(p.iommu, ioctls.IOMMU_VIOMMU_ALLOC.request, bytes);
		return rc < 0 ? rc : iommu_viommu_alloc.decode(bytes).out_viommu_id;
	};
	expect(viommu(0, parent)).toBe(-EOPNOTSUPP);
	expect(viommu(77, p.hwpt(id, ioas))).toBe(-EINVAL);
	const made = viommu(77, parent);
	expect(made).toBeGreaterThan(0);
	expect(p.hwpt(id, made, 0, { type: 3, bytes: new Uint8Array(32) })).toBe(-EOPNOTSUPP);
});
