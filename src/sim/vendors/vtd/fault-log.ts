/** Describes VT-d faults, for command output and for the kernel log. */
import { formatRid } from "../../board/bdf.js";
import { EXEC, WRITE } from "../../mmu/walk.js";

/** The meanings of VT-d's fault reasons (specification, 7.1.3). */
const REASONS: Readonly<Record<number, string>> = {
	2: "the context entry is not present",
	5: "the page is not mapped for writing",
	6: "the page is not mapped for reading",
	70: "the PASID is beyond the PASID directory",
	80: "the PASID directory cannot be read",
	81: "the PASID directory entry is not present",
	82: "the PASID directory entry has reserved bits set",
	88: "the PASID table entry cannot be read",
	89: "the PASID table entry is not present",
	91: "the PASID table entry is invalid",
	92: "the PASID table entry refuses execution",
	93: "the PASID table entry refuses supervisor requests",
	112: "a first-stage entry cannot be read",
	113: "the first-stage entry is not present",
	114: "the first-stage entry has reserved bits set",
	115: "the first-stage root cannot be read",
	117: "the first-stage root is not mapped in the second stage",
	118: "a first-stage table is not mapped in the second stage",
	119: "a first-stage table is read-only in the second stage",
	121: "the second stage does not map the page, or forbids the access",
	128: "the address is not canonical",
	129: "a user request for a supervisor page",
	130: "the page is not executable",
	133: "the page is not writable",
	134: "the page is not readable",
	145: "an accessed or dirty bit could not be set",
};

export function vtdReason(reason: number): string {
	return REASONS[reason] ?? "unknown";
}

/** A line of the kernel log for a fault that nobody else received. */
export function vtdFaultLine(rid: number, pasid: number | undefined, iova: bigint, access: number, reason: number): string {
	const what = access & WRITE ? "Write" : access & EXEC ? "Exec" : "Read";
	const who = pasid === undefined ? "NO_PASID" : `PASID 0x${pasid.toString(16)}`;
	return `DMAR: [DMA ${what} ${who}] Request device [${formatRid(rid)}] fault addr 0x${(iova & ~0xfffn).toString(16)} [fault reason 0x${reason
		.toString(16)
		.padStart(2, "0")}] ${vtdReason(reason)}`;
}

/** VT-d's fault reason (specification, 7.1.3) for how a first-stage walk of `levels` ended. */
export function vtdFaultReason(result: { fault: string; level: number }, levels: number, access: number): number {
	switch (result.fault) {
		case "table-fetch":
			// the root, which the PASID entry points to, has its own reason
			return result.level === levels ? 0x73 : 0x70;
		case "not-present":
			return 0x71;
		case "reserved":
			return 0x72;
		case "non-canonical":
			return 0x80;
		case "privilege":
			return 0x81;
		case "update":
			return 0x91;
		default:
			return (access & EXEC) !== 0 ? 0x82 : (access & WRITE) !== 0 ? 0x85 : 0x86;
	}
}
