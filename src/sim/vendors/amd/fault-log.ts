/** Describes faults of an AMD IOMMU, for command output and for the kernel log. */
import { amdEventName, amdFlagWords } from "../../../formats/amd/events.js";
import { formatBdf } from "../../board/bdf.js";
import type { AmdEvent } from "./events.js";

/** A fault's event by name. */
export const amdFaultName = ({ code }: AmdEvent): string => amdEventName(code) ?? `event ${code}`;

/** Describes a fault. */
export function amdWhy({ code, flags }: AmdEvent): string {
	return `${amdFaultName({ code, flags })}, flags 0x${flags.toString(16)} (${amdFlagWords(flags)})`;
}

/** A line of the kernel log for a fault that nobody else received. */
export function amdFaultLine(bdf: number, pasid: number | undefined, domain: number, iova: bigint, fault: AmdEvent): string {
	const who = pasid === undefined ? "" : ` pasid=0x${pasid.toString(16)}`;
	return `AMD-Vi: Event logged [${amdEventName(fault.code) ?? `UNKNOWN event ${fault.code}`} device=${formatBdf(bdf)}${who} domain=0x${domain
		.toString(16)
		.padStart(4, "0")} address=0x${iova.toString(16)} flags=0x${fault.flags.toString(16).padStart(4, "0")}] ${amdFlagWords(fault.flags)}`;
}
