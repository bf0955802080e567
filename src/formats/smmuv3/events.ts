/** SMMUv3's event records of 32 bytes (IHI0070, 7.3). */
import { at, decodeFields, encodeFields, fromWords, type Layout, maskOf, placeField, toWords, type Values } from "../words.js";

/** Types of event, by name. */
export const SMMU_EVENTS = {
	F_UUT: 0x01,
	C_BAD_STREAMID: 0x02,
	F_STE_FETCH: 0x03,
	C_BAD_STE: 0x04,
	F_BAD_ATS_TREQ: 0x05,
	F_STREAM_DISABLED: 0x06,
	F_TRANSL_FORBIDDEN: 0x07,
	C_BAD_SUBSTREAMID: 0x08,
	F_CD_FETCH: 0x09,
	C_BAD_CD: 0x0a,
	F_WALK_EABT: 0x0b,
	F_TRANSLATION: 0x10,
	F_ADDR_SIZE: 0x11,
	F_ACCESS: 0x12,
	F_PERMISSION: 0x13,
	F_TLB_CONFLICT: 0x20,
	F_CFG_CONFLICT: 0x21,
	E_PAGE_REQUEST: 0x24,
	F_VMS_FETCH: 0x25,
} as const;

export type SmmuEventName = keyof typeof SMMU_EVENTS;

const STREAM: Layout = { ssv: at(0, 11, 11), ssid: at(0, 31, 12), sid: at(0, 63, 32) };

const ACCESS: Layout = { pnu: at(1, 33, 33), ind: at(1, 34, 34), rnw: at(1, 35, 35), address: at(2, 63, 0) };

const FAULT: Layout = {
	...STREAM,
	stag: at(1, 15, 0),
	stall: at(1, 31, 31),
	...ACCESS,
	nsipa: at(1, 38, 38),
	s2: at(1, 39, 39),
	class: at(1, 41, 40),
	ipa: at(3, 55, 12, 12),
};

const FETCHED: Layout = { fetch: at(3, 55, 3, 3) };
const FETCH: Layout = { ...STREAM, reason: at(1, 15, 0), gpcf: at(1, 16, 16), ...FETCHED };

export const SMMU_EVENT_LAYOUTS: Readonly<Record<SmmuEventName, Layout>> = {
	F_UUT: { ...STREAM, reason: at(1, 15, 0), ...ACCESS },
	C_BAD_STREAMID: STREAM,
	F_STE_FETCH: FETCH,
	C_BAD_STE: STREAM,
	F_BAD_ATS_TREQ: { ...STREAM, span: at(1, 3, 0), ...ACCESS },
	F_STREAM_DISABLED: STREAM,
	F_TRANSL_FORBIDDEN: { ...STREAM, ...ACCESS },
	C_BAD_SUBSTREAMID: STREAM,
	F_CD_FETCH: FETCH,
	C_BAD_CD: STREAM,
	F_WALK_EABT: {
		...STREAM,
		reason: at(1, 15, 0),
		gpcf: at(1, 16, 16),
		...ACCESS,
		nsipa: at(1, 38, 38),
		s2: at(1, 39, 39),
		class: at(1, 41, 40),
		...FETCHED,
	},
	F_TRANSLATION: FAULT,
	F_ADDR_SIZE: FAULT,
	F_ACCESS: FAULT,
	// TTRnW: of the access to a table that was refused (CLASS TT); RnW is the transaction's
	F_PERMISSION: { ...FAULT, ttrnw: at(1, 44, 44) },
	F_TLB_CONFLICT: { ...STREAM, reason: at(1, 15, 0), ...ACCESS, s2: at(1, 39, 39), ipa: at(3, 55, 12, 12) },
	F_CFG_CONFLICT: { ...STREAM, reason: at(1, 15, 0) },
	// 7.3.19: a hint, not a request of PRI; span in pages of 4 KiB; what users and privileged software will do
	E_PAGE_REQUEST: {
		...STREAM,
		ux: at(1, 33, 33),
		uw: at(1, 34, 34),
		ur: at(1, 35, 35),
		px: at(1, 37, 37),
		pw: at(1, 38, 38),
		pr: at(1, 39, 39),
		span: at(1, 51, 44),
		address: at(2, 63, 12, 12),
	},
	F_VMS_FETCH: FETCH,
};

const NAMES = new Map<number, SmmuEventName>(Object.entries(SMMU_EVENTS).map(([name, id]) => [id, name as SmmuEventName]));

export interface SmmuEvent {
	/** absent if the specification has no such type */
	readonly name?: SmmuEventName;
	readonly type: number;
	readonly fields: Values;
}

/** The 32 bytes of an event. Throws a RangeError for a field that the type does not have or a value that does not fit. */
export function encodeSmmuEvent(name: SmmuEventName, fields: Readonly<Values>): Uint8Array {
	return fromWords(encodeFields(SMMU_EVENT_LAYOUTS[name], fields, [BigInt(SMMU_EVENTS[name]), 0n, 0n, 0n]));
}

/** Unpacks 32 bytes. For an unknown type, only the stream ID is known. */
export function decodeSmmuEvent(record: Uint8Array): SmmuEvent {
	const words = toWords(record);
	while (words.length < 4) words.push(0n);
	const type = Number(words[0] & 0xffn);
	const name = NAMES.get(type);
	return { name, type, fields: decodeFields(name ? SMMU_EVENT_LAYOUTS[name] : STREAM, words) };
}

/** The record with another stream ID, cut to 32 bits: the driver replaces it on the way to the guest. */
export function withStreamId(record: Uint8Array, sid: bigint): Uint8Array {
	const words = toWords(record);
	words[0] &= ~maskOf(STREAM, ["sid"]);
	placeField(words, STREAM.sid, sid);
	return fromWords(words);
}
