/** Tests of decoding and looking up guests' PASID tables, CR3 tables and context descriptors. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { READ, WRITE } from "../../../src/sim/mmu/walk.js";
import { amdEvent } from "../../../src/sim/vendors/amd/events.js";
import { decodeAmdDte, lookupGcr3 } from "../../../src/sim/vendors/amd/gcr3.js";
import { decodeCd, fetchCd, usesStage1 } from "../../../src/sim/vendors/smmuv3/cd.js";
import { badSte, decodeSmmuIdr, decodeSte } from "../../../src/sim/vendors/smmuv3/stream-table.js";
import { lookupVtdPasid } from "../../../src/sim/vendors/vtd/pasid-table.js";
import { garbage, SparseMemory } from "../mmu/helpers/memory.js";

describe("VT-d PASID directory and table", () => {
	const DIR = 0x1000n;
	const table = { base: DIR, entries: 128 };
	const FIRST_STAGE = 1n | (1n << 6n);

	function withEntry(pasid: number, words: bigint[]): SparseMemory {
		const memory = new SparseMemory();
		memory.write64(DIR + BigInt(pasid >> 6) * 8n, 0x8000n | 1n);
		words.forEach((w, i) => {
			memory.write64(0x8000n + BigInt(pasid & 63) * 64n + BigInt(i) * 8n, w);
		});
		return memory;
	}

	test("an entry, unpacked", () => {
		const memory = withEntry(0x155, [FIRST_STAGE, 0x1234n, 0xabc000n | (1n << 2n) | (1n << 4n) | 1n]);
		expect(lookupVtdPasid(memory, table, 0x155)).toMatchObject({
			ok: true,
			entry: { type: 1, domainId: 0x1234, levels: 5, firstStage: 0xabc000n, writeProtect: true, supervisorRequests: true },
		});
	});

	test("every failure has its reason", () => {
		const reason = (memory: SparseMemory, pasid = 0x155) => {
			const got = lookupVtdPasid(memory, table, pasid);
			return got.ok ? "ok" : got.reason;
		};
		const good = [FIRST_STAGE, 1n, 0xabc000n];
		expect(reason(withEntry(0x155, good))).toBe("ok");
		expect(reason(withEntry(0x155, good), 128 * 64)).toBe(0x46);
		expect(reason(new SparseMemory(0x800n))).toBe(0x50);
		expect(reason(new SparseMemory())).toBe(0x51);
		const dir = withEntry(0x155, good);
		dir.write64(DIR + 5n * 8n, 0x8000n | 5n);
		expect(reason(dir)).toBe(0x52);
		dir.write64(DIR + 5n * 8n, (1n << 45n) | 1n);
		expect(reason(dir)).toBe(0x58);
		expect(reason(withEntry(0x155, [0n, 1n, 0n]))).toBe(0x59);
		expect(reason(withEntry(0x155, [1n, 1n, 0n]))).toBe(0x5b);
		expect(reason(withEntry(0x155, [FIRST_STAGE, 1n, 0xabc000n | (2n << 2n)]))).toBe(0x5b);
		expect(reason(withEntry(0x155, [1n | (3n << 6n), 1n, 0n]))).toBe(0x5b);
	});

	test("garbage gives an entry or a reason", () => {
		fc.assert(
			fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.nat(), fc.constantFrom(0n, 1n), (seed, pasid, always) => {
				const got = lookupVtdPasid(garbage(seed, always, 0xffcn, 1n << 48n), { base: seed & ~0xfffn, entries: 1 << 14 }, pasid);
				expect(got.ok || got.reason > 0).toBe(true);
			}),
		);
	});
});

describe("AMD guest CR3 table", () => {
	test.each([
		[0, 0x1a3],
		[1, 0x2_34f1],
		[2, 0xd_4321],
	])("GLX %i finds PASID %i and no other", (glx, pasid) => {
		const memory = new SparseMemory();
		let at = 0x10_0000n;
		for (let level = glx; level >= 0; level--) {
			const next = level === 0 ? 0x77_7000n : at + 0x1000n;
			memory.write64(at + BigInt((pasid >> (9 * level)) & 511) * 8n, next | 1n);
			at += 0x1000n;
		}
		expect(lookupGcr3(memory, 0x10_0000n, glx, pasid)).toMatchObject({ ok: true, root: 0x77_7000n });
		expect(lookupGcr3(memory, 0x10_0000n, glx, pasid ^ 1)).toMatchObject({ ok: false, fault: "not-present", level: 1 });
	});

	test("a PASID wider than the levels, reserved GLX, reserved bits, no memory", () => {
		const memory = new SparseMemory();
		expect(lookupGcr3(memory, 0n, 0, 512)).toMatchObject({ fault: "non-canonical" });
		expect(lookupGcr3(memory, 0n, 3, 1)).toMatchObject({ fault: "non-canonical" });
		memory.write64(8n, 0x5003n);
		expect(lookupGcr3(memory, 0n, 0, 1)).toMatchObject({ fault: "reserved" });
		expect(lookupGcr3(new SparseMemory(8n), 0n, 0, 1)).toMatchObject({ fault: "table-fetch", entry: 8n });
	});

	test("a device table entry's pieces of the table's address", () => {
		const gcr3 = 0x000a_bcde_f765_4000n & 0x000f_ffff_ffff_f000n;
		const w0 = 1n | (1n << 55n) | (2n << 56n) | (((gcr3 >> 12n) & 7n) << 58n);
		const w1 = 0x42n | (((gcr3 >> 15n) & 0xffffn) << 16n) | ((gcr3 >> 31n) << 43n);
		expect(decodeAmdDte([w0, w1, 1n << 54n, 0n])).toMatchObject({
			valid: true,
			guestValid: true,
			glx: 2,
			gcr3,
			domainId: 0x42,
			guestLevels: 5,
			hostMode: 0,
		});
		expect(decodeAmdDte([w0, w1, 3n << 54n, 0n]).guestLevels).toBeUndefined();
	});

	test("events", () => {
		expect(amdEvent("not-present", READ, true).code).toBe(2);
		expect(amdEvent("table-fetch", READ, true, true).code).toBe(4);
		// GN, US, PR, RW, PE
		expect(amdEvent("permission", WRITE, true).flags).toBe(0x75);
	});
});

describe("SMMUv3 stream table entries and context descriptors", () => {
	const NESTED = decodeSmmuIdr([0x0d44101b, 0x02730010, 0, 0x1414, 0, 0x74]);
	const FULL = decodeSmmuIdr([0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x74]);
	const GOOD = 0x0001_e202_c000_3519n;

	test("identification registers", () => {
		expect(NESTED).toMatchObject({
			stage1: true,
			stage2: true,
			ats: false,
			ssidBits: 0,
			outputBits: 44,
			granules: [12, 14, 16],
			stallModel: 1,
		});
		expect(FULL).toMatchObject({ ats: true, pri: true, setDirty: true, twoLevelCd: true, ssidBits: 16, stallModel: 0, asidBits: 16 });
		expect(decodeSmmuIdr([0x0d40001b, 0x02730010, 0, 0x1014, 0, 0x74])).toMatchObject({
			asidBits: 8,
			vmidBits: 8,
			rangeInvalidation: false,
		});
	});

	test("a good CD, unpacked", () => {
		expect(decodeCd([GOOD, 0x0100_1000n, 0n, 0xffn], NESTED)).toMatchObject({
			asid: 1,
			report: true,
			stall: false,
			lower: { granule: 12, inputBits: 39, outputBits: 40, ttb: 0x0100_1000n, disabled: false },
			upper: { disabled: true },
		});
	});

	test.each([
		["V", GOOD & ~(1n << 31n), /^V/],
		["AA64", GOOD & ~(1n << 41n), /^AA64/],
		["A", GOOD & ~(1n << 46n), /^A is 0/],
		["S", GOOD | (1n << 44n), /^S is 1/],
		["HA", GOOD | (1n << 43n), /^HA/],
		["HD", GOOD | (1n << 42n), /^HD/],
		["ENDI", GOOD | (1n << 15n), /^ENDI/],
		["T0SZ small", GOOD - 10n, /^T0SZ is 15/],
		["T0SZ large", GOOD + 15n, /^T0SZ is 40/],
		["TG0", GOOD | (3n << 6n), /^TG0/],
		["T1SZ, where EPD1 is clear", GOOD & ~(1n << 30n), /^TG1/],
	])("a bad CD: %s", (_what, word, why) => {
		expect(decodeCd([word, 0x0100_1000n, 0n, 0n], NESTED)).toMatch(why);
	});

	test("a root beyond IPS is bad", () => {
		expect(decodeCd([GOOD, 1n << 41n, 0n, 0n], NESTED)).toMatch(/^TTB0/);
	});

	test("CDs that stall or update flags are good if the hardware can do so", () => {
		expect(decodeCd([GOOD | (7n << 42n), 0x1000n, 0n, 0n], FULL)).toMatchObject({
			stall: true,
			lower: { setAccess: true, setDirty: true },
		});
		expect(decodeCd([GOOD | (1n << 44n), 0x1000n, 0n, 0n], FULL, true)).toMatch(/^S is 1/);
	});

	const ste = (format: bigint, cdMax: bigint, dss: bigint) => decodeSte([0xbn | (format << 4n) | 0x1_0000n | (cdMax << 59n), dss]);

	test("bad stream table entries", () => {
		expect(badSte(ste(0n, 0n, 0n), NESTED)).toBeUndefined();
		expect(badSte(ste(0n, 1n, 0n), NESTED)).toMatch(/S1CDMax/);
		expect(badSte(ste(0n, 16n, 0n), FULL)).toBeUndefined();
		expect(badSte(ste(3n, 4n, 0n), FULL)).toMatch(/S1Fmt/);
		expect(badSte(decodeSte([0xbn, 1n << 27n]), NESTED)).toMatch(/S1STALLD/);
		expect(badSte(decodeSte([0xbn, 1n << 27n]), FULL)).toBeUndefined();
		expect(badSte(decodeSte([0x7n, 0n]), FULL)).toMatch(/Config/);
	});

	test.each([
		["linear", 0n, (_memory: SparseMemory, ssid: number) => 0x1_0000n + BigInt(ssid) * 64n],
		[
			"two levels, 4K leaves",
			1n,
			(memory: SparseMemory, ssid: number) => {
				memory.write64(0x1_0000n + BigInt(ssid >> 6) * 8n, 0x5_0000n | 1n);
				return 0x5_0000n + BigInt(ssid & 63) * 64n;
			},
		],
		[
			"two levels, 64K leaves",
			2n,
			(memory: SparseMemory, ssid: number) => {
				memory.write64(0x1_0000n + BigInt(ssid >> 10) * 8n, 0x5_0000n | 1n);
				return 0x5_0000n + BigInt(ssid & 1023) * 64n;
			},
		],
	])("substreams: %s", (_what, format, place) => {
		const memory = new SparseMemory();
		const at = place(memory, 0x4d2);
		memory.write64(at, GOOD);
		memory.write64(at + 8n, 0x2000n);
		const entry = ste(format, 12n, 0n);
		expect(fetchCd(memory, entry, 0x4d2, FULL)).toMatchObject({ ok: true, at });
		expect(fetchCd(memory, entry, 0x4d3, FULL)).toMatchObject({ ok: false, event: "C_BAD_CD" });
		expect(fetchCd(memory, entry, 0x1000, FULL)).toMatchObject({ ok: false, event: "C_BAD_SUBSTREAMID" });
		if (format !== 0n)
			expect(fetchCd(memory, entry, 0xfff, FULL)).toMatchObject({ event: "C_BAD_SUBSTREAMID", why: "the L1CD is not valid" });
	});

	test("transactions without a substream: terminated, bypassed, or translated by CD 0", () => {
		const memory = new SparseMemory();
		memory.write64(0x1_0000n, GOOD);
		expect(fetchCd(memory, ste(0n, 4n, 0n), undefined, FULL)).toMatchObject({ event: "F_STREAM_DISABLED" });
		expect(usesStage1(ste(0n, 4n, 1n), undefined)).toBe(false);
		expect(usesStage1(ste(0n, 4n, 1n), 3)).toBe(true);
		expect(fetchCd(memory, ste(0n, 4n, 2n), undefined, FULL)).toMatchObject({ ok: true });
		expect(fetchCd(memory, ste(0n, 4n, 2n), 0, FULL)).toMatchObject({ event: "F_STREAM_DISABLED" });
		expect(fetchCd(memory, ste(0n, 0n, 0n), 1, FULL)).toMatchObject({ event: "C_BAD_SUBSTREAMID" });
	});

	test("garbage gives a CD or an event", () => {
		fc.assert(
			fc.property(
				fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
				fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
				fc.option(fc.nat({ max: 0xfffff }), { nil: undefined }),
				(w0, w1, ssid) => {
					const got = fetchCd(garbage(w0, 0x2_c000_0000_0001n | (1n << 31n), 0n, 1n << 47n), decodeSte([w0, w1]), ssid, FULL);
					expect(got.ok || got.event.length > 0).toBe(true);
				},
			),
		);
	});
});
