/** Tests of the checks on a guest's stream table entry. */
import { expect, test } from "vitest";
import { EIO } from "../../../../src/kernel/errno.js";
import * as ste from "../../../../src/sim/vendors/smmuv3/check-ste.js";
import { Reasons } from "../../../../src/sim/why/reasons.js";

const checkSte = (word0: bigint, word1: bigint) => ste.checkSte(word0, word1, new Reasons());
const S1 = 0xbn;
const ok = (word0: bigint, word1 = 0n) => checkSte(word0, word1) !== -EIO;

test("an entry that is not valid counts as all zeroes, whatever it says", () => {
	expect(checkSte(~1n & 0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn)).toMatchObject({
		valid: false,
		config: 0,
		contextPtr: 0n,
		words: [0n, 0n],
	});
});

test("Config is abort, bypass or stage 1", () => {
	expect(Array.from({ length: 8 }, (_, config) => config).filter((config) => ok(1n | (BigInt(config) << 1n)))).toEqual([0, 4, 5]);
});

test("the bits a guest may set", () => {
	const allowed = (which: 0 | 1) => {
		let bits = 0n;
		for (let i = 0n; i < 64n; i++) if (which === 0 ? ok(S1 | (1n << i)) : ok(S1, 1n << i)) bits |= 1n << i;
		return bits.toString(16);
	};
	// Config 7 is refused, so bit 2 is not among them
	expect(allowed(0)).toBe("f80ffffffffffffb");
	expect(allowed(1)).toBe("180000ff");
});

test("EATS is 0 or 1", () => {
	expect([0n, 1n, 2n, 3n].map((eats) => ok(S1, eats << 28n))).toEqual([true, true, false, false]);
});

test("the entry's fields are decoded", () => {
	expect(checkSte(0x18000000012345cbn, (1n << 28n) | 2n)).toMatchObject({
		config: 5,
		contextPtr: 0x12345c0n,
		cdMax: 3,
		defaultSubstream: 2,
		ats: 1,
	});
});
