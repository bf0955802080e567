/**
 * Arm SMMUv3 commands and stream table entries in words a person writes: `op=TLBI_NH_VA,asid=1,addr=0x1000`.
 * Field positions are those of the Arm SMMU architecture (IHI 0070), both words little-endian.
 */
interface BitField {
	/** which of the 64-bit words */
	readonly word: number;
	readonly low: number;
	readonly high: number;
	/** an address: its low bits are no part of the field, the value is not shifted */
	readonly address?: boolean;
	readonly names?: Readonly<Record<string, number>>;
}

export type BitLayout = Readonly<Record<string, BitField>>;

export const smmuv3Ops = {
	PREFETCH_CONFIG: 0x01,
	PREFETCH_ADDR: 0x02,
	CFGI_STE: 0x03,
	CFGI_STE_RANGE: 0x04,
	CFGI_CD: 0x05,
	CFGI_CD_ALL: 0x06,
	TLBI_NH_ALL: 0x10,
	TLBI_NH_ASID: 0x11,
	TLBI_NH_VA: 0x12,
	TLBI_NH_VAA: 0x13,
	TLBI_EL3_ALL: 0x18,
	TLBI_EL3_VA: 0x1a,
	TLBI_EL2_ALL: 0x20,
	TLBI_EL2_ASID: 0x21,
	TLBI_EL2_VA: 0x22,
	TLBI_EL2_VAA: 0x23,
	TLBI_S12_VMALL: 0x28,
	TLBI_S2_IPA: 0x2a,
	TLBI_NSNH_ALL: 0x30,
	ATC_INV: 0x40,
	PRI_RESP: 0x41,
	RESUME: 0x44,
	STALL_TERM: 0x45,
	SYNC: 0x46,
} as const;

const bits = (word: number, high: number, low: number, more: Partial<BitField> = {}): BitField => ({ word, low, high, ...more });

export const smmuv3Command: BitLayout = {
	op: bits(0, 7, 0, { names: smmuv3Ops }),
	ssv: bits(0, 11, 11),
	global: bits(0, 9, 9),
	ssid: bits(0, 31, 12),
	sid: bits(0, 63, 32),
	num: bits(0, 16, 12),
	scale: bits(0, 25, 20),
	vmid: bits(0, 47, 32),
	asid: bits(0, 63, 48),
	leaf: bits(1, 0, 0),
	size: bits(1, 5, 0),
	ttl: bits(1, 9, 8),
	tg: bits(1, 11, 10),
	addr: bits(1, 63, 12, { address: true }),
};

/** The first two words of a stream table entry, as `struct iommu_hwpt_arm_smmuv3` takes them. */
export const smmuv3Ste: BitLayout = {
	v: bits(0, 0, 0),
	config: bits(0, 3, 1, { names: { ABORT: 0, BYPASS: 4, S1: 5, S2: 6, NESTED: 7 } }),
	s1fmt: bits(0, 5, 4),
	s1contextptr: bits(0, 51, 6, { address: true }),
	s1cdmax: bits(0, 63, 59),
	s1dss: bits(1, 1, 0),
	s1cir: bits(1, 3, 2),
	s1cor: bits(1, 5, 4),
	s1csh: bits(1, 7, 6),
	s1stalld: bits(1, 27, 27),
	eats: bits(1, 29, 28),
};

/** What goes wrong while words are packed; the caller adds where. */
export class BitsError extends Error {}

/** ORs one field into the words. @throws BitsError if the value does not fit */
export function packBits(words: bigint[], layout: BitLayout, name: string, value: bigint): void {
	const field = layout[name];
	const width = BigInt(field.high - field.low + 1);
	const limit = ((1n << width) - 1n) << (field.address ? BigInt(field.low) : 0n);
	if (value < 0n || (value & ~limit) !== 0n) {
		const want = field.address ? `an address aligned to ${1 << field.low} below 2^${field.high + 1}` : `0 to ${limit}`;
		throw new BitsError(`${name} can not be 0x${value.toString(16)}: it takes ${want}`);
	}
	words[field.word] |= field.address ? value : value << BigInt(field.low);
}

/** A command in words, as far as its operation is known: `TLBI_NH_VA asid=1 addr=0x1000`. */
export function describeCommand(words: readonly bigint[]): string {
	const op = Number(words[0] & 0xffn);
	const name = Object.entries(smmuv3Ops).find(([, code]) => code === op)?.[0];
	const shown = (name === undefined ? undefined : fieldsOf(name)) ?? [];
	const parts = shown.flatMap((key) => {
		const field = smmuv3Command[key];
		const width = BigInt(field.high - field.low + 1);
		const raw = (words[field.word] >> BigInt(field.low)) & ((1n << width) - 1n);
		if (raw === 0n) return [];
		return [`${key}=${field.address ? `0x${(raw << BigInt(field.low)).toString(16)}` : raw}`];
	});
	return [name ?? `op 0x${op.toString(16)}`, ...parts].join(" ");
}

function fieldsOf(name: string): readonly string[] | undefined {
	if (name === "TLBI_NH_VA") return ["vmid", "asid", "num", "scale", "leaf", "ttl", "tg", "addr"];
	if (name === "TLBI_NH_VAA") return ["vmid", "num", "scale", "leaf", "ttl", "tg", "addr"];
	if (name === "TLBI_NH_ASID") return ["vmid", "asid"];
	if (name === "TLBI_NH_ALL") return ["vmid"];
	if (name === "ATC_INV") return ["sid", "ssv", "global", "ssid", "size", "addr"];
	if (name === "CFGI_CD") return ["sid", "ssid", "leaf"];
	if (name === "CFGI_CD_ALL") return ["sid"];
	return undefined;
}
