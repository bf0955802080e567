/** Tests of the printed form of structs. */
import { describe, expect, it } from "vitest";
import {
	allStructs,
	describeStruct,
	formatLine,
	formatStruct,
	iommu_hwpt_alloc,
	iommu_hwpt_arm_smmuv3,
	iommu_ioas_map,
	iommu_test_cmd,
	iommu_viommu_alloc,
	nameOf,
	page_response_msg,
	type StructType,
	vfio_iommu_type1_info_cap_iova_range,
} from "../../structs/index.js";

const plain = (type: unknown) => type as StructType;

describe("formatStruct", () => {
	const bytes = iommu_ioas_map.encode({ size: 40, flags: 0x105, ioas_id: 70000, length: 0x200000n, iova: 5n });

	it("gives a line for each field, with constants by name", () => {
		expect(formatStruct(plain(iommu_ioas_map), bytes)).toEqual([
			"size    = 40",
			"flags   = FIXED_IOVA|READABLE|0x100 (0x105)",
			"ioas_id = 70000",
			"user_va = 0",
			"length  = 0x200000",
			"iova    = 0x5",
		]);
	});

	it("gives full names, reserved fields and an indent on request", () => {
		const lines = formatStruct(plain(iommu_ioas_map), bytes, { full: true, all: true, indent: "  " });
		expect(lines[1]).toBe("  flags      = IOMMU_IOAS_MAP_FIXED_IOVA|IOMMU_IOAS_MAP_READABLE|0x100 (0x105)");
		expect(lines[3]).toBe("  __reserved = 0");
	});

	it("shows a reserved field that is not zero", () => {
		expect(formatStruct(plain(iommu_ioas_map), iommu_ioas_map.encode({ __reserved: 1 }))).toContain("__reserved = 1");
	});

	it("names an enum's value, also the selftest's, and prints an unknown one as a number", () => {
		const line = (data_type: number) =>
			formatStruct(plain(iommu_hwpt_alloc), iommu_hwpt_alloc.encode({ data_type })).find((one) => one.startsWith("data_type"));
		expect(line(1)).toBe("data_type   = VTD_S1 (1)");
		expect(line(0xdead)).toBe("data_type   = SELFTEST (57005)");
		expect(line(77)).toBe("data_type   = 77");
		expect(formatStruct(plain(iommu_viommu_alloc), iommu_viommu_alloc.encode({ type: 0xdeadbeef }))[2]).toBe(
			"type          = SELFTEST (0xdeadbeef)",
		);
	});

	it("shows only the member of the test command that its op reads", () => {
		const lines = formatStruct(
			plain(iommu_test_cmd),
			iommu_test_cmd.encode({ size: 72, op: 8, id: 2, access_rw: { iova: 0x1000n, flags: 4 } }),
		);
		expect(lines).toEqual([
			"size             = 72",
			"op               = ACCESS_RW (8)",
			"id               = 2",
			"access_rw.iova   = 0x1000",
			"access_rw.length = 0",
			"access_rw.uptr   = 0",
			"access_rw.flags  = SLOW_PATH (0x4)",
			"last             = 0",
		]);
		const unknown = formatStruct(plain(iommu_test_cmd), iommu_test_cmd.encode({ op: 99, memory_limit: { limit: 7 } })).join("\n");
		expect(unknown).toContain("memory_limit.limit");
		expect(unknown).not.toContain("access_rw.length");
	});

	it("leaves out what is missing and shows what is beyond", () => {
		expect(formatStruct(plain(iommu_ioas_map), bytes.subarray(0, 13))).toEqual([
			"size    = 40",
			"flags   = FIXED_IOVA|READABLE|0x100 (0x105)",
			"ioas_id = 70000",
			"(13 of 40 bytes)",
		]);
		expect(formatStruct(plain(iommu_ioas_map), Buffer.concat([bytes, Uint8Array.of(0, 0xab)])).at(-1)).toBe("beyond the struct: 00ab");
	});

	it("shows arrays, bit fields and flexible arrays", () => {
		expect(formatStruct(plain(iommu_hwpt_arm_smmuv3), iommu_hwpt_arm_smmuv3.encode({ ste: [1n, 2n] }))).toEqual(["ste = [0x1, 0x2]"]);
		expect(formatStruct(plain(page_response_msg), page_response_msg.encode({ resp_code: 15, page_req_group_id: 300 }))).toEqual(
			expect.arrayContaining(["resp_code         = FAILURE (15)", "page_req_group_id = 300"]),
		);
		const ranges = vfio_iommu_type1_info_cap_iova_range.encode({
			header: { id: 1 },
			nr_iovas: 1,
			iova_ranges: [{ start: 0n, end: 0xfffn }],
		});
		expect(formatStruct(plain(vfio_iommu_type1_info_cap_iova_range), ranges).at(-1)).toBe("iova_ranges    = [{start=0x0 end=0xfff}]");
	});

	it("formats any bytes of any struct", () => {
		for (const type of allStructs()) {
			for (const length of [0, 1, type.size, type.size + 3]) {
				const lines = formatStruct(type, new Uint8Array(length).fill(0xff));
				expect(lines.join("\n")).not.toMatch(/undefined|NaN|\[object/);
				expect(lines.length).toBeGreaterThan(0);
			}
		}
	});
});

describe("formatLine", () => {
	it("shows what is not zero", () => {
		expect(formatLine(plain(iommu_ioas_map), iommu_ioas_map.encode({ size: 40, flags: 5, ioas_id: 1, iova: 0x1000n }))).toBe(
			"flags=FIXED_IOVA|READABLE ioas_id=1 iova=0x1000",
		);
	});
});

describe("names", () => {
	it("prefers the first of two names for a value", () => {
		const field = allStructs()
			.find(({ name }) => name === "iommu_hw_info")
			?.leaves.find(({ name }) => name === "out_data_type");
		expect(nameOf(field ?? {}, 0, true)).toBe("IOMMU_HW_INFO_TYPE_NONE");
		expect(nameOf(field ?? {}, 0xfeedbeef)).toBe("SELFTEST");
		expect(nameOf(field ?? {}, 999)).toBeUndefined();
	});
});

describe("describeStruct", () => {
	it("says for each field what it is and who fills it", () => {
		const rows = describeStruct(plain(iommu_hwpt_alloc));
		expect(rows.find(({ path }) => path === "out_hwpt_id")).toMatchObject({ type: "u32", offset: 16, size: 4, use: "out" });
		expect(rows.find(({ path }) => path === "__reserved2")).toMatchObject({ use: "reserved", doc: "must be zero" });
		expect(rows.find(({ path }) => path === "flags")?.constants).toContainEqual(["IOMMU_HWPT_ALLOC_NEST_PARENT", 1]);
		expect(describeStruct(plain(iommu_test_cmd)).find(({ path }) => path === "check_map")?.doc).toContain("IOMMU_TEST_OP_MD_CHECK_MAP");
	});
});
