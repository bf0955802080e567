/** Commands of the RISC-V IOMMU, 16 bytes each (RISC-V IOMMU Architecture Specification 1.0, 3.1). */
import { type Command, commandCodec, type DecodedCommand } from "../command-codec.js";
import { pageRange, type Range, sizedRange, WHOLE } from "../ranges.js";
import { at, type Layout } from "../words.js";

/** opcode and func3 together tell commands apart: bits 6:0 and 9:7 */
const OPCODE: Layout = { opcode: at(0, 9, 0) };
const code = (opcode: number, func3: number) => opcode | (func3 << 7);

// without the extensions NL and S
const IOTINVAL: Layout = {
	av: at(0, 10, 10),
	pscid: at(0, 31, 12),
	pscv: at(0, 32, 32),
	gv: at(0, 33, 33),
	gscid: at(0, 59, 44),
	addr: at(1, 61, 10, 12),
};
const DIRECTORY: Layout = { dv: at(0, 33, 33), did: at(0, 63, 40) };
const ATS: Layout = { pid: at(0, 31, 12), pv: at(0, 32, 32), dsv: at(0, 33, 33), rid: at(0, 55, 40), dseg: at(0, 63, 56) };

const COMMANDS = {
	IOTINVAL_VMA: { opcode: code(1, 0), layout: IOTINVAL },
	IOTINVAL_GVMA: { opcode: code(1, 1), layout: IOTINVAL },
	IOFENCE_C: {
		opcode: code(2, 0),
		layout: { av: at(0, 10, 10), wsi: at(0, 11, 11), pr: at(0, 12, 12), pw: at(0, 13, 13), data: at(0, 63, 32), addr: at(1, 61, 0, 2) },
	},
	IODIR_INVAL_DDT: { opcode: code(3, 0), layout: DIRECTORY },
	IODIR_INVAL_PDT: { opcode: code(3, 1), layout: { pid: at(0, 31, 12), ...DIRECTORY } },
	ATS_INVAL: { opcode: code(4, 0), layout: { ...ATS, g: at(1, 0, 0), s: at(1, 11, 11), addr: at(1, 63, 12, 12) } },
	ATS_PRGR: { opcode: code(4, 1), layout: { ...ATS, prgi: at(1, 40, 32), response: at(1, 47, 44), destination: at(1, 63, 48) } },
} as const satisfies Record<string, Command>;

export type RiscvCommandName = keyof typeof COMMANDS;
export const RISCV_COMMANDS: Readonly<Record<RiscvCommandName, Command>> = COMMANDS;

export type RiscvCommand = DecodedCommand<RiscvCommandName>;

export const { decode: decodeRiscvCommand, encode: encodeRiscvCommand } = commandCodec<RiscvCommandName>(COMMANDS, OPCODE.opcode);

/** Why the command queue would stop at a command (cqcsr.cmd_ill); undefined: it is legal. */
export function illegalRiscvCommand({ name, opcode, fields, stray }: RiscvCommand): string | undefined {
	if (name === undefined) return `opcode ${opcode & 0x7f}, func3 ${opcode >> 7} is reserved`;
	if (stray.some((word) => word !== 0n)) return `reserved bits are set: ${stray.map((word) => `0x${word.toString(16)}`).join(" ")}`;
	if (name === "IOTINVAL_GVMA" && fields.pscv === 1n) return "PSCV is 1";
	if (name === "IODIR_INVAL_PDT" && fields.dv === 0n) return "DV is 0";
	return undefined;
}

/** The addresses that an invalidation covers: a page, or for device caches what S says; all of them without AV. */
export function riscvRange({ name, fields }: RiscvCommand): Range {
	const { addr = 0n, av, s } = fields;
	if (name === "ATS_INVAL") return sizedRange(addr, s === 1n);
	return av === 1n ? pageRange(addr, 0) : WHOLE;
}
