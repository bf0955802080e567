/** Which event an AMD IOMMU logs for a fault, and with which flags. */
import { AMD_EVENTS, AMD_FAULT_FLAGS as FLAG } from "../../../formats/amd/events.js";
import { EXEC, type FaultKind, PRIV, WRITE } from "../../mmu/walk.js";

/** An event's code, and the flags of a page fault. */
export interface AmdEvent {
	readonly code: number;
	readonly flags: number;
}

/**
 * The event for how a translation ended (specification, 2.5.3). `guest`: the guest's tables translated, or were to. A table that
 * the host does not map is a page fault like any other: PAGE_TAB_HARDWARE_ERROR is for memory that fails (2.5.5).
 */
export function amdEvent(kind: FaultKind, access: number, guest: boolean, memoryFailed = false): AmdEvent {
	if (memoryFailed) return { code: AMD_EVENTS.PAGE_TAB_HARDWARE_ERROR, flags: guest ? FLAG.gn : 0 };
	let flags = ((access & WRITE) !== 0 ? FLAG.rw : 0) | ((access & EXEC) !== 0 ? FLAG.nx : 0);
	// US counts only together with GN
	if (guest) flags |= FLAG.gn | ((access & PRIV) !== 0 ? 0 : FLAG.us);
	if (kind === "permission" || kind === "privilege" || kind === "update") flags |= FLAG.pr | FLAG.pe;
	else if (kind === "reserved") flags |= FLAG.pr | FLAG.rz;
	return { code: AMD_EVENTS.IO_PAGE_FAULT, flags };
}
