/** The checks of the stand-in driver of VFIO's no-IOMMU mode. */
import { EOPNOTSUPP } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";

const MODE = "VFIO's no-IOMMU mode";

export const noIommuTableChecks = checks(MODE, {
	tableFlags: check(EOPNOTSUPP, "flags is {flags:x}, and {device} has no IOMMU", "flags must be 0"),
	tableData: check(EOPNOTSUPP, "data of type {type} was given, and {device} has no IOMMU", "there must be no data"),
});

export const noIommuInfoChecks = checks(MODE, {
	noInfo: check(EOPNOTSUPP, "{device} has no IOMMU", "the device must be behind an IOMMU"),
});
