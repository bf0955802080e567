/** Tests of both codecs: they agree with each other and with C, and refuse what does not fit. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Codec } from "../../structs/codec.js";
import { compile } from "../../structs/codec-compiled.js";
import {
	allStructs,
	InputError,
	iommu_hw_info,
	iommu_hwpt_vtd_s1_invalidate,
	iommu_ioas_map,
	iommu_test_cmd,
	iommu_test_op,
	page_response_msg,
	type StructType,
	vfio_iommu_type1_info_cap_iova_range,
} from "../../structs/index.js";
import { structValue } from "./arbitrary.js";

const named = allStructs().map((type) => [type.name, type] as const);
const isFixed = (type: StructType) => type.fields.at(-1)?.length !== 0;
/** The codec of a process that may not make code from strings. */
const plainCodec = (type: StructType) => new Codec<Record<string, unknown>>(type.name, type, () => undefined);

describe.each(named)("%s", (_, type) => {
	it("decodes to what was encoded", () => {
		fc.assert(
			fc.property(structValue(type), (value) => {
				expect(type.decode(type.encode(value))).toMatchObject(value);
			}),
			{ numRuns: 25 },
		);
	});

	it("encodes what it decoded to the same bytes, except for padding", () => {
		const known = new Uint8Array(type.size);
		for (const leaf of type.leaves) known.fill(0xff, leaf.offset, leaf.offset + leaf.size);
		if (type === page_response_msg) known.set([0xff, 0x3f, 0, 0], 12);
		fc.assert(
			fc.property(fc.uint8Array({ minLength: type.size, maxLength: type.size }), (bytes) => {
				expect(type.encode(type.decode(bytes))).toEqual(bytes.map((byte, i) => byte & known[i]));
			}),
			{ numRuns: 25 },
		);
	});

	it("is the same in both codecs, single and in arrays, aligned or not", () => {
		const plain = plainCodec(type);
		fc.assert(
			fc.property(fc.array(structValue(type), { maxLength: 4 }), fc.integer({ min: 0, max: 9 }), (values, at) => {
				for (const value of values) {
					expect(type.encode(value)).toEqual(plain.encode(value, undefined, 0));
					const there = new Uint8Array(100).fill(0xaa);
					if (!isFixed(type)) continue;
					type.encode(value, there, at);
					expect(there.subarray(at, at + type.size)).toEqual(type.encode(value));
					expect(there.filter((byte) => byte === 0xaa).length).toBeGreaterThanOrEqual(100 - type.size);
					expect(type.decode(there, at)).toEqual(plain.decode(type.encode(value), 0));
				}
				if (!isFixed(type)) return;
				const all = type.encodeArray(values);
				expect(Buffer.from(all)).toEqual(Buffer.concat(values.map((value) => type.encode(value))));
				const there = new Uint8Array(all.length + 20).fill(0xaa);
				expect(type.encodeArray(new Set(values), there.subarray(at))).toEqual(all);
				expect(there.subarray(at + all.length)).toEqual(new Uint8Array(20 - at).fill(0xaa));
				expect(type.decodeArray(there.subarray(at, at + all.length))).toEqual(plain.decodeArray(all));
			}),
			{ numRuns: 15 },
		);
	});
});

