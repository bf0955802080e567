/** VT-d's fault reasons (Intel VT-d specification 4.x, 7.1.3): which one a refusal has, and what each means. */
import type { Stage2Page } from "../../mmu/translate.js";
import { EXEC, type FaultKind, WRITE } from "../../mmu/walk.js";

const REASONS: Readonly<Record<number, string>> = {
	1: "the root entry is not present",
	2: "the context entry is not present",
	3: "the context entry is invalid",
	4: "the address is beyond what the second stage translates",
	5: "the page is not mapped for writing",
	6: "the page is not mapped for reading",
	7: "a second-stage entry cannot be read",
	8: "the root entry cannot be read",
	9: "the context entry cannot be read",
	10: "the root entry has reserved bits set",
	11: "the context entry has reserved bits set",
	12: "a second-stage entry has reserved bits set",
	13: "the context entry blocks requests of this kind",
	14: "the translation ends in the interrupt address range",
	// RTA, SRT, SCT: root and context entries in scalable mode
	48: "the root table address is invalid",
	49: "a request with PASID needs scalable mode",
	56: "the root entry cannot be read",
	57: "the root entry is not present",
	58: "the root entry has reserved bits set",
	64: "the context entry cannot be read",
	65: "the context entry is not present",
	66: "the context entry has reserved bits set",
	67: "the context entry is invalid",
	68: "the context entry blocks translation requests",
	69: "the context entry does not enable PASIDs",
	70: "the PASID is beyond the PASID directory",
	71: "the context entry does not enable page requests",
	// SPD, SPT: PASID directory and table
	80: "the PASID directory cannot be read",
	81: "the PASID directory entry is not present",
	82: "the PASID directory entry has reserved bits set",
	88: "the PASID table entry cannot be read",
	89: "the PASID table entry is not present",
	90: "the PASID table entry has reserved bits set",
	91: "the PASID table entry is invalid",
	92: "the PASID table entry refuses execution",
	93: "the PASID table entry refuses supervisor requests",
	// SFS: first stage
	112: "a first-stage entry cannot be read",
	113: "the first-stage entry is not present",
	114: "the first-stage entry has reserved bits set",
	115: "the first-stage root cannot be read",
	116: "an address in the first stage is beyond what the second stage translates",
	117: "the first-stage root is not mapped in the second stage",
	118: "a first-stage table is not mapped in the second stage",
	119: "a first-stage table is read-only in the second stage",
	// SSS: second stage
	120: "a second-stage entry cannot be read",
	121: "the second stage does not map the page",
	122: "a second-stage entry has reserved bits set",
	123: "the second-stage root cannot be read",
	124: "a second-stage accessed or dirty bit would need a snooped walk",
	125: "a second-stage accessed or dirty bit could not be set",
	// SGN: both
	128: "the address is not canonical",
	129: "a user request for a supervisor page",
	130: "the page is not executable",
	131: "the address is beyond the host's address width",
	132: "the address is beyond what the second stage translates",
	133: "the page is not writable",
	134: "the page is not readable",
	135: "the translation ends in the interrupt address range",
	144: "an accessed or dirty bit would need a snooped walk",
	145: "an accessed or dirty bit could not be set",
};

/** What a fault reason means. */
export function vtdReason(reason: number): string {
	return REASONS[reason] ?? "unknown";
}

/** The reason for how a first-stage walk of `levels` ended. */
export function vtdFaultReason(result: { readonly fault: FaultKind; readonly level: number }, levels: number, access: number): number {
	switch (result.fault) {
		case "table-fetch":
			// the root, which the PASID entry points to, has its own reason
			return result.level === levels ? 0x73 : 0x70;
		case "not-present":
			return 0x71;
		case "reserved":
			return 0x72;
		case "address-size":
			return 0x74;
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

/**
 * The reason for an address that the second stage refuses in scalable mode: beyond the input width SGN.5, not mapped (R and W
 * both 0) SSS.2, else without the permission SGN.6 or SGN.7. `bits`: of its input address.
 */
export function secondStageReason(page: Stage2Page | undefined, address: bigint, access: number, bits: number): number {
	if (address >> BigInt(bits) !== 0n) return 0x84;
	if (page === undefined || page.perm === 0) return 0x79;
	return (access & WRITE) !== 0 ? 0x85 : 0x86;
}

/** The same in legacy mode, which knows only addresses beyond its width and missing permissions. */
export function legacyReason(address: bigint, access: number, bits: number): number {
	if (address >> BigInt(bits) !== 0n) return 0x04;
	return (access & WRITE) !== 0 ? 0x05 : 0x06;
}
