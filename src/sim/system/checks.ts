/** The checks of opening a path. */
import { ENOENT } from "../../kernel/errno.js";
import { check, checks } from "../why/check.js";

export const pathChecks = checks("open(2)", {
	noNode: check(ENOENT, "there is no {path}", "the path must be /dev/iommu or that of a file below /dev/vfio"),
	noVfio: check(ENOENT, "there is no {path}: the machine has only mock devices", "the machine must have devices (--machine)"),
});
