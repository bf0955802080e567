/** Descriptors of VT-d's invalidation queue, 16 or 32 bytes each (Intel VT-d specification, 6.5.2). */
import { U64_MAX } from "../bits.js";
import { pageRange, type Range, sizedRange, WHOLE } from "../ranges.js";
import { at, decodeFields, encodeFields, fromWords, type Layout, maskOf, placeField, strayBits, toWords, type Values } from "../words.js";

/** 7 bits: 11:9 above 3:0 */
const TYPE: Layout = {
	type: {
		at: [
			[0, 3, 0],
			[0, 11, 9],
		],
	},
};
const DID: Layout = { did: at(0, 31, 16) };
const PASID: Layout = { pasid: at(0, 51, 32) };
const GRANULARITY: Layout = { granularity: at(0, 5, 4) };
const PAGES: Layout = { am: at(1, 5, 0), ih: at(1, 6, 6), address: at(1, 63, 12, 12) };
/** the physical function behind a VF: its low 4 bits, then the upper 12 */
const PFSID: Layout = {
	pfsid: {
		at: [
			[0, 15, 12],
			[0, 63, 52],
		],
	},
};

interface Descriptor {
	readonly type: number;
	readonly layout: Layout;
	/** values that `granularity` may have */
	readonly granularities?: readonly number[];
}

const DESCRIPTORS = {
	CONTEXT_CACHE: {
		type: 1,
		layout: { ...GRANULARITY, ...DID, sid: at(0, 47, 32), fm: at(0, 49, 48) },
		granularities: [1, 2, 3],
	},
	IOTLB: {
		type: 2,
		layout: { ...GRANULARITY, dw: at(0, 6, 6), dr: at(0, 7, 7), ...DID, ...PAGES },
		granularities: [1, 2, 3],
	},
	DEVICE_TLB: {
		type: 3,
		layout: { max_pending: at(0, 20, 16), sid: at(0, 47, 32), ...PFSID, s: at(1, 0, 0), address: at(1, 63, 12, 12) },
	},
	INTERRUPT_ENTRY_CACHE: {
		type: 4,
		layout: { granularity: at(0, 4, 4), im: at(0, 31, 27), index: at(0, 47, 32) },
	},
	WAIT: {
		type: 5,
		layout: {
			interrupt: at(0, 4, 4),
			status_write: at(0, 5, 5),
			fence: at(0, 6, 6),
			page_drain: at(0, 7, 7),
			status_data: at(0, 63, 32),
			status_address: at(1, 63, 2, 2),
		},
	},
	PASID_IOTLB: {
		type: 6,
		layout: { ...GRANULARITY, ...DID, ...PASID, ...PAGES },
		granularities: [2, 3],
	},
	PASID_CACHE: {
		type: 7,
		layout: { ...GRANULARITY, ...DID, ...PASID },
		granularities: [0, 1, 3],
	},
	PASID_DEVICE_TLB: {
		type: 8,
		layout: {
			max_pending: at(0, 8, 4),
			...PFSID,
			sid: at(0, 31, 16),
			...PASID,
			global: at(1, 0, 0),
			s: at(1, 11, 11),
			address: at(1, 63, 12, 12),
		},
	},
	PAGE_GROUP_RESPONSE: {
		type: 9,
		layout: {
			pasid_present: at(0, 4, 4),
			code: at(0, 15, 12),
			rid: at(0, 31, 16),
			...PASID,
			last: at(1, 2, 2),
			group: at(1, 11, 3),
		},
	},
} as const satisfies Record<string, Descriptor>;

export type VtdDescriptorName = keyof typeof DESCRIPTORS;
export const VTD_DESCRIPTORS: Readonly<Record<VtdDescriptorName, Descriptor>> = DESCRIPTORS;
const NAMES = new Map<number, VtdDescriptorName>(Object.entries(DESCRIPTORS).map(([name, d]) => [d.type, name as VtdDescriptorName]));

export interface VtdDescriptor {
	/** absent if the type is reserved */
	readonly name?: VtdDescriptorName;
	/** 7 bits: 11:9 above 3:0 */
	readonly type: number;
	readonly fields: Values;
	/** reserved bits that are set, for each word: hardware stops its queue at such a descriptor */
	readonly stray: readonly bigint[];
	/** why the hardware would stop here (IQE); undefined if it would not */
	readonly invalid?: string;
}

const TYPE_BITS = [maskOf(TYPE, ["type"])];
/** A page group response of 256 bits carries private data in its upper half. */
const WITH_PRIVATE_DATA = [...TYPE_BITS, 0n, U64_MAX, U64_MAX];

/** Unpacks one descriptor of 16 or 32 bytes. */
export function decodeVtdDescriptor(bytes: Uint8Array): VtdDescriptor {
	const words = toWords(bytes);
	while (words.length < 2) words.push(0n);
	const type = Number(decodeFields(TYPE, words).type);
	const name = NAMES.get(type);
	if (!name) return { type, fields: {}, stray: words, invalid: `descriptor type ${type} is reserved` };
	const { layout, granularities }: Descriptor = DESCRIPTORS[name];
	const fields = decodeFields(layout, words);
	const stray = strayBits(layout, words, name === "PAGE_GROUP_RESPONSE" ? WITH_PRIVATE_DATA : TYPE_BITS);
	const invalid = stray.some((w) => w !== 0n)
		? `reserved bits are set: ${stray.map((w) => `0x${w.toString(16)}`).join(" ")}`
		: granularities && !granularities.includes(Number(fields.granularity))
			? `granularity ${fields.granularity} is reserved`
			: undefined;
	return { name, type, fields, stray, invalid };
}

/** The bytes of a descriptor. Throws a RangeError for a field that the descriptor does not have or a value that does not fit. */
export function encodeVtdDescriptor(name: VtdDescriptorName, fields: Readonly<Values>, size: 16 | 32 = 16): Uint8Array {
	const { type, layout } = DESCRIPTORS[name];
	const words = Array.from({ length: size / 8 }, () => 0n);
	placeField(words, TYPE.type, BigInt(type));
	return fromWords(encodeFields(layout, fields, words));
}

/** The addresses that an IOTLB or device-TLB descriptor covers; everything if it names none. */
export function vtdRange(descriptor: VtdDescriptor): Range {
	const { address = 0n, am = 0n, s = 0n, granularity = 0n } = descriptor.fields;
	switch (descriptor.name) {
		case "IOTLB":
		case "PASID_IOTLB":
			return granularity === 3n ? pageRange(address, Number(am)) : WHOLE;
		case "DEVICE_TLB":
		case "PASID_DEVICE_TLB":
			return sizedRange(address, s === 1n);
		default:
			return WHOLE;
	}
}
