/** Diffs of headers. */
import { describe, expect, test } from "vitest";
import { readHeader } from "../../src/headers/index.js";
import { constantsOf } from "../../structs/index.js";
import { tsmDiff } from "./fixtures.js";

const diff = (hunks: string): string => `--- a/include/uapi/linux/iommufd.h\n+++ b/include/uapi/linux/iommufd.h\n${hunks}`;
const read = (text: string) => readHeader(text, "our.diff");

describe("a patch", () => {
	test("adds a call; its number counts on from the line above, and files that are not headers do not matter", () => {
		const { addition, problems } = read(tsmDiff);
		expect(problems).toEqual([]);
		expect(addition.calls).toMatchObject([{ name: "IOMMU_VDEVICE_TSM_OP", request: 0x3b96, size: 40, header: "our.diff" }]);
		const [cmd] = addition.sets;
		expect(cmd.IOMMUFD_CMD_VDEVICE_TSM_OP).toBe(0x96);
		expect(cmd.IOMMUFD_CMD_DESTROY).toBe(0x80);
	});

	test("whose counts are wrong, as after an edit by hand, is read by its lines; so are empty lines that lost their space", () => {
		const { addition, problems } = read(
			`${diff(
				"@@ -57,9 +57,20 @@ enum {\n \tIOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94,\n+\tIOMMUFD_CMD_FANCY = 0x96,\n };\n\n@@ -1300,1 +1303,1 @@\n \t__aligned_u64 length;\n };\n\n+struct iommu_fancy {\n+\t__u32 size;\n\n+\t__u32 flags;\n+};\n+#define IOMMU_FANCY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_FANCY)\n #endif\n",
			)}-- \n2.43.0\n\n`,
		);
		expect(problems.filter(({ message }) => !message.includes("which struct"))).toEqual([]);
		expect(addition.calls).toMatchObject([{ name: "IOMMU_FANCY", request: 0x3b96, size: 8 }]);
	});

	test("adds constants to a declared enum, in the middle of it too", () => {
		const { addition, problems } = read(
			diff(
				"@@ -190,3 +190,4 @@ enum iommufd_ioas_map_flags {\n \tIOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,\n \tIOMMU_IOAS_MAP_WRITEABLE = 1 << 1,\n+\tIOMMU_IOAS_MAP_OURS = 1 << 3,\n \tIOMMU_IOAS_MAP_READABLE = 1 << 2,\n",
			),
		);
		expect(problems).toEqual([]);
		const map = addition.structs.find(({ name }) => name === "iommu_ioas_map");
		expect(constantsOf(map?.leaves[1] ?? {}).map(([name]) => name)).toEqual([
			"IOMMU_IOAS_MAP_FIXED_IOVA",
			"IOMMU_IOAS_MAP_WRITEABLE",
			"IOMMU_IOAS_MAP_READABLE",
			"IOMMU_IOAS_MAP_OURS",
		]);
	});

	test.each([
		[
			"@@ -320,5 +320,6 @@ struct iommu_ioas_unmap {\n \t__u32 ioas_id;\n \t__aligned_u64 iova;\n \t__aligned_u64 length;\n+\t__aligned_u64 token;\n };\n #define X_Y 1\n",
			"by its heading",
		],
		[
			"@@ -320,5 +320,6 @@\n \t__u32 ioas_id;\n \t__u32 num_iovas;\n \t__u32 __reserved;\n \t__aligned_u64 allowed_iovas;\n+\t__u64 token;\n \t__aligned_u64 out_iova_alignment;\n",
			"by its members",
		],
		[
			"@@ -320,5 +320,6 @@\n struct iommu_ioas_unmap {\n \t__u32 size;\n \t__u32 ioas_id;\n+\t__aligned_u64 token;\n \t__aligned_u64 iova;\n",
			"by its beginning",
		],
	])("%j adds a field to a declared struct: %s", (hunk) => {
		const { addition, problems } = read(diff(hunk));
		expect(problems).toEqual([]);
		const [type] = addition.structs;
		expect(type.leaves.map(({ name }) => name)).toContain("token");
		expect(type.leaves.length).toBeGreaterThan(4);
		expect(addition.calls[0].size).toBe(type.size);
	});

	test("gives a reserved field a name", () => {
		const { addition, problems } = read(
			diff(
				"@@ -220,5 +220,5 @@ struct iommu_ioas_map {\n \t__u32 flags;\n \t__u32 ioas_id;\n-\t__u32 __reserved;\n+\t__u32 token;\n \t__aligned_u64 user_va;\n \t__aligned_u64 length;\n",
			),
		);
		expect(problems).toEqual([]);
		expect(addition.structs[0].leaves.map(({ name, offset }) => `${name}@${offset}`)).toEqual([
			"size@0",
			"flags@4",
			"ioas_id@8",
			"token@12",
			"user_va@16",
			"length@24",
			"iova@32",
		]);
	});

	test("that shows too little says so, by its own lines", () => {
		const { problems, addition } = read(diff("@@ -1,1 +1,2 @@\n+\t__u32 mine;\n \t__u32 nobody_has_this;\n"));
		expect(problems).toEqual([
			{
				line: 4,
				message: "the diff does not show which struct these members belong to: make it with more context (git diff -U20); it is left out",
			},
		]);
		expect(addition.structs).toEqual([]);
		expect(
			read(diff("@@ -1,1 +1,2 @@ enum {\n+\tIOMMUFD_CMD_MINE,\n \tIOMMUFD_CMD_NOT_KNOWN,\n")).problems.map(({ line }) => line),
		).toEqual([4, 5]);
	});
});
