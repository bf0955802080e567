/** Tests of RISC-V commands: encoding, which are illegal, the addresses that they cover; and of fault records. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WHOLE } from "../../../src/formats/ranges.js";
import {
	decodeRiscvCommand,
	decodeRiscvFault,
	encodeRiscvCommand,
	encodeRiscvFault,
	illegalRiscvCommand,
	RISCV_COMMANDS,
	type RiscvCommandName,
	riscvCause,
	riscvRange,
	riscvTransaction,
} from "../../../src/formats/riscv/index.js";
import { toWords } from "../../../src/formats/words.js";
import { valuesOf } from "../layouts.js";

const NAMES = Object.keys(RISCV_COMMANDS) as RiscvCommandName[];

test.each(NAMES)("%s decodes to what was encoded", (name) => {
	fc.assert(
		fc.property(valuesOf(RISCV_COMMANDS[name].layout), (fields) => {
			const got = decodeRiscvCommand(encodeRiscvCommand(name, fields));
			expect(got).toMatchObject({ name, fields, stray: [0n, 0n] });
		}),
		{ numRuns: 20 },
	);
});

test("words as the specification draws them", () => {
	const words = (name: RiscvCommandName, fields: Record<string, bigint>) => toWords(encodeRiscvCommand(name, fields));
	expect(words("IOTINVAL_VMA", { av: 1n, pscv: 1n, pscid: 5n, addr: 0x1000n })).toEqual([
		1n | (1n << 10n) | (5n << 12n) | (1n << 32n),
		0x400n,
	]);
	expect(words("IOTINVAL_GVMA", { gv: 1n, gscid: 3n })).toEqual([1n | (1n << 7n) | (1n << 33n) | (3n << 44n), 0n]);
	expect(words("IODIR_INVAL_PDT", { dv: 1n, did: 0x90n, pid: 7n })).toEqual([
		3n | (1n << 7n) | (7n << 12n) | (1n << 33n) | (0x90n << 40n),
		0n,
	]);
	expect(words("ATS_INVAL", { pv: 1n, pid: 7n, rid: 0x90n, addr: 0x5000n })).toEqual([
		4n | (7n << 12n) | (1n << 32n) | (0x90n << 40n),
		0x5000n,
	]);
	expect(words("ATS_PRGR", { rid: 0x90n, prgi: 2n, response: 1n, destination: 0x90n })).toEqual([
		4n | (1n << 7n) | (0x90n << 40n),
		(2n << 32n) | (1n << 44n) | (0x90n << 48n),
	]);
});

describe("illegal commands", () => {
	const why = (name: RiscvCommandName, fields: Record<string, bigint> = {}) =>
		illegalRiscvCommand(decodeRiscvCommand(encodeRiscvCommand(name, fields)));

	test("a reserved opcode or function, reserved bits, operands that exclude each other", () => {
		expect(illegalRiscvCommand(decodeRiscvCommand(Uint8Array.of(5, ...new Uint8Array(15))))).toBe("opcode 5, func3 0 is reserved");
		expect(illegalRiscvCommand(decodeRiscvCommand(Uint8Array.of(1, 1, ...new Uint8Array(14))))).toBe("opcode 1, func3 2 is reserved");
		const stray = encodeRiscvCommand("IODIR_INVAL_DDT", {});
		stray[8] = 1;
		expect(illegalRiscvCommand(decodeRiscvCommand(stray))).toBe("reserved bits are set: 0x0 0x1");
		expect(why("IOTINVAL_GVMA", { pscv: 1n })).toBe("PSCV is 1");
		expect(why("IODIR_INVAL_PDT", { did: 1n })).toBe("DV is 0");
	});

	test("all others are legal", () => {
		expect(NAMES.map((name) => why(name, name === "IODIR_INVAL_PDT" ? { dv: 1n } : {}))).toEqual(NAMES.map(() => undefined));
	});
});

test("ranges: a page with AV, everything without; what S says for device caches", () => {
	const range = (name: RiscvCommandName, fields: Record<string, bigint>) =>
		riscvRange(decodeRiscvCommand(encodeRiscvCommand(name, fields)));
	expect(range("IOTINVAL_VMA", { av: 1n, addr: 0x7000n })).toEqual({ first: 0x7000n, last: 0x7fffn });
	expect(range("IOTINVAL_VMA", { addr: 0x7000n })).toEqual(WHOLE);
	expect(range("ATS_INVAL", { addr: 0x7000n })).toEqual({ first: 0x7000n, last: 0x7fffn });
	expect(range("ATS_INVAL", { addr: 0x1000n, s: 1n })).toEqual({ first: 0n, last: 0x3fffn });
});

test("fault records", () => {
	const record = encodeRiscvFault({ cause: 13n, pid: 5n, pv: 1n, ttyp: 2n, did: 0x90n, iotval: 0x1000n });
	expect(toWords(record)).toEqual([13n | (5n << 12n) | (1n << 32n) | (2n << 34n) | (0x90n << 40n), 0n, 0x1000n, 0n]);
	expect(decodeRiscvFault(toWords(record))).toMatchObject({ cause: 13n, pid: 5n, priv: 0n, iotval: 0x1000n });
	expect([riscvCause(266), riscvCause(2000), riscvTransaction(8), riscvTransaction(40)]).toEqual([
		"PDT entry not valid",
		"cause 2000",
		"ATS translation request",
		"transaction type 40",
	]);
});
