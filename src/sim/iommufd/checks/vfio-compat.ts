/** The checks of VFIO's container calls on /dev/iommu. */
import { EFAULT, EINVAL, ENODEV, ENOENT, EOVERFLOW } from "../../../kernel/errno.js";
import { largePagesChecks, mapChecks, splitChecks, unmapChecks } from "../../iova/checks.js";
import { check, checks } from "../../why/check.js";
import { pieceChecks } from "./ioas.js";

const HEADER = "include/uapi/linux/vfio.h";

const noCompatIoas = check(
	ENODEV,
	"the context has no IOAS for VFIO's calls",
	"IOMMU_VFIO_IOAS sets the IOAS, or VFIO_GROUP_SET_CONTAINER makes one",
);

/** The struct that a call begins with. */
export const argChecks = checks(HEADER, {
	argUnreadable: check(EFAULT, "the struct's {size} bytes at {addr} cannot be read: {fault}", "all of the struct's bytes must be readable"),
	argszTooSmall: check(
		EINVAL,
		"argsz is {argsz}, less than the {least} bytes that this call needs",
		"argsz must be at least the struct's size",
	),
});

export const checkExtensionChecks = checks(HEADER, { noCompatIoas });

export const setIommuChecks = checks(HEADER, {
	typeForNoIommu: check(
		EINVAL,
		"the type is {type}, and the context has a group without an IOMMU",
		"the type for groups without an IOMMU is VFIO_NOIOMMU_IOMMU (8)",
	),
	unknownType: check(EINVAL, "the type is {type}", "the type must be VFIO_TYPE1_IOMMU (1) or VFIO_TYPE1v2_IOMMU (3)"),
	noCompatIoas,
	space: largePagesChecks,
});

export const getInfoChecks = checks(`${HEADER}: vfio_iommu_type1_info`, {
	arg: argChecks,
	noCompatIoas,
	infoNotWritable: check(
		EFAULT,
		"{length} bytes at offset {offset} of the answer, at {addr}, cannot be written: {fault}",
		"argsz bytes must be writable",
	),
});

export const mapDmaChecks = checks(`${HEADER}: vfio_iommu_type1_dma_map`, {
	arg: argChecks,
	flags: check(EINVAL, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have READ and WRITE"),
	noCompatIoas,
	memory: pieceChecks,
	map: mapChecks,
});

/** Unmapping a range. */
export const unmapRangeChecks = checks(`${HEADER}: vfio_iommu_type1_dma_unmap`, {
	sizeZero: check(EINVAL, "size is 0", "size must be at least 1"),
	rangeEnd: check(EOVERFLOW, "{size} bytes from iova {iova} end beyond 2^64", "the range must end below 2^64"),
});

export const unmapDmaChecks = checks(`${HEADER}: vfio_iommu_type1_dma_unmap`, {
	arg: argChecks,
	flags: check(EINVAL, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have ALL (the dirty bitmap is not supported)"),
	noCompatIoas,
	allWithRange: check(EINVAL, "flags has ALL, iova is {iova} and size {size}", "iova and size must be 0 with ALL"),
	split: splitChecks,
	range: unmapRangeChecks,
	space: unmapChecks,
	answerNotWritable: check(EFAULT, "the answer cannot be written to the struct at {addr}: {fault}", "the struct must be writable"),
	nothingMapped: check(ENOENT, "nothing is mapped in {iova}-{last}", "before Linux 6.18 a range must contain a mapping", {
		source: "docs/releases.md",
	}),
});
