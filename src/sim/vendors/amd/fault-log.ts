/** Describes faults of an AMD IOMMU, for command output and for the kernel log. */
import { AMD_EVENTS } from "../../../formats/amd/index.js";
import { formatBdf } from "../../board/bdf.js";

/** Names of events, by code. */
const EVENTS: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(AMD_EVENTS).map(([name, code]) => [code, name]));

export interface AmdFault {
	/** the event log's code and flags */
	readonly code: number;
	readonly flags: number;
}

/** Describes a fault. */
export function amdWhy({ code, flags }: AmdFault): string {
	return `${EVENTS[code] ?? `event ${code}`}, flags 0x${flags.toString(16)}`;
}

/** A line of the kernel log for a fault that nobody else received. */
export function amdFaultLine(bdf: number, pasid: number | undefined, domain: number, iova: bigint, fault: AmdFault): string {
	const who = pasid === undefined ? "" : ` pasid=0x${pasid.toString(16)}`;
	return `AMD-Vi: Event logged [${EVENTS[fault.code] ?? fault.code} device=${formatBdf(bdf)}${who} domain=0x${domain
		.toString(16)
		.padStart(4, "0")} address=0x${iova.toString(16)} flags=0x${fault.flags.toString(16).padStart(4, "0")}]`;
}
