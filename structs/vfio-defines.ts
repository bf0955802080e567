/** VFIO's constants, and the sets of them that single fields hold. */
import { defineSet, derivedSet } from "./sets.js";

export const vfio_defines = defineSet(
	"vfio_defines",
	{
		VFIO_API_VERSION: 0,
		VFIO_TYPE1_IOMMU: 1,
		VFIO_TYPE1v2_IOMMU: 3,
		VFIO_DMA_CC_IOMMU: 4,
		VFIO_TYPE1_NESTING_IOMMU: 6,
		VFIO_NOIOMMU_IOMMU: 8,
		VFIO_UNMAP_ALL: 9,
		VFIO_UPDATE_VADDR: 10,
		VFIO_DMA_MAP_FLAG_READ: 1,
		VFIO_DMA_MAP_FLAG_WRITE: 2,
		VFIO_DMA_MAP_FLAG_VADDR: 4,
		VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP: 1,
		VFIO_DMA_UNMAP_FLAG_ALL: 2,
		VFIO_DMA_UNMAP_FLAG_VADDR: 4,
		VFIO_IOMMU_INFO_PGSIZES: 1,
		VFIO_IOMMU_INFO_CAPS: 2,
		VFIO_DEVICE_ATTACH_PASID: 1,
		VFIO_DEVICE_DETACH_PASID: 1,
		VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE: 1,
		VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL: 3,
	},
	"constants of the VFIO calls",
);

type Name = keyof typeof vfio_defines;

function pick<const N extends Name>(
	kind: "enum" | "flags",
	name: string,
	doc: string,
	names: readonly N[],
): Readonly<Pick<typeof vfio_defines, N>> {
	const values = Object.fromEntries(names.map((key) => [key, vfio_defines[key]])) as Pick<typeof vfio_defines, N>;
	return derivedSet(kind, name, values, doc);
}

/** What VFIO_CHECK_EXTENSION asks for, and (the IOMMU types among them) VFIO_SET_IOMMU sets. */
export const vfio_extensions = pick("enum", "vfio_extensions", "IOMMU types and extensions", [
	"VFIO_TYPE1_IOMMU",
	"VFIO_TYPE1v2_IOMMU",
	"VFIO_DMA_CC_IOMMU",
	"VFIO_TYPE1_NESTING_IOMMU",
	"VFIO_NOIOMMU_IOMMU",
	"VFIO_UNMAP_ALL",
	"VFIO_UPDATE_VADDR",
]);
export const vfio_dma_map_flags = pick("flags", "vfio_dma_map_flags", "what devices may do", [
	"VFIO_DMA_MAP_FLAG_READ",
	"VFIO_DMA_MAP_FLAG_WRITE",
	"VFIO_DMA_MAP_FLAG_VADDR",
]);
export const vfio_dma_unmap_flags = pick("flags", "vfio_dma_unmap_flags", "how to unmap", [
	"VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP",
	"VFIO_DMA_UNMAP_FLAG_ALL",
	"VFIO_DMA_UNMAP_FLAG_VADDR",
]);
export const vfio_iommu_info_flags = pick("flags", "vfio_iommu_info_flags", "which fields are filled", [
	"VFIO_IOMMU_INFO_PGSIZES",
	"VFIO_IOMMU_INFO_CAPS",
]);
export const vfio_device_attach_flags = pick("flags", "vfio_device_attach_flags", "attach one PASID", ["VFIO_DEVICE_ATTACH_PASID"]);
export const vfio_device_detach_flags = pick("flags", "vfio_device_detach_flags", "detach one PASID", ["VFIO_DEVICE_DETACH_PASID"]);
export const vfio_info_cap_id = pick("enum", "vfio_info_cap_id", "capabilities of vfio_iommu_type1_info", [
	"VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE",
	"VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL",
]);
