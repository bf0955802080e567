/** The checks that the drivers of all hardware share. */
import { EINVAL } from "../../../kernel/errno.js";
import type { AtcError } from "../../mmu/failing-atcs.js";
import { check, checks } from "../../why/check.js";

/** Invalidations of the caches that devices keep of their own. */
export const atcChecks = checks("PCI Express Base Specification, 10.3.1 Invalidate Request", {
	atcKept: check(
		0,
		"the device TLB of [{device}] keeps its entries: its invalidation {how}",
		"the device must complete the invalidation; what it keeps may be stale",
	),
});

/** Faults of vendors whose guests get no events. */
export const loggedChecks = checks("observed on Linux 7.3.4", {
	faultLogged: check(
		0,
		"the fault of {device} went to the kernel log: guests get no faults of {vendor}",
		"only vEVENTQs bring guests their faults, and the driver has no type of them",
	),
});

/** How the invalidation of a device's cache ended. */
export const endOf = (error: AtcError): string => (error === "ITE" ? "timed out" : "completed with an error");

/** Reading the dirty bits of a page table. */
export const dirtyChecks = checks("observed on Linux 7.3.4", {
	notTracking: check(EINVAL, "dirty tracking of the page table is off", "HWPT_SET_DIRTY_TRACKING must have turned it on"),
});
