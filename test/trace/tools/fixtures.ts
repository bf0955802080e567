/** Steps that the tests of the tools put together to programs. */
import type { Kernel } from "../../../src/kernel/kernel.js";
import { createSim } from "../../../src/sim/index.js";
import type { IoctlStep, Step } from "../../../src/trace/format.js";
import { iommu_destroy, iommu_ioas_alloc, iommu_ioas_map, type StructType } from "../../../structs/index.js";

export const newSim = (): Kernel => createSim().newProcess();

const hex = (type: Pick<StructType, "encode">, value: object): string => Buffer.from(type.encode(value as never)).toString("hex");
const call = (request: string, arg: string, answer: Partial<IoctlStep> = {}, fd = "iommu1"): Step => ({
	op: "ioctl",
	fd,
	request,
	arg,
	ret: 0,
	...answer,
});

export const open = (fd = "iommu1"): Step => ({ op: "open", path: "/dev/iommu", fd });
export const mmap = (addr = "0x200000000"): Step => ({ op: "mmap", addr, length: 65536, prot: "rw" });

export const ioasAlloc = (id = 1, fd?: string): Step =>
	call("IOMMU_IOAS_ALLOC", hex(iommu_ioas_alloc, { size: 12 }), { out: hex(iommu_ioas_alloc, { size: 12, out_ioas_id: id }) }, fd);

export const ioasMap = (value: object, answer: Partial<IoctlStep> = {}, fd?: string): Step => {
	const given = { size: 40, flags: 7, ioas_id: 1, user_va: 0x200000000n, length: 4096n, iova: 0x10000n, ...value };
	return call("IOMMU_IOAS_MAP", hex(iommu_ioas_map, given), answer, fd);
};

export const destroy = (id: number, answer: Partial<IoctlStep> = {}, fd?: string): Step =>
	call("IOMMU_DESTROY", hex(iommu_destroy, { size: 8, id }), answer, fd);
