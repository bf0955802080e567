/** Which fault a RISC-V IOMMU reports for how a translation ended, and what Linux logs of it. */
import { RISCV_IOTVAL2, RISCV_TTYP, riscvCause } from "../../../formats/riscv/index.js";
import type { Refusal } from "../../mmu/translate.js";
import { EXEC, WRITE } from "../../mmu/walk.js";

/** The causes that the translation process raises by itself (3.2). */
export const CAUSE = {
	DDT_INVALID: 258,
	DDT_MISCONFIGURED: 259,
	TYPE_DISALLOWED: 260,
	PDT_LOAD: 265,
	PDT_INVALID: 266,
	PDT_MISCONFIGURED: 267,
} as const;

/** A fault: its cause, and `iotval2` of its record. */
export interface RiscvFault {
	readonly cause: number;
	readonly iotval2: bigint;
}

/** for each kind of fault: of a read for execution, a read, a write */
const PAGE = [12, 13, 15] as const;
const GUEST_PAGE = [20, 21, 23] as const;
const ACCESS = [1, 5, 7] as const;

const typeOf = (access: number): 0 | 1 | 2 => ((access & WRITE) !== 0 ? 2 : (access & EXEC) !== 0 ? 0 : 1);

/** The fault of the first stage, whose tables are as the guest wants them. */
export const pageFault = (access: number): RiscvFault => ({ cause: PAGE[typeOf(access)], iotval2: 0n });

/** The fault of the second stage, which refuses a guest-physical address; `table`: of an entry of the guest's tables, `write`: to set A or D in it. */
export function guestPageFault(access: number, gpa: bigint, table = false, write = false): RiscvFault {
	const flags = table ? RISCV_IOTVAL2.TABLE | (write ? RISCV_IOTVAL2.TABLE_WRITE : 0n) : 0n;
	return { cause: GUEST_PAGE[typeOf(access)], iotval2: (gpa & ~3n) | flags };
}

/** The fault for a translation that ended (RISC-V Privileged Architecture, 12.3.2 and 17.5). */
export function faultOf({ stage, kind, table, ipa }: Refusal, access: number): RiscvFault {
	if (stage === 2) return guestPageFault(access, ipa, table, kind === "update");
	// the second stage allows it, but there is no memory
	if (table) return { cause: ACCESS[typeOf(access)], iotval2: 0n };
	return pageFault(access);
}

/** Causes for which an ATS request is answered, with no access granted; for all others it is aborted, and the fault is reported (2.6). */
const ANSWERED: ReadonlySet<number> = new Set<number>([...PAGE, ...GUEST_PAGE, 262, CAUSE.PDT_INVALID]);

export const answersAts = (cause: number): boolean => ANSWERED.has(cause);

/** Causes that are reported although the device context disables that (DTF). */
export const reportedAnyway = (cause: number): boolean => (cause >= 256 && cause <= 259) || cause === 268 || cause === 272 || cause === 273;

/** The type of a transaction: its access, or that it asks for a translation. */
export function transactionType(access: number, ats: boolean): number {
	if (ats) return RISCV_TTYP.ATS_REQUEST;
	return [RISCV_TTYP.UNTRANSLATED_EXEC, RISCV_TTYP.UNTRANSLATED_READ, RISCV_TTYP.UNTRANSLATED_WRITE][typeOf(access)];
}

/** A fault in words. */
export const riscvWhy = (cause: number): string => `cause ${cause}: ${riscvCause(cause)}`;

/** The line of the kernel log for a fault. */
export function riscvFaultLine(name: string, rid: number, iova: bigint, { cause, iotval2 }: RiscvFault): string {
	return `riscv-iommu ${name}: Fault ${cause} devid: 0x${rid.toString(16)} iotval: ${iova.toString(16)} iotval2: ${iotval2.toString(16)} (${riscvCause(cause)})`;
}
