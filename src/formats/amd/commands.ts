/** AMD's commands of 16 bytes (AMD I/O Virtualization Technology specification, 2.4). */
import { type Command, commandCodec, type DecodedCommand } from "../command-codec.js";
import { type Range, sizedRange } from "../ranges.js";
import { at, type Layout } from "../words.js";

const OPCODE: Layout = { opcode: at(0, 63, 60) };
const DEVICE: Layout = { device_id: at(0, 15, 0) };
const PAGES: Layout = { s: at(1, 0, 0), gn: at(1, 2, 2), address: at(1, 63, 12, 12) };
/** bits 7:0, 15:8 and 19:16 of the PASID are in three places */
const SPLIT_PASID: Layout = {
	pasid: {
		at: [
			[0, 55, 48],
			[0, 23, 16],
			[0, 59, 56],
		],
	},
};

const COMMANDS = {
	COMPLETION_WAIT: {
		opcode: 1,
		layout: { s: at(0, 0, 0), i: at(0, 1, 1), f: at(0, 2, 2), store_address: at(0, 51, 3, 3), store_data: at(1, 63, 0) },
	},
	INVALIDATE_DEVTAB_ENTRY: { opcode: 2, layout: DEVICE },
	INVALIDATE_IOMMU_PAGES: {
		opcode: 3,
		layout: { pasid: at(0, 19, 0), domain_id: at(0, 47, 32), pde: at(1, 1, 1), ...PAGES },
	},
	INVALIDATE_IOTLB_PAGES: {
		opcode: 4,
		layout: { ...DEVICE, max_pending: at(0, 31, 24), queue_id: at(0, 47, 32), ...SPLIT_PASID, ...PAGES, type: at(1, 5, 4) },
	},
	INVALIDATE_INTERRUPT_TABLE: { opcode: 5, layout: DEVICE },
	PREFETCH_IOMMU_PAGES: {
		opcode: 6,
		layout: { ...DEVICE, pf_count: at(0, 31, 24), pasid: at(0, 51, 32), ...PAGES, inval: at(1, 4, 4) },
	},
	COMPLETE_PPR_REQUEST: {
		opcode: 7,
		layout: { ...DEVICE, pasid: at(0, 51, 32), gn: at(1, 2, 2), tag: at(1, 41, 32), code: at(1, 47, 44) },
	},
	INVALIDATE_IOMMU_ALL: { opcode: 8, layout: {} },
} as const satisfies Record<string, Command>;

export type AmdCommandName = keyof typeof COMMANDS;
export const AMD_COMMANDS: Readonly<Record<AmdCommandName, Command>> = COMMANDS;

export type AmdCommand = DecodedCommand<AmdCommandName>;

export const { decode: decodeAmdCommand, encode: encodeAmdCommand } = commandCodec<AmdCommandName>(COMMANDS, OPCODE.opcode);

/** The addresses that an invalidation by pages covers. */
export function amdRange(command: AmdCommand): Range {
	return sizedRange(command.fields.address ?? 0n, command.fields.s === 1n);
}
