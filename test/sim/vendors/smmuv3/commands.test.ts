/** Tests of the checks on a guest's SMMUv3 commands. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromWords } from "../../../../src/formats/words.js";
import { checkCommand } from "../../../../src/sim/vendors/smmuv3/commands.js";
import { decodeSmmuIdr } from "../../../../src/sim/vendors/smmuv3/stream-table.js";
import { Reasons } from "../../../../src/sim/why/reasons.js";

const NESTED = decodeSmmuIdr([0x0d44101b, 0x02730010, 0, 0x1414, 0, 0x74]);
const FULL = decodeSmmuIdr([0x0d4c149b, 0x02730410, 0, 0x1514, 0, 0xf4]);
const SMALL = decodeSmmuIdr([0x0d40001b, 0x02730010, 0, 0x1014, 0, 0x74]);

const accepts = (word0: bigint, word1 = 0n, smmu = NESTED, ats = false) =>
	typeof checkCommand(fromWords([word0, word1]), smmu, ats, 0, new Reasons()) !== "number";

/** The bits of a word that may be set one at a time in an otherwise good command. */
function single(which: 0 | 1, base: readonly [bigint, bigint], smmu = NESTED, ats = false): string {
	let bits = 0n;
	for (let i = which === 0 ? 8n : 0n; i < 64n; i++) {
		const words: [bigint, bigint] = [base[0], base[1]];
		if ((words[which] >> i) & 1n) continue;
		words[which] |= 1n << i;
		if (accepts(words[0], words[1], smmu, ats)) bits |= 1n << i;
	}
	return bits.toString(16);
}

test("only these eight opcodes, and ATC_INV only with ATS", () => {
	const good = (smmu: typeof NESTED, ats: boolean) =>
		Array.from({ length: 256 }, (_, op) => op).filter((op) => accepts(BigInt(op), 0n, smmu, ats));
	expect(good(NESTED, false)).toEqual([0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30]);
	expect(good(FULL, true)).toEqual([0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30, 0x40]);
});

test.each([
	["CFGI_CD", 0x05n, "ffffffff00000000", "1"],
	["CFGI_CD_ALL", 0x06n, "ffffffff00000000", "0"],
	["NH_ALL", 0x10n, "ffff00000000", "0"],
	["NH_ASID", 0x11n, "ffffffff00000000", "0"],
	["NH_VA", 0x12n, "ffffffff00000000", "fffffffffffff001"],
	["NH_VAA", 0x13n, "ffff00000000", "fffffffffffff001"],
	["NSNH_ALL", 0x30n, "0", "0"],
])("%s: fields of the two words", (_name, op, word0, word1) => {
	expect([single(0, [op, 0n]), single(1, [op, 0n])]).toEqual([word0, word1]);
});

test("substreams and ATS add fields", () => {
	expect(single(0, [0x05n, 0n], FULL)).toBe("fffffffffffff000");
	expect(single(0, [0x40n, 0n], FULL, true)).toBe("fffffffffffffa00");
	expect(single(0, [0x40n, 0n], NESTED, true)).toBe("ffffffff00000000");
	expect(accepts(0x40n, 52n, FULL, true)).toBe(true);
	expect(accepts(0x40n, 53n, FULL, true)).toBe(false);
});

test("an ASID of 8 bits if the hardware has no more", () => {
	expect(single(0, [0x11n, 0n], SMALL)).toBe("ffffff00000000");
});

test("ranges need a granule and more than the default", () => {
	const NUM = 1n << 12n;
	const TG4K = 1n << 10n;
	const TG16K = 2n << 10n;
	const TTL1 = 1n << 8n;
	expect(accepts(0x12n | NUM)).toBe(false);
	expect(accepts(0x12n, TTL1)).toBe(false);
	expect(accepts(0x12n, TG4K)).toBe(false);
	expect(accepts(0x12n | NUM, TG4K)).toBe(true);
	expect(accepts(0x12n, TG4K | TTL1)).toBe(true);
	expect(accepts(0x12n, TG16K | TTL1)).toBe(false);
	expect(accepts(0x12n, TG16K | TTL1, FULL)).toBe(true);
	expect(accepts(0x12n | (31n << 20n), TG4K)).toBe(true);
	expect(accepts(0x12n | (32n << 20n), TG4K)).toBe(false);
	expect(accepts(0x12n | (32n << 20n), TG4K, FULL)).toBe(true);
	expect(accepts(0x12n | NUM, TG4K, SMALL)).toBe(false);
});

test("whatever is refused stays refused with more bits set", () => {
	const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
	fc.assert(
		fc.property(word, word, (word0, word1) => {
			const op = word0 & 0xffn;
			if (op === 0x12n || op === 0x13n || op === 0x40n || accepts(word0, word1)) return;
			expect(accepts(word0 | (1n << 20n), word1) || accepts(word0, word1 | (1n << 5n))).toBe(false);
		}),
	);
});