describe("encoding", () => {
	it("puts numbers where C puts them, little-endian", () => {
		const bytes = iommu_ioas_map.encode({
			size: 40,
			flags: 7,
			ioas_id: 3,
			user_va: 0x7f00_1234_5678n,
			length: 0x1000n,
			iova: (1n << 64n) - 1n,
		});
		expect(Buffer.from(bytes).toString("hex")).toBe(
			"28000000" + "07000000" + "03000000" + "00000000" + "78563412007f0000" + "0010000000000000" + "ffffffffffffffff",
		);
	});

	it("packs bit fields from the lowest bit up", () => {
		const bytes = page_response_msg.encode({ resp_code: 0xf, pasid_present: 1, page_req_group_id: 0x101 });
		expect(new DataView(bytes.buffer).getUint32(12, true)).toBe(0xf | (1 << 4) | (0x101 << 5));
	});

	it("writes the union member that the selector names over the others, and what the caller fills over what the kernel fills", () => {
		const read = iommu_test_cmd.decode(
			iommu_test_cmd.encode({ op: iommu_test_op.IOMMU_TEST_OP_MD_CHECK_MAP, check_map: { iova: 1n, length: 2n } }),
		);
		const changed = iommu_test_cmd.encode({ ...read, check_map: { iova: 5n, length: 6n, uptr: 7n } });
		expect(iommu_test_cmd.decode(changed).check_map).toEqual({ iova: 5n, length: 6n, uptr: 7n });
		const info = iommu_hw_info.decode(iommu_hw_info.encode({ in_data_type: 1 }));
		expect(iommu_hw_info.decode(iommu_hw_info.encode({ ...info, in_data_type: 2 })).out_data_type).toBe(2);
	});

	it("appends a flexible array, and decodes what follows", () => {
		const bytes = vfio_iommu_type1_info_cap_iova_range.encode({
			header: { id: 1 },
			nr_iovas: 2,
			iova_ranges: [{ start: 1n, end: 2n }, { start: 3n }],
		});
		expect(bytes.length).toBe(16 + 2 * 16);
		expect(vfio_iommu_type1_info_cap_iova_range.decode(bytes).iova_ranges).toEqual([
			{ start: 1n, end: 2n },
			{ start: 3n, end: 0n },
		]);
	});

	it("takes numbers for bigints and bigints for numbers, if they are whole and fit", () => {
		const odd = { addr: 4096, npages: 1, flags: 1n } as unknown as { addr: bigint };
		const even = { addr: 4096n, npages: 1n, flags: 1 };
		expect(iommu_hwpt_vtd_s1_invalidate.encodeArray([even, odd, even, odd])).toEqual(
			iommu_hwpt_vtd_s1_invalidate.encodeArray([even, even, even, even]),
		);
	});

	it("overwrites what was there before", () => {
		const there = new Uint8Array(24).fill(0xff);
		expect(iommu_hwpt_vtd_s1_invalidate.encode({ npages: 1n }, there)).toEqual(iommu_hwpt_vtd_s1_invalidate.encode({ npages: 1n }));
		there.fill(0xff);
		expect(iommu_hwpt_vtd_s1_invalidate.encodeArray([{ flags: 1 }], there)).toEqual(iommu_hwpt_vtd_s1_invalidate.encode({ flags: 1 }));
	});

	it("encodes more entries than one piece, with an unusual one in the middle", () => {
		const entries = Array.from({ length: 5000 }, (_, i) => ({
			addr: BigInt(i) << 12n,
			npages: i === 2047 ? (3 as unknown as bigint) : 3n,
			flags: i & 1,
		}));
		const read = iommu_hwpt_vtd_s1_invalidate.decodeArray(iommu_hwpt_vtd_s1_invalidate.encodeArray(entries));
		expect(read).toEqual(entries.map((entry) => ({ ...entry, npages: 3n, __reserved: 0 })));
	});
});

describe("a process that may not make code from strings", () => {
	it("walks the declaration instead", () => {
		vi.stubGlobal("Function", function refused() {
			throw new EvalError("Code generation from strings disallowed for this context");
		});
		try {
			const codec = new Codec<Record<string, unknown>>("iommu_ioas_map", iommu_ioas_map);
			expect(compile(iommu_ioas_map.fields)).toBeUndefined();
			expect(codec.decode(codec.encode({ iova: 5n }, undefined, 0), 0)).toMatchObject({ iova: 5n });
		} finally {
			vi.unstubAllGlobals();
		}
		expect(compile(iommu_ioas_map.fields)).toBeDefined();
	});
});

