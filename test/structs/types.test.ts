/** Tests of the types that TypeScript derives from a declaration. */
import { describe, expect, expectTypeOf, it } from "vitest";
import {
	array,
	bit,
	bits,
	inline,
	iommu_hw_info,
	iommu_ioas_map,
	iommu_test_cmd,
	iommufd_ioas_map_flags,
	page_response_msg,
	struct,
	u8,
	u16,
	u32,
	u64,
	union,
} from "../../structs/index.js";

describe("what the compiler knows about a declaration", () => {
	it("the type of each field's value", () => {
		const value = iommu_ioas_map.decode(new Uint8Array(40));
		expectTypeOf(value.iova).toEqualTypeOf<bigint>();
		expectTypeOf(value.flags).toEqualTypeOf<number>();
		expectTypeOf(iommu_hw_info.decode(new Uint8Array(40)).__reserved).toEqualTypeOf<number[]>();
		expectTypeOf(iommu_hw_info.decode(new Uint8Array(40)).out_data_type).toEqualTypeOf<number>();
		expectTypeOf(iommu_test_cmd.decode(new Uint8Array(72)).access_pages.iova).toEqualTypeOf<bigint>();
		expectTypeOf(page_response_msg.decode(new Uint8Array(24)).resp_code).toEqualTypeOf<number>();
		expect(value).toMatchObject({ iova: 0n, flags: 0 });
	});

	it("every path, and no other", () => {
		expect(iommu_test_cmd.offsets["access_pages.iova"]).toBe(24);
		expect(iommu_hw_info.offsets.out_data_type).toBe(24);
		expect(page_response_msg.offsets.pasid_present).toBe(12);
		// @ts-expect-error there is no such field
		expect(iommu_ioas_map.offsets.iowa).toBeUndefined();
		// @ts-expect-error a member of the union has no such field
		expect(iommu_test_cmd.offsets["access_pages.iowa"]).toBeUndefined();
	});

	it("what encoding takes", () => {
		// @ts-expect-error 64 bits are a bigint
		expect(() => iommu_ioas_map.encode({ iova: "1" })).toThrow();
		// @ts-expect-error there is no such field
		expect(iommu_ioas_map.encode({ iowa: 1n })).toEqual(new Uint8Array(40));
	});

	it("the values of constants", () => {
		expectTypeOf(iommufd_ioas_map_flags.IOMMU_IOAS_MAP_FIXED_IOVA).toEqualTypeOf<1>();
		expect(Object.isFrozen(iommufd_ioas_map_flags)).toBe(true);
	});

	it("of a struct declared anywhere", () => {
		const mixed = struct(
			"mixed",
			{ a: u8, $u: union({ b: u16, c: inline({ d: array(u64, 2) }) }), $w: bits({ e: bit(3), f: bit(29) }), g: u32 },
			"every kind of member",
		);
		expect(mixed.offsets).toEqual({ a: 0, b: 8, c: 8, "c.d": 8, e: 24, f: 24, g: 28 });
		const value = mixed.decode(mixed.encode({ a: 1, c: { d: [2n, 3n] }, e: 7, f: 2 ** 29 - 1, g: 4 }));
		expectTypeOf(value.c.d).toEqualTypeOf<bigint[]>();
		expectTypeOf(value.a + value.b + value.e + value.f + value.g).toEqualTypeOf<number>();
		expect(value).toEqual({ a: 1, b: 2, c: { d: [2n, 3n] }, e: 7, f: 2 ** 29 - 1, g: 4 });
	});
});
