/** AMD's event log: entries of 16 bytes (AMD I/O Virtualization Technology specification, 2.5). */
import { at, decodeFields, encodeFields, type Layout, type Values } from "../words.js";

/** The codes of all events. */
export const AMD_EVENTS = {
	ILLEGAL_DEV_TABLE_ENTRY: 1,
	IO_PAGE_FAULT: 2,
	DEV_TAB_HARDWARE_ERROR: 3,
	PAGE_TAB_HARDWARE_ERROR: 4,
	ILLEGAL_COMMAND_ERROR: 5,
	COMMAND_HARDWARE_ERROR: 6,
	IOTLB_INV_TIMEOUT: 7,
	INVALID_DEVICE_REQUEST: 8,
	INVALID_PPR_REQUEST: 9,
	EVENT_COUNTER_ZERO: 10,
	GUEST_EVENT_FAULT: 11,
	VIOMMU_HARDWARE_ERROR: 12,
	RMP_PAGE_FAULT: 13,
	RMP_HARDWARE_ERROR: 14,
} as const;

export type AmdEventName = keyof typeof AMD_EVENTS;

/** Flags of an IO_PAGE_FAULT (2.5.3), as kernels print them: bits 59:48 of the entry's first word. */
export const AMD_FAULT_FLAGS = {
	/** the guest's tables translate; the entry names the PASID, else the domain */
	gn: 0x001,
	/** execution was asked for */
	nx: 0x002,
	/** the transaction is a user's, not a supervisor's; with GN only */
	us: 0x004,
	/** an interrupt */
	i: 0x008,
	/** the page is present */
	pr: 0x010,
	/** a write */
	rw: 0x020,
	/** the page forbids the access; with PR only */
	pe: 0x040,
	/** a reserved bit is set; with PR only, and without PE */
	rz: 0x080,
	/** a translation request, not an access */
	tr: 0x100,
} as const;

/** A page fault's flags in words: `write, not present`. */
export function amdFlagWords(flags: number): string {
	const { gn, nx, us, i, pr, rw, pe, rz, tr } = AMD_FAULT_FLAGS;
	const has = (flag: number) => (flags & flag) !== 0;
	const access = has(i) ? "interrupt" : has(rw) ? "write" : has(nx) ? "read for execution" : "read";
	const page = !has(pr) ? "not present" : has(pe) ? "the page forbids it" : has(rz) ? "a reserved bit is set" : "present";
	return [has(gn) && !has(us) ? `privileged ${access}` : access, page, ...(has(tr) ? ["translation request"] : [])].join(", ");
}

const CODE: Layout = { code: at(0, 63, 60) };
const DEVICE: Layout = { device_id: at(0, 15, 0) };
/** The domain ID; with GN, and for requests of PASIDs, the PASID: its upper bits stand apart. */
const WHO: Layout = { domain_or_pasid: at(0, 47, 32), pasid_high: at(0, 19, 16) };
const ADDRESS: Layout = { address: at(1, 63, 0) };
const FAULT: Layout = {
	...DEVICE,
	...WHO,
	gn: at(0, 48, 48),
	nx: at(0, 49, 49),
	us: at(0, 50, 50),
	i: at(0, 51, 51),
	pr: at(0, 52, 52),
	rw: at(0, 53, 53),
	pe: at(0, 54, 54),
	rz: at(0, 55, 55),
	tr: at(0, 56, 56),
	...CODE,
	...ADDRESS,
};
const HARDWARE: Layout = {
	...DEVICE,
	i: at(0, 51, 51),
	rw: at(0, 53, 53),
	tr: at(0, 56, 56),
	type: at(0, 58, 57),
	...CODE,
	...ADDRESS,
};
const OTHER: Layout = { ...CODE, ...ADDRESS };

const LAYOUTS: Readonly<Record<number, Layout>> = {
	[AMD_EVENTS.ILLEGAL_DEV_TABLE_ENTRY]: FAULT,
	[AMD_EVENTS.IO_PAGE_FAULT]: FAULT,
	[AMD_EVENTS.DEV_TAB_HARDWARE_ERROR]: HARDWARE,
	[AMD_EVENTS.PAGE_TAB_HARDWARE_ERROR]: { ...HARDWARE, ...WHO, gn: at(0, 48, 48) },
	[AMD_EVENTS.COMMAND_HARDWARE_ERROR]: { type: at(0, 58, 57), ...CODE, ...ADDRESS },
	[AMD_EVENTS.IOTLB_INV_TIMEOUT]: { ...DEVICE, ...CODE, address: at(1, 63, 4, 4) },
	[AMD_EVENTS.INVALID_DEVICE_REQUEST]: {
		...DEVICE,
		...WHO,
		gn: at(0, 48, 48),
		us: at(0, 49, 49),
		tr: at(0, 56, 56),
		type: at(0, 59, 57),
		...CODE,
		...ADDRESS,
	},
	// its PASID is where a page request has it
	[AMD_EVENTS.INVALID_PPR_REQUEST]: {
		...DEVICE,
		pasid_low: at(0, 31, 16),
		tag: at(0, 41, 32),
		pasid_high: at(0, 45, 42),
		...CODE,
		...ADDRESS,
	},
};

const NAMES = new Map<number, AmdEventName>(Object.entries(AMD_EVENTS).map(([name, code]) => [code, name as AmdEventName]));

/** The name of an event's code; undefined: the specification has no such code. */
export const amdEventName = (code: number): AmdEventName | undefined => NAMES.get(code);

/** The two words of an event. Throws a RangeError for a field that the event does not have or a value that does not fit. */
export function encodeAmdEvent(code: number, fields: Readonly<Values>): bigint[] {
	return encodeFields(LAYOUTS[code] ?? OTHER, { code: BigInt(code), ...fields }, [0n, 0n]);
}

/** Takes an entry apart. Of a code without a layout only the code and the address are known. */
export function decodeAmdEvent(words: readonly bigint[]): { readonly name?: AmdEventName; readonly code: number; readonly fields: Values } {
	const code = Number(words[0] >> 60n);
	return { name: NAMES.get(code), code, fields: decodeFields(LAYOUTS[code] ?? OTHER, words) };
}
