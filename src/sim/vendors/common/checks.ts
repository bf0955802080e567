/** The checks that the drivers of all hardware share. */
import { EINVAL } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";

/** Reading the dirty bits of a page table. */
export const dirtyChecks = checks("observed on Linux 7.3.4", {
	notTracking: check(EINVAL, "dirty tracking of the page table is off", "HWPT_SET_DIRTY_TRACKING must have turned it on"),
});
