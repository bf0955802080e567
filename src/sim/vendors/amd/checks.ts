/** The checks of the AMD driver. */
import { EINVAL, EOPNOTSUPP } from "../../../kernel/errno.js";
import { userDataChecks } from "../../contract/checks.js";
import { check, checks } from "../../why/check.js";
import { atcChecks, dirtyChecks, loggedChecks } from "../common/checks.js";
import type { DriverChecks } from "../vendor.js";

const DRIVER = "observed on Linux 7.3.4";
const EFR = "AMD 48882, MMIO Offset 0030h Extended Feature Register";
const DTE = "AMD 48882, 2.2.2.1 Device Table Entry Format";

export const amdPagingChecks = checks(DRIVER, {
	amdPagingData: check(EOPNOTSUPP, "data of type {type} came with the allocation", "tables that the kernel manages take no data"),
	amdNoPasids: check(
		EOPNOTSUPP,
		"flags has PASID, and the kernel cannot use PASIDs on {iommu}",
		"PASIDs need guest tables (GTSup), PPRSup, EPHSup, and GCR3 tables of two levels (GLXSup)",
		{ source: EFR },
	),
	amdPasidFlags: check(
		EOPNOTSUPP,
		"flags is {flags:x}: PASID together with others",
		"a table for PASIDs has the guest's format, so it can be neither a nesting parent nor track dirty pages",
	),
	amdNoNesting: check(
		EOPNOTSUPP,
		"flags has NEST_PARENT, and {iommu} cannot nest page tables",
		"nesting needs GTSup, GIOSup and GCR3TRPMode",
		{ source: EFR },
	),
});

export const amdInfoChecks = checks("uAPI: iommu_hw_info", {
	amdInfoType: check(EOPNOTSUPP, "in_data_type is {type:x}", "in_data_type must be DEFAULT (0) or AMD (3)"),
});

export const amdViommuChecks = checks(DRIVER, {
	amdNoViommus: check(
		EOPNOTSUPP,
		"the AMD driver of this kernel was built without iommufd (amd_iommufd is off)",
		"vIOMMUs need the driver's part for iommufd (CONFIG_AMD_IOMMU_IOMMUFD)",
	),
});

export const amdMapChecks = checks(DRIVER, {
	amdLastPage: check(
		EINVAL,
		"the area {start}-{last} ends with the address space",
		"the driver maps the last page of the address space on its own, not at the end of a longer area",
	),
});

/** A guest's device table entry. */
export const amdDteChecks = checks(DTE, {
	data: userDataChecks,
	amdHostTable: check(
		EINVAL,
		"Mode of the DTE is {mode}, and the host page table's root is {root}",
		"a guest's entry has no host table: both must be 0",
	),
	amdNoGcr3: check(EINVAL, "V and GV of the DTE are 1, and the GCR3 table's address is 0", "a valid guest entry needs a GCR3 table"),
	amdGuestMode: check(EINVAL, "GuestPagingMode of the DTE is {mode}", "GuestPagingMode must be 0 (4 levels) or 1 (5 levels)"),
	amdGlx: check(EINVAL, "GLX of the DTE is 3", "GLX must be 0 to 2, for GCR3 tables of one to three levels"),
	amdFiveLevels: check(
		EOPNOTSUPP,
		"GuestPagingMode of the DTE is 1 (5 levels), and the IOMMU translates 4",
		"guest tables of five levels need GATS of 1",
		{ source: EFR },
	),
});

export const amdNestedChecks = checks(DRIVER, {
	amdNestedFlags: check(
		EOPNOTSUPP,
		"flags is {flags:x}",
		"a guest's device table entry takes no flags but FAULT_ID_VALID: the guest has all PASIDs of the device",
	),
	dte: amdDteChecks,
});

export const amdNestedAttachChecks = checks(DRIVER, {
	amdOtherIommu: check(
		EINVAL,
		"the page table is one of {table}, and {device} is behind {iommu}",
		"a guest's device table entry serves the devices of its own IOMMU",
	),
});

/** What the driver checks where the core asks it. */
export const amdChecks: DriverChecks = {
	allocPaging: amdPagingChecks,
	attach: amdNestedAttachChecks,
	canMap: amdMapChecks,
	readDirty: dirtyChecks,
	hwInfo: amdInfoChecks,
	viommuSupported: amdViommuChecks,
	viommuAllocNested: amdNestedChecks,
	notes: { fault: loggedChecks, atc: atcChecks },
};
