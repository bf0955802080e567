/** Tests of the text form of numbers, fields and structs. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	allStructs,
	type FieldInfo,
	fieldByPath,
	InputError,
	iommu_destroy,
	iommu_hw_info_arm_smmuv3,
	iommu_hwpt_alloc,
	iommu_hwpt_invalidate,
	iommu_hwpt_pgfault,
	iommu_hwpt_vtd_s1_invalidate,
	iommu_ioas_map,
	iommu_ioas_map_file,
	iommu_test_cmd,
	page_response_msg,
	parseFields,
	parseNumber,
	parseValue,
	type StructType,
	valueText,
	vfio_iommu_type1_dma_map,
} from "../../structs/index.js";
import { fieldValue } from "./arbitrary.js";

const field = (type: { fields: readonly FieldInfo[] }, path: string) => fieldByPath(type as StructType, path);

describe("numbers", () => {
	const good: [string, bigint][] = [
		["0", 0n],
		["4096", 4096n],
		["0x1000", 4096n],
		["0XfF", 255n],
		["0b101", 5n],
		["0o17", 15n],
		["4k", 4096n],
		["4K", 4096n],
		["4KiB", 4096n],
		["2M", 2n << 20n],
		["1G", 1n << 30n],
		["1 T", 1n << 40n],
		["8E", 1n << 63n],
		["0xffff_ffff", 0xffffffffn],
		["1_000", 1000n],
		[" 7 ", 7n],
		["-1", -1n],
		["0xffffffffffffffff", (1n << 64n) - 1n],
	];
	it.each(good)("%s", (text, value) => expect(parseNumber(text)).toBe(value));

	it.each(["", "k", "4x", "0x", "0x1k", "1.5", "--1", "1e3x", "_1", "1 2", "١"])("%j is not a number", (text) => {
		expect(() => parseNumber(text, "length")).toThrow(
			new InputError(`length: "${text}" is not a number; write 4096, 0x1000, 4k, 2M or 1G`),
		);
	});
});

describe("values of a field", () => {
	const good: [FieldInfo, string, unknown][] = [
		[field(iommu_ioas_map, "length"), "2M", 0x200000n],
		[field(iommu_ioas_map, "ioas_id"), "0x10", 16],
		[field(iommu_ioas_map, "flags"), "FIXED_IOVA|READABLE", 5],
		[field(iommu_ioas_map, "flags"), "fixed-iova,Writeable + IOMMU_IOAS_MAP_READABLE", 7],
		[field(iommu_ioas_map, "flags"), "READABLE|0x100", 0x104],
		[field(iommu_ioas_map, "flags"), "0", 0],
		[field(iommu_ioas_map_file, "fd"), "-1", -1],
		[field(iommu_ioas_map, "ioas_id"), "-1", 0xffffffff],
		[field(iommu_hwpt_vtd_s1_invalidate, "npages"), "-1", (1n << 64n) - 1n],
		[field(iommu_hwpt_vtd_s1_invalidate, "flags"), "leaf", 1],
		[field(iommu_hwpt_alloc, "flags"), "nest_parent|PASID", 9],
		[field(iommu_hwpt_alloc, "data_type"), "vtd_s1", 1],
		[field(iommu_hwpt_alloc, "data_type"), "selftest", 0xdead],
		[field(iommu_hwpt_invalidate, "data_type"), "SELFTEST", 0xdeadbeef],
		[field(iommu_hwpt_pgfault, "perm"), "read|write", 3],
		[field(vfio_iommu_type1_dma_map, "flags"), "READ|WRITE", 3],
		[field(page_response_msg, "resp_code"), "failure", 15],
		[field(iommu_hw_info_arm_smmuv3, "idr"), "0x1,2 , 3", [1, 2, 3]],
		[field(iommu_hw_info_arm_smmuv3, "idr"), "[1 2]", [1, 2]],
	];
	it.each(good.map(([one, text, value]) => [one.path, text, value, one] as const))("%s: %s", (_, text, value, one) => {
		expect(parseValue(one, text)).toEqual(value);
	});

	const bad: [FieldInfo, string, string][] = [
		[field(iommu_ioas_map, "ioas_id"), "0x100000000", "ioas_id: 4294967296 does not fit u32 (0 to 4294967295)"],
		[field(iommu_ioas_map, "ioas_id"), "-2147483649", "ioas_id: -2147483649 does not fit u32 (0 to 4294967295)"],
		[field(iommu_ioas_map, "iova"), "16E", "iova: 18446744073709551616 does not fit u64 (0 to 0xffffffffffffffff)"],
		[field(iommu_ioas_map, "flags"), "READIBLE", 'flags: "READIBLE" is not known; did you mean READABLE?'],
		[field(iommu_ioas_map, "flags"), "wat", 'flags: "wat" is not known; known names are FIXED_IOVA, WRITEABLE, READABLE'],
		[field(iommu_ioas_map, "flags"), "", "flags: no value given"],
		[field(iommu_ioas_map, "flags"), "|", "flags: no value given"],
		[field(iommu_hwpt_alloc, "data_type"), "VTD", 'data_type: "VTD" is not known; did you mean VTD_S1?'],
		[
			field(iommu_hwpt_alloc, "data_type"),
			"VTD_S1|NONE",
			'data_type: "VTD_S1|NONE" is not known; known names are NONE, VTD_S1, ARM_SMMUV3, AMD_GUEST, RISCV_IOMMU, SELFTEST',
		],
		[field(iommu_destroy, "id"), "one", 'id: "one" is not a number; write 4096, 0x1000, 4k, 2M or 1G'],
		[field(page_response_msg, "page_req_group_id"), "512", "page_req_group_id: 512 does not fit 9 bits (0 to 511)"],
		[field(iommu_hw_info_arm_smmuv3, "idr"), "1,2,3,4,5,6,7", "idr: 7 elements given, but there is room for only 6"],
		[field(iommu_hw_info_arm_smmuv3, "idr"), "1,x", 'idr[1]: "x" is not a number; write 4096, 0x1000, 4k, 2M or 1G'],
		[field(iommu_test_cmd, "check_map"), "1", "check_map is a struct: name one of its fields, such as check_map.iova"],
	];
	it.each(bad.map(([one, text, message]) => [one.path, text, message, one] as const))("%s: %s is refused", (_, text, message, one) => {
		expect(() => parseValue(one, text)).toThrow(new InputError(message));
	});

	it("a tail of a name that fits several values is refused", () => {
		const one = { ...field(iommu_hwpt_alloc, "flags"), set: undefined, extra: { MAP_READ: 1, UNMAP_READ: 2 } };
		expect(() => parseValue({ ...one, set: iommu_hwpt_pgfault.fields[0].set }, "READ")).toThrow(
			new InputError('flags: "READ" could be MAP_READ or UNMAP_READ'),
		);
	});

	it("reads back whatever it prints, for every field of every struct", () => {
		const leaves = allStructs().flatMap((type) => type.leaves.filter((leaf) => leaf.scalar || leaf.bits));
		const cases = fc.constantFrom(...leaves).chain((leaf) => fieldValue(leaf).map((value) => [leaf, value] as const));
		fc.assert(
			fc.property(cases, ([leaf, value]) => {
				expect(parseValue(leaf, valueText(leaf, value))).toEqual(value);
			}),
			{ numRuns: 2000 },
		);
	});

	it("never throws anything but one clear line", () => {
		const leaves = allStructs().flatMap((type) => type.leaves);
		fc.assert(
			fc.property(fc.constantFrom(...leaves), fc.oneof(fc.string(), fc.stringMatching(/^[-0-9a-fx_kM|, ]{0,12}$/)), (leaf, text) => {
				try {
					parseValue(leaf, text);
				} catch (error) {
					expect(error).toBeInstanceOf(InputError);
					expect((error as Error).message).toContain(leaf.path);
				}
			}),
			{ numRuns: 1000 },
		);
	});
});

describe("fields of a struct", () => {
	it("takes field=value pairs, flags and arrays with commas too", () => {
		expect(parseFields(iommu_hwpt_vtd_s1_invalidate as unknown as StructType, "addr=0x1000,npages=4,flags=LEAF")).toEqual({
			addr: 0x1000n,
			npages: 4n,
			flags: 1,
		});
		expect(parseFields(iommu_ioas_map as unknown as StructType, "flags=READABLE,WRITEABLE,user-va=4k")).toEqual({
			flags: 6,
			user_va: 4096n,
		});
		expect(parseFields(iommu_hw_info_arm_smmuv3 as unknown as StructType, "idr=1,2,3,iidr=9")).toEqual({ idr: [1, 2, 3], iidr: 9 });
	});

	it("finds fields of a union's member by their path, or by name while the member is active", () => {
		const cmd = iommu_test_cmd as unknown as StructType;
		expect(parseFields(cmd, "op=ACCESS_PAGES,access_pages.iova=4k,length=2M")).toEqual({
			op: 7,
			access_pages: { iova: 4096n, length: 0x200000n },
		});
	});

	it("says what is wrong, and where", () => {
		const type = iommu_hwpt_vtd_s1_invalidate as unknown as StructType;
		expect(() => parseFields(type, "adr=1")).toThrow(new InputError('iommu_hwpt_vtd_s1_invalidate has no field "adr"; did you mean addr?'));
		expect(() => parseFields(type, "zzzzzz=1")).toThrow(
			new InputError('iommu_hwpt_vtd_s1_invalidate has no field "zzzzzz"; its fields are addr, npages, flags, __reserved'),
		);
		expect(() => parseFields(type, "1,addr=1", "--vtd-s1: ")).toThrow(new InputError('--vtd-s1: "1" is not field=value'));
		expect(() => parseFields(type, "addr=1,=3", "--vtd-s1: ")).toThrow(new InputError('--vtd-s1: "=3" is not field=value'));
		expect(() => parseFields(type, "addr=x", "--vtd-s1: ")).toThrow(
			new InputError('--vtd-s1: addr: "x" is not a number; write 4096, 0x1000, 4k, 2M or 1G'),
		);
	});
});
