/** The checks of binding devices and attaching them to page tables. */
import { EBUSY, EINVAL, ENOENT, EPERM } from "../../../kernel/errno.js";
import { enterChecks } from "../../contract/checks.js";
import { reserveChecks } from "../../iova/checks.js";
import { check, checks } from "../../why/check.js";
import { newTableChecks } from "./hwpt.js";
import { noMemory } from "./objects.js";

const SOURCE = "observed on Linux 7.3.4";

/** Binding a device to a context. */
export const claimChecks = checks(SOURCE, {
	groupOwned: check(
		EPERM,
		"group {group} of {device} belongs to {owner}",
		"all devices of a group must be bound in the same context, and nothing else may do DMA with them",
	),
});

/** Which PASIDs a page table can be attached for. */
export const tablePasidChecks = checks("uAPI: iommufd_hwpt_alloc_flags", {
	pasidTooHigh: check(EINVAL, "PASID {pasid} is too high: {device} has {pasids} PASIDs", "the PASID must be one of the device's"),
	ownTable: check(
		EINVAL,
		"{table}, which the device uses without PASID, was allocated without ALLOC_PASID",
		"all page tables of a device with PASIDs must have been allocated with ALLOC_PASID",
	),
	tableForPasid: check(
		EINVAL,
		"{table} was allocated without ALLOC_PASID",
		"a page table for a PASID must have been allocated with ALLOC_PASID",
	),
	pasidsAttached: check(
		EINVAL,
		"{table} was allocated without ALLOC_PASID, and PASID {pasid} of the device is attached",
		"all page tables of a device with PASIDs must have been allocated with ALLOC_PASID",
	),
});

/** Attaching a device of a group. */
export const joinChecks = checks(SOURCE, {
	deviceAttached: check(
		EBUSY,
		"device {device} is attached to {table} already, for {requests}",
		"the device must be detached first, or its page table be replaced",
	),
	groupElsewhere: check(
		EINVAL,
		"device {device} of the same group is attached to {table}",
		"all devices of a group must be attached to the same page table",
	),
	attachMemory: noMemory,
	reserve: reserveChecks,
	pasid: tablePasidChecks,
	enter: enterChecks,
});

/** Moving a device's group to another page table. */
export const moveChecks = checks(SOURCE, {
	deviceNotAttached: check(EINVAL, "device {device} is not attached for {requests}", "only a page table that is attached can be replaced"),
	replaceMemory: noMemory,
	reserve: reserveChecks,
	pasid: tablePasidChecks,
	enter: enterChecks,
});

/** What a device can be attached to. */
export const targetChecks = checks(SOURCE, {
	noTarget: check(ENOENT, "pt_id {id} names no object", "pt_id must be the ID of an IOAS or a page table of this context"),
	badTarget: check(EINVAL, "pt_id {id} names {found}", "pt_id must be the ID of an IOAS or a page table"),
});

/** Attaching to an IOAS: one of its automatic page tables, or a new one. */
export const automaticChecks = checks(SOURCE, {
	skipped: check(
		0,
		"{table}, an automatic page table of ioas {ioas}, does not fit device {device}",
		"a device is attached to the first automatic page table of the IOAS that fits it",
	),
	taken: check(
		0,
		"device {device} is attached to {table}, {what}",
		"a device is attached to the first automatic page table of the IOAS that fits it, or to a new one",
	),
	table: newTableChecks,
});

/** Attaching a device to a page table or an IOAS. */
export const attachDeviceChecks = { target: targetChecks, join: joinChecks, automatic: automaticChecks };
/** The same for a device that is attached. */
export const replaceDeviceChecks = { target: targetChecks, move: moveChecks, automatic: automaticChecks };
