/** The checks of the calls on a context's options. */
import { EBUSY, EINVAL, ENODEV, ENOENT, EOPNOTSUPP } from "../../../kernel/errno.js";
import { largePagesChecks } from "../../iova/checks.js";
import { check, checks } from "../../why/check.js";
import { respondChecks } from "./dispatch.js";

const OPTION = "uAPI: iommu_option";

/** IOMMU_OPTION_RLIMIT_MODE */
export const rlimitChecks = checks(OPTION, {
	rlimitObject: check(EOPNOTSUPP, "object_id is {id}", "object_id must be 0: RLIMIT_MODE is an option of the context"),
	rlimitOp: check(EOPNOTSUPP, "op is {op}", "op must be SET (0) or GET (1)"),
	rlimitInUse: check(
		EBUSY,
		"the context has {objects}",
		"RLIMIT_MODE can be set only before the context has its first object, and after the last",
	),
	rlimitValue: check(EINVAL, "val64 is {value}", "val64 must be 0 (memory is charged to the user) or 1 (to the process)"),
});

/** IOMMU_OPTION_HUGE_PAGES */
export const hugePagesChecks = checks(OPTION, {
	noIoas: check(
		ENOENT,
		"no IOAS has the ID {id}",
		"object_id must be the ID of an IOAS of this context: HUGE_PAGES is an option of an IOAS",
	),
	hugeOp: check(EOPNOTSUPP, "op is {op}", "op must be SET (0) or GET (1)"),
	hugeValue: check(EINVAL, "val64 is {value}", "val64 must be 0 (no huge pages) or 1 (huge pages)"),
	space: largePagesChecks,
});

export const optionChecks = checks(OPTION, {
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	rlimit: rlimitChecks,
	hugePages: hugePagesChecks,
	unknownOption: check(EOPNOTSUPP, "option_id is {id}", "option_id must be RLIMIT_MODE (0) or HUGE_PAGES (1)"),
	respond: respondChecks,
});

export const vfioIoasChecks = checks("uAPI: iommu_vfio_ioas", {
	reservedWord: check(EOPNOTSUPP, "__reserved is {value:x}", "reserved words must be 0"),
	noCompatIoas: check(
		ENODEV,
		"the context has no compatibility IOAS",
		"a compatibility IOAS must have been set with SET, or made by VFIO_GROUP_SET_CONTAINER",
	),
	respond: respondChecks,
	noIoas: check(ENOENT, "no IOAS has the ID {id}", "ioas_id must be the ID of an IOAS of this context"),
	unknownOp: check(EOPNOTSUPP, "op is {op}", "op must be GET (0), SET (1) or CLEAR (2)"),
});
