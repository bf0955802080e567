/** SMMUv3's commands of 16 bytes (IHI0070, 4), and which of them a guest may give. */
import { type Command, commandCodec, type DecodedCommand } from "../command-codec.js";
import { pageRange, type Range, WHOLE } from "../ranges.js";
import { at, type Field, type Layout } from "../words.js";

const OPCODE: Layout = { opcode: at(0, 7, 0) };
const SID: Layout = { sid: at(0, 63, 32) };
const SSID: Layout = { ssid: at(0, 31, 12) };
const SSEC: Layout = { ssec: at(0, 10, 10) };
const SSV: Layout = { ssv: at(0, 11, 11) };
const VMID: Layout = { vmid: at(0, 47, 32) };
const ASID: Layout = { asid: at(0, 63, 48) };
const LEAF: Layout = { leaf: at(1, 0, 0) };
const ADDRESS: Field = at(1, 63, 12, 12);
const RANGE: Layout = {
	num: at(0, 16, 12),
	scale: at(0, 25, 20),
	...LEAF,
	ttl: at(1, 9, 8),
	tg: at(1, 11, 10),
	address: ADDRESS,
};

const COMMANDS = {
	PREFETCH_CONFIG: { opcode: 0x01, layout: { ...SSEC, ...SSV, ...SSID, ...SID } },
	PREFETCH_ADDR: {
		opcode: 0x02,
		layout: { ...SSEC, ...SSV, ...SSID, ...SID, size: at(1, 4, 0), stride: at(1, 9, 5), address: ADDRESS },
	},
	CFGI_STE: { opcode: 0x03, layout: { ...SSEC, ...SID, ...LEAF } },
	CFGI_STE_RANGE: { opcode: 0x04, layout: { ...SSEC, ...SID, range: at(1, 4, 0) } },
	CFGI_CD: { opcode: 0x05, layout: { ...SSEC, ...SSID, ...SID, ...LEAF } },
	CFGI_CD_ALL: { opcode: 0x06, layout: { ...SSEC, ...SID } },
	CFGI_VMS_PIDM: { opcode: 0x07, layout: { ...SSEC, ...VMID } },
	TLBI_NH_ALL: { opcode: 0x10, layout: VMID },
	TLBI_NH_ASID: { opcode: 0x11, layout: { ...VMID, ...ASID } },
	TLBI_NH_VA: { opcode: 0x12, layout: { ...RANGE, ...VMID, ...ASID } },
	TLBI_NH_VAA: { opcode: 0x13, layout: { ...RANGE, ...VMID } },
	TLBI_EL3_ALL: { opcode: 0x18, layout: {} },
	TLBI_EL3_VA: { opcode: 0x1a, layout: RANGE },
	TLBI_EL2_ALL: { opcode: 0x20, layout: {} },
	TLBI_EL2_ASID: { opcode: 0x21, layout: ASID },
	TLBI_EL2_VA: { opcode: 0x22, layout: { ...RANGE, ...ASID } },
	TLBI_EL2_VAA: { opcode: 0x23, layout: RANGE },
	TLBI_S12_VMALL: { opcode: 0x28, layout: VMID },
	TLBI_S2_IPA: { opcode: 0x2a, layout: { ...RANGE, ...VMID } },
	TLBI_NSNH_ALL: { opcode: 0x30, layout: {} },
	ATC_INV: {
		opcode: 0x40,
		layout: { global: at(0, 9, 9), ...SSV, ...SSID, ...SID, size: at(1, 5, 0), address: ADDRESS },
	},
	PRI_RESP: {
		opcode: 0x41,
		layout: { ...SSV, ...SSID, ...SID, prg_index: at(1, 8, 0), resp: at(1, 13, 12) },
	},
	RESUME: { opcode: 0x44, layout: { ...SSEC, resp: at(0, 13, 12), ...SID, stag: at(1, 15, 0) } },
	STALL_TERM: { opcode: 0x45, layout: { ...SSEC, ...SID } },
	SYNC: {
		opcode: 0x46,
		layout: {
			cs: at(0, 13, 12),
			msh: at(0, 23, 22),
			msi_attr: at(0, 27, 24),
			msi_data: at(0, 63, 32),
			msi_address: at(1, 55, 2, 2),
		},
	},
} as const satisfies Record<string, Command>;

export type SmmuCommandName = keyof typeof COMMANDS;
export const SMMU_COMMANDS: Readonly<Record<SmmuCommandName, Command>> = COMMANDS;

/** The opcode field that all commands share, with the opcodes' names. */
export const SMMU_OPCODE: Field = {
	...OPCODE.opcode,
	names: Object.fromEntries(Object.entries(COMMANDS).map(([name, { opcode }]) => [name, opcode])),
};

/** What the kernel takes from a guest, as struct iommu_viommu_arm_smmuv3_invalidate lists it. */
export const SMMU_GUEST_COMMANDS = [
	"TLBI_NSNH_ALL",
	"TLBI_NH_VA",
	"TLBI_NH_VAA",
	"TLBI_NH_ALL",
	"TLBI_NH_ASID",
	"ATC_INV",
	"CFGI_CD",
	"CFGI_CD_ALL",
] as const satisfies readonly SmmuCommandName[];

export type SmmuGuestCommandName = (typeof SMMU_GUEST_COMMANDS)[number];

export type SmmuCommand = DecodedCommand<SmmuCommandName>;

export const { decode: decodeSmmuCommand, encode: encodeSmmuCommand } = commandCodec<SmmuCommandName>(COMMANDS, OPCODE.opcode);

/**
 * The addresses that a TLBI by address or an ATC_INV covers. Without a range (TG 0) a TLBI covers the one entry that
 * holds the address, whatever its size: first and last are then equal.
 */
export function smmuRange(command: SmmuCommand): Range {
	const { address = 0n, tg = 0n, num = 0n, scale = 0n, size = 0n } = command.fields;
	if (command.name === "ATC_INV") return pageRange(address, Number(size));
	if (tg === 0n) return { first: address, last: address };
	const granule = 10n + 2n * tg;
	const bytes = (num + 1n) << (scale + granule);
	const last = address + bytes - 1n;
	return last > WHOLE.last ? { first: address, last: WHOLE.last } : { first: address, last };
}
