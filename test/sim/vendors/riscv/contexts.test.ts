/** Tests of device contexts and process directories of the RISC-V IOMMU. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RISCV_DC_EXTENDED } from "../../../../src/formats/riscv/index.js";
import { encodeFields } from "../../../../src/formats/words.js";
import { decodeDc, fitsDirectory, lookupProcess } from "../../../../src/sim/vendors/riscv/contexts.js";
import { garbage, SparseMemory } from "../../mmu/helpers/memory.js";
import { CAPABILITIES, contextOf, featuresOf, MSI_FLAT, PD8, SV39 } from "./guest.js";

describe("device contexts", () => {
	const why = (...args: Parameters<typeof contextOf>) => {
		const got = contextOf(...args);
		return got.ok ? "ok" : `${got.cause} ${got.why}`;
	};

	test("a first stage, or with PDTV a process directory", () => {
		expect(contextOf({ fsc_mode: SV39, fsc_ppn: 0x12n, pscid: 7n, en_ats: 1n, en_pri: 1n, sade: 1n })).toEqual({
			ok: true,
			context: {
				ats: true,
				pageRequests: true,
				quiet: false,
				setsAccessed: true,
				defaultProcess: false,
				directory: undefined,
				stage1: { mode: 8, root: 0x12000n, pscid: 7 },
			},
		});
		expect(contextOf({ pdtv: 1n, dpe: 1n, fsc_mode: 3n, fsc_ppn: 1n })).toMatchObject({
			context: { defaultProcess: true, directory: { mode: 3, root: 0x1000n } },
		});
		expect(why({})).toBe("ok");
	});

	test.each([
		[{ v: 0n }, "258 V is 0"],
		[{ en_pri: 1n }, "259 T2GPA or EN_PRI is 1, and EN_ATS is 0"],
		[{ en_ats: 1n, prpr: 1n }, "259 PRPR is 1, and EN_PRI is 0"],
		[{ en_ats: 1n, t2gpa: 1n }, "259 T2GPA is 1, and the context has no second stage"],
		[{ fsc_mode: 10n }, "259 fsc has first-stage mode 10"],
		[{ pdtv: 1n, fsc_mode: 4n }, "259 fsc has process directory mode 4"],
		[{ dpe: 1n }, "259 DPE is 1, and PDTV is 0"],
		[{ iohgatp_mode: 8n }, "259 iohgatp has mode 8: the second stage is the host's"],
		[{ sbe: 1n }, "259 SBE is 1, and the IOMMU is little-endian"],
		[{ sxl: 1n }, "259 SXL is 1, and guests have 64 bits"],
	])("%o is %s", (fields, text) => {
		expect(why(fields)).toBe(text);
	});

	test("what the capabilities lack", () => {
		expect(why({ en_ats: 1n }, featuresOf(CAPABILITIES & ~(1n << 25n)))).toBe("259 EN_ATS, EN_PRI or PRPR is 1, and the IOMMU has no ATS");
		expect(why({ sade: 1n }, featuresOf(CAPABILITIES & ~(1n << 24n)))).toBe("259 SADE or GADE is 1, and the IOMMU has no AMO_HWAD");
		expect(why({ pdtv: 1n, fsc_mode: PD8 }, featuresOf(CAPABILITIES & ~(1n << 38n)))).toBe("259 fsc has process directory mode 1");
	});

	test("reserved bits; with QOSID some of them are resource IDs", () => {
		const words = [1n, 0n, 1n << 40n, 0n];
		expect(decodeDc(words, featuresOf())).toMatchObject({ cause: 259, why: "word 2 has reserved bits 0x10000000000" });
		expect(decodeDc(words, featuresOf(CAPABILITIES | (1n << 41n))).ok).toBe(true);
		expect(decodeDc([1n | (1n << 12n), 0n, 0n, 0n], featuresOf()).ok).toBe(false);
	});

	test("the extended format has eight words; the MSI page tables are the host's", () => {
		const extended = featuresOf(CAPABILITIES | MSI_FLAT);
		expect(extended.contextSize).toBe(64);
		const dc = (fields: Record<string, bigint>, last = 0n) =>
			decodeDc([...encodeFields(RISCV_DC_EXTENDED, { v: 1n, ...fields }, new Array<bigint>(7).fill(0n)), last], extended);
		expect(dc({ fsc_mode: SV39, msi_addr_mask: 3n }).ok).toBe(true);
		expect(dc({ msiptp_mode: 1n })).toMatchObject({ cause: 259, why: "msiptp is on: the MSI page tables are the host's" });
		expect(dc({}, 1n)).toMatchObject({ cause: 259, why: "word 7 has reserved bits 0x1" });
	});

	test("any words are a context or a cause", () => {
		fc.assert(
			fc.property(fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 8, maxLength: 8 }), fc.boolean(), (words, msi) => {
				const got = decodeDc(words, featuresOf(msi ? CAPABILITIES | MSI_FLAT : CAPABILITIES));
				expect(got.ok || got.cause === 258 || got.cause === 259).toBe(true);
			}),
		);
	});
});

describe("process directories", () => {
	const features = featuresOf();

	test.each([
		[1, 0xa3],
		[2, 0x1_35a3],
		[3, 0xd_35a3],
	])("mode %i finds process %i and no other", (mode, pid) => {
		const memory = new SparseMemory();
		let at = 0x10_0000n;
		for (let level = mode - 1; level > 0; level--) {
			const index = level === 1 ? (pid >> 8) & 511 : pid >> 17;
			memory.write64(at + BigInt(index) * 8n, (((at >> 12n) + 1n) << 10n) | 1n);
			at += 0x1000n;
		}
		memory.write64(at + BigInt(pid & 255) * 16n, 7n | (0x42n << 12n));
		memory.write64(at + BigInt(pid & 255) * 16n + 8n, (SV39 << 60n) | 0x77n);
		const root = 0x10_0000n;
		expect(lookupProcess(memory, { mode, root }, pid, features)).toEqual({
			ok: true,
			process: { stage1: { mode: 8, root: 0x77000n, pscid: 0x42 }, supervisor: true, supervisorUserAccess: true },
		});
		expect(lookupProcess(memory, { mode, root }, pid ^ 1, features)).toEqual({ ok: false, cause: 266 });
		expect(fitsDirectory(mode, pid)).toBe(true);
		expect(fitsDirectory(mode - 1, pid)).toBe(mode === 1);
	});

	test("every failure has its cause", () => {
		const memory = new SparseMemory(0x1000n);
		const two = { mode: 2, root: 0n };
		const cause = () => {
			const got = lookupProcess(memory, two, 5, features);
			return got.ok ? "ok" : got.cause;
		};
		expect(cause()).toBe(266);
		memory.write64(0n, 1n | 2n);
		expect(cause()).toBe(267);
		memory.write64(0n, (1n << 10n) | 1n);
		expect(lookupProcess(memory, two, 5, features)).toEqual({ ok: false, cause: 265, at: 0x1050n });
		const one = new SparseMemory();
		const process = (ta: bigint, fsc: bigint) => {
			one.write64(80n, ta);
			one.write64(88n, fsc);
			const got = lookupProcess(one, { mode: 1, root: 0n }, 5, features);
			return got.ok ? "ok" : got.cause;
		};
		expect(process(0n, SV39 << 60n)).toBe(266);
		expect(process(1n, SV39 << 60n)).toBe("ok");
		expect(process(1n, 0n)).toBe("ok");
		expect(process(9n, SV39 << 60n)).toBe(267);
		expect(process(1n, 10n << 60n)).toBe(267);
		expect(process(1n, 1n << 44n)).toBe(267);
	});

	test("garbage gives a process context or a cause", () => {
		fc.assert(
			fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.nat(0xf_ffff), fc.constantFrom(0n, 1n), (seed, pid, always) => {
				const got = lookupProcess(
					garbage(seed, always, (0x3ffn << 54n) | 0x3fen, 1n << 48n),
					{ mode: 3, root: seed & ~0xfffn },
					pid,
					features,
				);
				expect(got.ok || [265, 266, 267].includes(got.cause)).toBe(true);
			}),
		);
	});
});
