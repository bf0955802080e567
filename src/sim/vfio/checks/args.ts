/** The checks of copying the structs of VFIO calls. */
import { EFAULT } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";

const SOURCE = "include/uapi/linux/vfio.h";

/** How the text of a struct that cannot be read begins; the values are its size, its address and the fault. */
export const UNREADABLE = "the {size} bytes at {addr} cannot be read: {fault}";

export const argReadChecks = checks(SOURCE, {
	argUnreadable: check(EFAULT, UNREADABLE, "the argument must point to the call's struct"),
});

export const argWriteChecks = checks(SOURCE, {
	argNotWritable: check(EFAULT, "the answer cannot be written to {addr}: {fault}", "the struct must be writable"),
});
