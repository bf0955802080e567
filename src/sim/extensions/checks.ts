/** The checks of the proposals. */
import { EBUSY, EINVAL, EOPNOTSUPP } from "../../kernel/errno.js";
import { check, checks } from "../why/check.js";

/** Attaching a page table where the PASIDs of a function are one space. */
export const pasidChecks = checks("PCIe, 6.20 (PASID): PASIDs are the function's; proposals of 2018 and 2024", {
	guestOwnsPasids: check(
		EBUSY,
		"{device} uses a guest's whole PASID table, so the host cannot attach PASID {pasid:x}",
		"a function's PASIDs are either in a guest's table or attached one by one",
	),
	notSecondStage: check(
		EINVAL,
		"the page table is not a second stage, which the guest's PASID table that {device} uses needs beneath it",
		"guests' tables are nested on second-stage tables only",
	),
	ownDefault: check(
		EBUSY,
		"PASID {pasid:x} is the one that {device} uses anyway",
		"a virtual device's own PASID is attached without naming it",
	),
	foreignPasid: check(EBUSY, "PASID {pasid:x} of the function of {device} belongs to {owner}", "a PASID of a function has one owner"),
	coveredByGuest: check(
		EBUSY,
		"PASID {pasid:x} of the function of {device} is covered by a guest's whole PASID table",
		"a PASID of a function has one owner",
	),
	guestTableAttach: check(EINVAL, "a guest's whole PASID table is not attached like a page table", "vsva bind gives it to a device"),
});

/** Binding virtual devices that are one PASID of a function. */
export const siovChecks = checks("proposal of 2020 (Scalable IOV)", {
	cannotSplit: check(
		EOPNOTSUPP,
		"{device} is one PASID of a function, and {iommu} cannot give PASIDs of one function to different owners",
		"that needs an IOMMU that routes PASIDs by owner, and a function that sends PASIDs",
	),
	sharedFunction: check(
		EBUSY,
		"{other} (ID {id}) is in this context and shares the physical function of {device}",
		"a context holds one device of a physical function, or a fault could not be attributed to one of them: bind it to another context",
	),
});
