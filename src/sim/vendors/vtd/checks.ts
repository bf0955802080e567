/** The checks of the VT-d driver, and what it notes of faults. */
import { EFAULT, EINVAL, ENODEV, EOPNOTSUPP } from "../../../kernel/errno.js";
import { entryChecks, userDataChecks } from "../../contract/checks.js";
import { check, checks } from "../../why/check.js";
import { atcChecks, dirtyChecks, loggedChecks } from "../common/checks.js";
import type { DriverChecks } from "../vendor.js";

const DRIVER = "observed on Linux 7.3.4";
const SPEC = "Intel VT-d specification 4.x";
const ECAP = `${SPEC}, 11.4.3 Extended Capability Register`;

export const vtdPagingChecks = checks(ECAP, {
	vtdPagingData: check(EOPNOTSUPP, "data of type {type} came with the allocation", "tables that the kernel manages take no data", {
		source: DRIVER,
	}),
	vtdNoNesting: check(EOPNOTSUPP, "{unit} cannot nest page tables ({why})", "a nesting parent needs scalable mode and ECAP.NEST"),
	vtdNoSecondStage: check(
		EOPNOTSUPP,
		"flags is {flags:x}, and {unit} has no second stage",
		"a table of the second stage needs ECAP.SSTS: nesting parents and dirty tracking do, and every table where ECAP.FSTS is 0",
	),
});

export const vtdNestedChecks = checks("uAPI: iommu_hwpt_vtd_s1", {
	vtdNestedType: check(EOPNOTSUPP, "data_type is {type}", "data_type must be VTD_S1 (1)"),
	data: userDataChecks,
});

export const vtdInfoChecks = checks("uAPI: iommu_hw_info", {
	vtdInfoType: check(EOPNOTSUPP, "in_data_type is {type:x}", "in_data_type must be DEFAULT (0) or INTEL_VTD (1)"),
});

export const vtdMapChecks = checks("uAPI: IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17", {
	vtdReadOnly: check(
		EINVAL,
		"the area at iova {iova} is read-only, and a page table of the IOAS is a nesting parent",
		"a nesting parent maps nothing read-only: by erratum 772415 hardware may write through such entries",
	),
});

/** Attaching a device to a table with a fault queue. */
export const vtdFaultChecks = checks(DRIVER, {
	vtdNoPri: check(
		ENODEV,
		"the page table has a fault queue, and {device} sends no page requests",
		"the device must have PRI to use a table with a fault queue",
	),
});

/** What a PASID table entry can hold. */
export const vtdEntryChecks = checks(ECAP, {
	vtdNoSupervisor: check(EINVAL, "flags has SRE, and {unit} cannot (ECAP.SRS is 0)", "SRE needs ECAP.SRS"),
	vtdNoExtendedAccessed: check(EINVAL, "flags has EAFE, and {unit} cannot (ECAP.EAFS is 0)", "EAFE needs ECAP.EAFS"),
	vtdNoFiveLevels: check(EINVAL, "addr_width is 57, and {unit} has no tables of five levels (CAP.FS5LP is 0)", "57 needs CAP.FS5LP", {
		source: `${SPEC}, 11.4.2 Capability Register`,
	}),
	vtdAddrWidth: check(EINVAL, "addr_width is {width}", "addr_width must be 48 or 57, for tables of four or five levels", {
		source: "uAPI: iommu_hwpt_vtd_s1",
	}),
});

export const vtdNestedAttachChecks = checks(DRIVER, {
	faults: vtdFaultChecks,
	entry: vtdEntryChecks,
});

/** One entry of an invalidation array. */
export const vtdInvalidationChecks = checks("uAPI: iommu_hwpt_vtd_s1_invalidate", {
	vtdEntryFlags: check(EOPNOTSUPP, "flags of the entry is {flags:x}", "flags may have LEAF (1)"),
	vtdEntryReserved: check(EOPNOTSUPP, "__reserved of the entry is {value:x}", "reserved words must be 0"),
	vtdEntryAddr: check(EINVAL, "addr of the entry is {addr}", "addr must be a multiple of 4096"),
	vtdEntryEverything: check(
		EINVAL,
		"npages of the entry is 2^64-1, and addr {addr}",
		"with npages 2^64-1, which means everything, addr must be 0",
	),
});

/** The error word of entries, as patches v7 to v10 proposed it. */
export const vtdErrorChecks = checks("iommufd patches v7 to v10 (2023 to 2024)", {
	vtdErrorNotWritable: check(
		EFAULT,
		"hw_error of entry {index} at {addr} cannot be written: {fault}",
		"entries must be writable, as the kernel answers in them",
	),
});

export const vtdInvalidateChecks = checks("uAPI: iommu_hwpt_invalidate", {
	vtdArrayType: check(EINVAL, "data_type is {type:x}", "data_type must be VTD_S1 (0)"),
	entry: entryChecks,
	each: vtdInvalidationChecks,
	error: vtdErrorChecks,
});

/** Faults that nobody hears of. */
export const vtdQuietChecks = checks(`${SPEC}, 9.6 Scalable-Mode PASID Table Entry`, {
	vtdFaultQuiet: check(
		0,
		"the fault of {device} at iova {iova} was not recorded: the guest's PASID table says so (FPD)",
		"faults are recorded unless FPD is 1",
	),
});

/** What the driver checks where the core asks it. */
export const vtdChecks: DriverChecks = {
	allocPaging: vtdPagingChecks,
	allocNested: vtdNestedChecks,
	attach: { paging: vtdFaultChecks, nested: vtdNestedAttachChecks },
	canMap: vtdMapChecks,
	readDirty: dirtyChecks,
	hwInfo: vtdInfoChecks,
	invalidate: vtdInvalidateChecks,
	notes: { fault: loggedChecks, quiet: vtdQuietChecks, atc: atcChecks },
};
