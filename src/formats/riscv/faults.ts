/** The RISC-V IOMMU's fault queue: records of 32 bytes (RISC-V IOMMU Architecture Specification 1.0, 3.2). */
import { at, decodeFields, encodeFields, fromWords, type Values } from "../words.js";

/** Causes by number. */
export const RISCV_CAUSES: Readonly<Record<number, string>> = {
	1: "instruction access fault",
	4: "read address misaligned",
	5: "read access fault",
	6: "write/AMO address misaligned",
	7: "write/AMO access fault",
	12: "instruction page fault",
	13: "read page fault",
	15: "write/AMO page fault",
	20: "instruction guest page fault",
	21: "read guest page fault",
	23: "write/AMO guest page fault",
	256: "all inbound transactions disallowed",
	257: "DDT entry load access fault",
	258: "DDT entry not valid",
	259: "DDT entry misconfigured",
	260: "transaction type disallowed",
	261: "MSI PTE load access fault",
	262: "MSI PTE not valid",
	263: "MSI PTE misconfigured",
	264: "MRIF access fault",
	265: "PDT entry load access fault",
	266: "PDT entry not valid",
	267: "PDT entry misconfigured",
	268: "DDT data corruption",
	269: "PDT data corruption",
	270: "MSI PT data corruption",
	271: "MSI MRIF data corruption",
	272: "internal data path error",
	273: "IOMMU MSI write access fault",
	274: "first/second-stage PT data corruption",
};

/** A cause in words. */
export const riscvCause = (cause: number): string => RISCV_CAUSES[cause] ?? `cause ${cause}`;

/** Types of transaction. A translated one carries an address that ATS gave it. */
export const RISCV_TTYP = {
	NONE: 0,
	UNTRANSLATED_EXEC: 1,
	UNTRANSLATED_READ: 2,
	UNTRANSLATED_WRITE: 3,
	TRANSLATED_EXEC: 5,
	TRANSLATED_READ: 6,
	TRANSLATED_WRITE: 7,
	ATS_REQUEST: 8,
	MESSAGE: 9,
} as const;

const TTYP_WORDS: Readonly<Record<number, string>> = {
	1: "read for execution",
	2: "read",
	3: "write",
	5: "translated read for execution",
	6: "translated read",
	7: "translated write",
	8: "ATS translation request",
	9: "PCIe message",
};

/** A type of transaction in words. */
export const riscvTransaction = (ttyp: number): string => TTYP_WORDS[ttyp] ?? `transaction type ${ttyp}`;

/** A record. `iotval2` of a guest page fault: the guest-physical address, whose bit 0 marks an access to a table, and bit 1 a write to it. */
export const RISCV_FAULT = {
	cause: at(0, 11, 0),
	pid: at(0, 31, 12),
	pv: at(0, 32, 32),
	priv: at(0, 33, 33),
	ttyp: at(0, 39, 34),
	did: at(0, 63, 40),
	custom: at(1, 31, 0),
	iotval: at(2, 63, 0),
	iotval2: at(3, 63, 0),
};

/** Bits of `iotval2` (3.2): an implicit access to a table of the first stage; a write to it. */
export const RISCV_IOTVAL2 = { TABLE: 1n, TABLE_WRITE: 2n } as const;

export const isGuestPageFault = (cause: number): boolean => cause >= 20 && cause <= 23;

/** The words of a record. Throws a RangeError for a value that does not fit. */
export const riscvFaultWords = (fields: Readonly<Values>): bigint[] => encodeFields(RISCV_FAULT, fields, [0n, 0n, 0n, 0n]);

/** The 32 bytes of a record. Throws a RangeError for a value that does not fit. */
export const encodeRiscvFault = (fields: Readonly<Values>): Uint8Array => fromWords(riscvFaultWords(fields));

export const decodeRiscvFault = (words: readonly bigint[]): Values<keyof typeof RISCV_FAULT> => decodeFields(RISCV_FAULT, words);