describe("decoding", () => {
	it("reads missing bytes as zero", () => {
		expect(iommu_ioas_map.decode(Uint8Array.of(40, 0, 0, 0, 1))).toMatchObject({ size: 40, flags: 1, iova: 0n });
	});

	it("refuses an array whose last entry is incomplete", () => {
		expect(() => iommu_hwpt_vtd_s1_invalidate.decodeArray(new Uint8Array(25))).toThrow(
			new InputError("iommu_hwpt_vtd_s1_invalidate: 25 bytes are not a whole number of entries of 24 bytes"),
		);
	});
});

describe("what does not fit is refused in one line that names the place", () => {
	const type = iommu_hwpt_vtd_s1_invalidate as unknown as StructType;
	const bad: [object, string][] = [
		[{ addr: -1n }, "iommu_hwpt_vtd_s1_invalidate.addr: -1 does not fit u64 (0 to 2^64-1)"],
		[{ addr: 1n << 64n }, "iommu_hwpt_vtd_s1_invalidate.addr: 0x10000000000000000 does not fit u64 (0 to 2^64-1)"],
		[{ addr: 5n - (1n << 64n) }, "iommu_hwpt_vtd_s1_invalidate.addr: -18446744073709551611 does not fit u64 (0 to 2^64-1)"],
		[{ addr: 1.5 }, "iommu_hwpt_vtd_s1_invalidate.addr: expected a bigint, got 1.5"],
		[{ addr: 2 ** 60 }, "iommu_hwpt_vtd_s1_invalidate.addr: expected a bigint, got 1152921504606847000"],
		[{ addr: "1" }, 'iommu_hwpt_vtd_s1_invalidate.addr: expected a bigint, got "1"'],
		[{ addr: null }, "iommu_hwpt_vtd_s1_invalidate.addr: expected a bigint, got null"],
		[{ flags: 2 ** 32 }, "iommu_hwpt_vtd_s1_invalidate.flags: 4294967296 does not fit u32 (0 to 4294967295)"],
		[{ flags: -1 }, "iommu_hwpt_vtd_s1_invalidate.flags: -1 does not fit u32 (0 to 4294967295)"],
		[{ flags: Number.NaN }, "iommu_hwpt_vtd_s1_invalidate.flags: expected a whole number, got NaN"],
		[{ flags: true }, "iommu_hwpt_vtd_s1_invalidate.flags: expected a whole number, got true"],
	];

	it.each(bad)("%o", (value, message) => {
		expect(() => type.encode(value)).toThrow(new InputError(message));
		expect(() => plainCodec(type).encode(value, undefined, 0)).toThrow(new InputError(message));
		expect(() => type.encodeArray([{}, {}, value])).toThrow(new InputError(`entry 2: ${message}`));
	});

	it("in nested structs, arrays and bit fields", () => {
		const cmd = iommu_test_cmd as unknown as StructType;
		expect(() => cmd.encode({ access_rw: { flags: -1 } })).toThrow("iommu_test_cmd.access_rw.flags: -1 does not fit u32");
		expect(() => cmd.encode({ access_rw: 5 })).toThrow("iommu_test_cmd.access_rw: expected fields, got 5");
		const ste = allStructs().find(({ name }) => name === "iommu_hwpt_arm_smmuv3") as StructType;
		expect(() => ste.encode({ ste: [1n, 2n, 3n] })).toThrow("iommu_hwpt_arm_smmuv3.ste: 3 elements given, but there is room for only 2");
		expect(() => ste.encode({ ste: [1n, -2n] })).toThrow("iommu_hwpt_arm_smmuv3.ste[1]: -2 does not fit u64");
		expect(() => ste.encode({ ste: 1n })).toThrow("iommu_hwpt_arm_smmuv3.ste: expected a list, got 0x1");
		expect(() => page_response_msg.encode({ resp_code: 16 })).toThrow("page_response_msg.resp_code: 16 does not fit 4 bits (0 to 15)");
	});

	it("says where memory is too short", () => {
		expect(() => type.encode({}, new Uint8Array(30), 8)).toThrow(RangeError);
		expect(() => type.encodeArray([{}, {}], new Uint8Array(47))).toThrow(RangeError);
	});
});
