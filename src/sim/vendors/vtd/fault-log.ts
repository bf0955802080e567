/** The line of the kernel log for a VT-d fault. */
import { formatRid } from "../../board/bdf.js";
import { EXEC, WRITE } from "../../mmu/walk.js";
import { vtdReason } from "./fault-reasons.js";

/** A line of the kernel log for a fault that nobody else received. */
export function vtdFaultLine(rid: number, pasid: number | undefined, iova: bigint, access: number, reason: number): string {
	const what = access & WRITE ? "Write" : access & EXEC ? "Exec" : "Read";
	const who = pasid === undefined ? "NO_PASID" : `PASID 0x${pasid.toString(16)}`;
	return `DMAR: [DMA ${what} ${who}] Request device [${formatRid(rid)}] fault addr 0x${(iova & ~0xfffn).toString(16)} [fault reason 0x${reason
		.toString(16)
		.padStart(2, "0")}] ${vtdReason(reason)}`;
}
