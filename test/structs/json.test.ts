/** Tests of the JSON form of struct values. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	allStructs,
	fromJson,
	InputError,
	iommu_hwpt_arm_smmuv3,
	iommu_hwpt_vtd_s1_invalidate,
	iommu_ioas_map,
	iommu_test_cmd,
	toJson,
	vfio_iommu_type1_info_cap_iova_range,
} from "../../structs/index.js";
import { structValue } from "./arbitrary.js";

describe.each(allStructs().map((type) => [type.name, type] as const))("%s", (_, type) => {
	it("comes back from JSON as it went", () => {
		fc.assert(
			fc.property(structValue(type), (value) => {
				const text = JSON.stringify(toJson(type, value));
				expect(fromJson(type, JSON.parse(text))).toEqual(value);
				expect(type.encode(fromJson(type, JSON.parse(text)))).toEqual(type.encode(value));
			}),
			{ numRuns: 20 },
		);
	});
});

describe("toJson", () => {
	it("writes 64-bit values as hex strings and the others as numbers", () => {
		expect(toJson(iommu_ioas_map, { flags: 5, ioas_id: 1, iova: 0x1000n })).toEqual({ flags: 5, ioas_id: 1, iova: "0x1000" });
		expect(toJson(iommu_hwpt_arm_smmuv3, { ste: [1n, 0n] })).toEqual({ ste: ["0x1", "0x0"] });
		const ranges = { header: { id: 1, version: 1, next: 0 }, nr_iovas: 1, reserved: 0, iova_ranges: [{ start: 0n, end: 5n }] };
		expect(toJson(vfio_iommu_type1_info_cap_iova_range, ranges)).toEqual({ ...ranges, iova_ranges: [{ start: "0x0", end: "0x5" }] });
	});

	it("writes the member of the test command that its op reads, or all if it reads none", () => {
		const value = iommu_test_cmd.decode(iommu_test_cmd.encode({ op: 3, check_map: { iova: 1n } }));
		expect(Object.keys(toJson(iommu_test_cmd, value))).toEqual(["size", "op", "id", "__reserved", "check_map", "last"]);
		expect(Object.keys(toJson(iommu_test_cmd, { ...value, op: 99 }))).toContain("dirty");
	});
});

describe("fromJson", () => {
	it("takes the natural forms as strings", () => {
		expect(fromJson(iommu_ioas_map, { flags: "FIXED_IOVA|READABLE", length: "2M", iova: 4096, ioas_id: "3" })).toEqual({
			flags: 5,
			length: 0x200000n,
			iova: 4096n,
			ioas_id: 3,
		});
	});

	const bad: [unknown, string][] = [
		[[], "entry: expected an object of fields, got an array"],
		[null, "entry: expected an object of fields, got null"],
		["x", 'entry: expected an object of fields, got "x"'],
		[{ adr: 1 }, 'entry has no field "adr"; did you mean addr?'],
		[{ __proto__x: 1 }, 'entry has no field "__proto__x"; its fields are addr, npages, flags, __reserved'],
		[{ addr: null }, "entry.addr: expected a number or a string, got null"],
		[{ addr: true }, "entry.addr: expected a number or a string, got true"],
		[{ addr: [1] }, "entry.addr: expected a number or a string, got an array"],
		[{ addr: 2 ** 60 }, 'entry.addr: 1152921504606847000 is not exact in JSON; write it as a string, such as "0x1000"'],
		[{ addr: 1.5 }, 'entry.addr: 1.5 is not exact in JSON; write it as a string, such as "0x1000"'],
		[{ flags: 4294967296 }, "entry.flags: 4294967296 does not fit u32 (0 to 4294967295)"],
		[{ flags: "LEEF" }, 'entry.flags: "LEEF" is not known; did you mean LEAF?'],
	];
	it.each(bad)("%j is refused", (json, message) => {
		expect(() => fromJson(iommu_hwpt_vtd_s1_invalidate, json, "entry")).toThrow(new InputError(message));
	});

	it("names the place inside nested structs and arrays", () => {
		expect(() => fromJson(iommu_hwpt_arm_smmuv3, { ste: ["1", {}] })).toThrow(
			"iommu_hwpt_arm_smmuv3.ste[1]: expected a number or a string, got an object",
		);
		expect(() => fromJson(iommu_hwpt_arm_smmuv3, { ste: [1, 2, 3] })).toThrow(
			"iommu_hwpt_arm_smmuv3.ste: 3 elements given, but there is room for only 2",
		);
		expect(() => fromJson(iommu_hwpt_arm_smmuv3, { ste: 1 })).toThrow("iommu_hwpt_arm_smmuv3.ste: expected an array, got 1");
		expect(() => fromJson(iommu_test_cmd, { access_rw: { iowa: 1 } })).toThrow(
			'iommu_test_cmd.access_rw has no field "iowa"; did you mean iova?',
		);
		expect(() => fromJson(vfio_iommu_type1_info_cap_iova_range, { iova_ranges: [{}, { end: "x" }] })).toThrow(
			"vfio_iommu_type1_info_cap_iova_range.iova_ranges[1].end: ",
		);
	});
});
