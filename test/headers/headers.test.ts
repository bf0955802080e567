/** Each construct of a header, and what is said of the rest. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readHeader } from "../../src/headers/index.js";
import { type ConstSet, constantsOf, type StructType, setInfo } from "../../structs/index.js";
import { tsm } from "./fixtures.js";

const read = (text: string) => readHeader(text, "test.h");
const structIn = (text: string): StructType => {
	const { declared, problems } = read(text);
	expect(problems).toEqual([]);
	return declared.structs.at(-1) as StructType;
};
const rows = (type: StructType): string[] =>
	type.leaves.map(({ path, type: c, offset, bits }) => `${c} ${path} @${offset}${bits ? `.${bits.shift}` : ""}`);
const setIn = (text: string): ConstSet => read(text).declared.sets[0];
const problemsOf = (text: string): string[] => read(text).problems.map(({ line, message }) => `${line}: ${message}`);

describe("a struct", () => {
	test("has fields at their natural places", () => {
		const type = structIn(
			"struct s_a { __u8 a; __u16 b; __u32 c; __s32 fd; __aligned_u64 d; __s8 e; __s16 f; __s64 g; int h; unsigned long long i; char j[4]; };",
		);
		expect(rows(type)).toEqual([
			"u8 a @0",
			"u16 b @2",
			"u32 c @4",
			"s32 fd @8",
			"u64 d @16",
			"s8 e @24",
			"s16 f @26",
			"s64 g @32",
			"s32 h @40",
			"u64 i @48",
			"u8[4] j @56",
		]);
		expect([type.size, type.align]).toEqual([64, 8]);
		const value = { a: 1, b: 2, c: 3, fd: -1, d: 4n, e: -5, f: -6, g: -7n, h: -8, i: 9n, j: [1, 2, 3, 4] };
		expect(type.decode(type.encode(value))).toEqual(value);
	});

	test("has bit fields, arrays, unions and structs inside", () => {
		const type = structIn(`
			#define S_LENGTH (2 * 2)
			struct s_inner { __u32 x; __u32 y; };
			union s_both { __u32 whole; __u16 halves[2]; };
			struct s_b {
				__u32 low : 3, high : 29;
				__u32 next:4;
				struct s_inner inner;
				union { __u64 raw; struct { __u32 lo; __u32 hi; }; };
				union s_both both;
				struct { __u8 deep; } named;
				__u16 list[S_LENGTH][2];
				struct s_inner rest[];
			} __attribute__((aligned(8)));`);
		expect(rows(type)).toEqual([
			"u32:3 low @0.0",
			"u32:29 high @0.3",
			"u32:4 next @4.0",
			"u32 inner.x @8",
			"u32 inner.y @12",
			"u64 raw @16",
			"u32 lo @16",
			"u32 hi @20",
			"u32 both.whole @24",
			"u16[2] both.halves @24",
			"u8 named.deep @28",
			"u16[8] list @30",
			"struct s_inner[] rest @48",
		]);
	});

	test("has what its comments say: kernel-doc, a note beside or above a member", () => {
		const type = structIn(`
			/**
			 * struct s_c - a struct for
			 *              the test
			 * @a: the first,
			 *     on two lines
			 * @out_id: Output: what it makes
			 *
			 * More of it.
			 */
			struct s_c {
				__u32 size;
				__u32 a;	/* not this one */
				__u32 b;	/* beside it */
				/* above it */
				__u32 c;
				__u32 out_id;
				/** @d: inline */
				__u64 d;
			};`);
		expect(type.doc).toBe("a struct for the test");
		const docs = Object.fromEntries(type.leaves.map(({ name, doc }) => [name, doc]));
		expect(docs).toMatchObject({ a: "the first, on two lines", b: "beside it", c: "above it", d: "inline" });
		expect(type.leaves.map(({ dir }) => dir)).toEqual(["in", "in", "in", "in", "out", "in"]);
	});

	test("knows by its fields' names and texts what they stand for", () => {
		const type = structIn(tsm);
		expect(type.size).toBe(40);
		expect(type.leaves.map(({ role }) => role ?? "")).toEqual(["size", "", "", "id", "len", "len", "ptr", "ptr"]);
		expect(constantsOf(type.leaves[1])).toEqual([
			["IOMMU_VDEVICE_TSM_BIND", 1],
			["IOMMU_VDEVICE_TSM_UNBIND", 2],
			["IOMMU_VDEVICE_TSM_GUEST_REQ", 3],
		]);
		expect(type.doc).toBe("Hand a request of a guest to the security manager of the platform");
	});

	test("takes the constants that are defined behind a field", () => {
		const type = structIn(
			"struct s_d {\n\t__u32 argsz;\n\t__u32 flags;\n#define S_D_FLAG_ONE (1 << 0)	/* one */\n#define S_D_FLAG_TWO (1 << 1)\n\t__u32 mode;\n#define S_D_MODE_A 0\n#define S_D_MODE_B 7\n};",
		);
		expect(type.leaves.map(({ set }) => set && [setInfo(set).kind, { ...set }])).toEqual([
			undefined,
			["flags", { S_D_FLAG_ONE: 1, S_D_FLAG_TWO: 2 }],
			["enum", { S_D_MODE_A: 0, S_D_MODE_B: 7 }],
		]);
	});

	test("is taken if it is packed and dense", () => {
		expect(structIn("struct s_e { __u32 a; __u32 b; } __packed;").size).toBe(8);
		expect(problemsOf("struct s_f {\n\t__u8 a;\n\t__u32 b;\n} __attribute__((packed));")).toEqual([
			"1: struct s_f is packed, and its members would not lie like that otherwise; struct s_f is left out",
		]);
	});
});

describe("constants", () => {
	test("count on from one another, and are worked out", () => {
		expect({
			...setIn("enum e_a { E_A = 5, E_B, E_C = E_A << 2 | 1, E_D = (1UL << 4) + ~0U - 0xfffffff0, E_E = ';', E_F = 010 };"),
		}).toEqual({
			E_A: 5,
			E_B: 6,
			E_C: 21,
			E_D: 31,
			E_E: 59,
			E_F: 8,
		});
	});

	test.each([
		["enum e_b { E_B_ONE = 1 << 0, E_B_TWO = 1 << 1 };", "e_b", "flags"],
		["enum e_c_flags { E_C_ONE = 1, E_C_TWO = 2 };", "e_c_flags", "flags"],
		["enum e_d { E_D_ONE = 1, E_D_TWO = 2 };", "e_d", "enum"],
		["enum { E_E_MODE_ONE, E_E_MODE_TWO };", "e_e_mode", "enum"],
		["enum { IOMMUFD_CMD_BASE = 0x80, IOMMUFD_CMD_OURS = 0xb0 };", "iommufd_cmd", "enum"],
	])("%s is %s, %s", (text, name, kind) => {
		expect(setInfo(setIn(text))).toMatchObject({ name, kind });
	});

	test("that are defined outside of an enum are a set of their own", () => {
		const { declared } = read(
			'#define D_A 3\n#define D_B (D_C + 1)\n#define D_C BIT(4)\n#define D_TEXT "no"\n#define D_MACRO(x) (x)\n#define D_GUARD',
		);
		expect(setInfo(declared.sets[0])).toMatchObject({ name: "test_defines", kind: "defines" });
		expect({ ...declared.sets[0] }).toEqual({ D_A: 3, D_B: 17, D_C: 16 });
	});
});

describe("a call", () => {
	test("is a number and the struct that says so, is called like it, or stands in front of it", () => {
		const { addition } = read(`${tsm}
			struct iommu_named_like { __u32 size; __u32 out_thing_id; __u32 out_thing_fd; };
			#define IOMMU_NAMED_LIKE _IO(IOMMUFD_TYPE, 0x97)
			struct in_front { __u32 size; };
			#define IOMMU_OTHER _IO(IOMMUFD_TYPE, 0x98)
			#define IOMMU_NONE _IO(';', 0x99)
			#define IOMMU_SIZED _IOWR(IOMMUFD_TYPE, 0x9a, struct in_front)`);
		expect(addition.calls.map(({ name, request, struct, header }) => [name, request, struct?.name, header])).toEqual([
			["IOMMU_VDEVICE_TSM_OP", 0x3b96, "iommu_vdevice_tsm_op", "test.h"],
			["IOMMU_NAMED_LIKE", 0x3b97, "iommu_named_like", "test.h"],
			["IOMMU_OTHER", 0x3b98, "in_front", "test.h"],
			["IOMMU_NONE", 0x3b99, undefined, "test.h"],
			["IOMMU_SIZED", 0xc0043b9a, "in_front", "test.h"],
		]);
		expect(addition.calls[1].makes).toEqual([
			{ object: "thing", id: "out_thing_id" },
			{ file: "thing", fd: "out_thing_fd" },
		]);
	});

	test("of VFIO has the struct that its comment names, even if that has another name today", () => {
		const { addition } = read(`
			/**
			 * VFIO_DEVICE_NEW - _IOWR(VFIO_TYPE, VFIO_BASE + 60,
			 *			struct vfio_new)
			 */
			struct vfio_new { __u32 argsz; };
			#define VFIO_DEVICE_NEW _IO(VFIO_TYPE, VFIO_BASE + 60)
			/**
			 * VFIO_DEVICE_OLD - _IOWR(VFIO_TYPE, VFIO_BASE + 61, struct vfio_gone)
			 */
			struct vfio_today { __u32 argsz; };
			#define VFIO_TODAY_THING 1
			#define VFIO_DEVICE_OLD _IO(VFIO_TYPE, VFIO_BASE + 61)`);
		expect(addition.calls.map(({ name, request, struct }) => [name, request, struct?.name])).toEqual([
			["VFIO_DEVICE_NEW", 0x3ba0, "vfio_new"],
			["VFIO_DEVICE_OLD", 0x3ba1, "vfio_today"],
		]);
	});

	test("that takes a declared call's number says so, unless the header has that one too", () => {
		const ours = "struct iommu_ours { __u32 size; };\n#define IOMMU_OURS _IO(IOMMUFD_TYPE, 0x95)\n";
		const theirs = "#define IOMMU_IOAS_NOIOMMU_GET_PA _IO(IOMMUFD_TYPE, 0x95)\n";
		expect(read(ours).addition.calls.map(({ replaces }) => replaces)).toEqual(["IOMMU_IOAS_NOIOMMU_GET_PA"]);
		expect(read(ours + theirs).addition.calls.map(({ replaces }) => replaces)).toEqual([undefined]);
	});
});

describe("what is declared already", () => {
	test("stays if the header has it as it is", () => {
		const { addition, declared } = read(
			"enum iommufd_option_ops { IOMMU_OPTION_OP_SET = 0, IOMMU_OPTION_OP_GET = 1 };\nstruct iommu_destroy { __u32 size; __u32 id; };\n#define IOMMU_DESTROY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DESTROY)",
		);
		expect(declared.structs).toHaveLength(1);
		expect({ ...addition, details: [...addition.details] }).toEqual({ structs: [], sets: [], calls: [], details: [] });
	});

	test("gets longer and keeps what is known of its fields", () => {
		const { addition } = read(
			"struct iommu_ioas_unmap { __u32 size; __u32 ioas_id; __aligned_u64 iova; __aligned_u64 length; __u32 flags; __u32 __reserved; };",
		);
		const [type] = addition.structs;
		expect(rows(type).at(-2)).toBe("u32 flags @24");
		expect(type.leaves.map(({ role, dir }) => `${role} ${dir}`)).toEqual([
			"size in",
			"id in",
			"iova in",
			"len inout",
			"undefined in",
			"reserved in",
		]);
		expect(addition.calls).toMatchObject([{ name: "IOMMU_IOAS_UNMAP", size: 32, minSize: 24, since: "6.2" }]);
		expect(addition.calls[0].header).toBeUndefined();
	});

	test("takes an enum's new constants in every struct", () => {
		const { addition } = read(
			"enum iommufd_ioas_map_flags { IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0, IOMMU_IOAS_MAP_WRITEABLE = 1 << 1, IOMMU_IOAS_MAP_READABLE = 1 << 2, IOMMU_IOAS_MAP_OURS = 1 << 3 };",
		);
		expect(addition.structs.map(({ name }) => name).sort()).toEqual(["iommu_ioas_copy", "iommu_ioas_map", "iommu_ioas_map_file"]);
		const [map] = addition.structs;
		const flags = map.leaves.find(({ name }) => name === "flags");
		expect(constantsOf(flags ?? {}).at(-1)).toEqual(["IOMMU_IOAS_MAP_OURS", 8]);
		expect(addition.calls.map(({ name }) => name).sort()).toEqual(["IOMMU_IOAS_COPY", "IOMMU_IOAS_MAP", "IOMMU_IOAS_MAP_FILE"]);
	});
});

describe("what is not understood", () => {
	test.each([
		["struct p_a {\n\t__u32 a;\n\tfoo_t b;\n};", "3: struct p_a: the type foo_t is not known; struct p_a is left out"],
		["struct p_b {\n\tstruct nobody b;\n};", "2: struct p_b: struct nobody is not known; struct p_b is left out"],
		[
			"struct p_o {\n\t__u32 b[08];\n};",
			"2: the length of an array: 08 begins with 0, so it is octal, and has a digit above 7; struct p_o is left out",
		],
		["struct p_c {\n\t__u32 b[P_UNKNOWN];\n};", "2: the length of an array: P_UNKNOWN is not known; struct p_c is left out"],
		[
			"struct p_d {\n\t__u64 b : 3;\n};",
			"2: struct p_d: only bit fields of 32-bit words in a struct are understood; struct p_d is left out",
		],
		[
			"struct p_e {\n\t__u32 a : 3;\n\t__u8 b;\n};",
			"3: struct p_e: a member of less than 32 bits right after bit fields; struct p_e is left out",
		],
		["struct p_f {\n\t__u32 a b;\n};", '2: "b" where ; is expected; struct p_f is left out'],
		["struct p_g {\n\t__u32 a;\n\t__u32 a;\n};", "3: struct p_g has two members a; struct p_g is left out"],
		["enum p_h {\n\tP_H = P_NOT,\n};", "2: P_H: P_NOT is not known"],
		["enum p_i {\n\tP_I = 1 / 0,\n};", "2: P_I: a division by zero"],
		["\n\nint function(void);", '3: "int" does not begin an enum, a struct, a union or a #define'],
		["#define P_CALL _IO(IOMMUFD_TYPE, P_NOWHERE)", "1: P_CALL: P_NOWHERE is not known"],
		["#define P_CALL _IOW(IOMMUFD_TYPE, 1, struct none)", '1: P_CALL: the type "struct none" of P_CALL is not known'],
		["/* begins", "1: a comment does not end"],
	])("%j: %s", (text, problem) => {
		// What follows is taken.
		const { declared, problems } = text.startsWith("/*")
			? { ...read(text), declared: undefined }
			: read(`${text}\nstruct p_after { __u32 size; };\n`);
		expect(problems.map(({ line, message }) => `${line}: ${message}`)).toEqual([problem]);
		if (declared) expect(declared.structs.map(({ name }) => name)).toContain("p_after");
	});

	test("constants may have casts and sizes of numbers", () => {
		expect(
			setIn(
				"enum c_x { C_A = (__u32)1 << 3, C_B = ((__u8)0x1ff), C_C = sizeof(__u64) * 2, C_D = (int)-1, C_E = (unsigned int)-1, C_F = (C_A) };",
			),
		).toEqual({ C_A: 8, C_B: 255, C_C: 16, C_D: -1, C_E: 0xffffffff, C_F: 8 });
		expect(problemsOf("#define C_LEN sizeof(__u64)\nstruct c_y { __u32 a[C_LEN]; };")).toEqual([]);
		expect(problemsOf("enum c_z { C_Z = sizeof(struct nobody) };")).toEqual(["1: C_Z: sizeof is known of numbers only"]);
		expect(problemsOf("enum c_z { C_Z = (constructor)1 };")).toEqual(["1: C_Z: constructor is not known"]);
	});

	test("an enum of flags may have names for several bits together; an enum of numbers stays one", () => {
		const kind = (text: string) => setInfo(setIn(text)).kind;
		expect(kind("enum f_flags { F_A = 1, F_B = F_A << 1, F_ALL = F_A | F_B };")).toBe("flags");
		expect(kind("enum f_flags { F_A = 1 << 0, F_OTHER = 0x30 };")).toBe("enum");
		expect(kind("enum f_type { F_A = 1, F_B = 2, F_C = 3 };")).toBe("enum");
	});

	test("a call whose struct is left out has no fields, which is said", () => {
		const { declared, problems } = read(
			"struct iommu_lost {\n\t__u32 size;\n\tunsigned foo bar;\n};\n#define IOMMU_LOST _IO(IOMMUFD_TYPE, 0xa1)\n",
		);
		expect(problems.map(({ line, message }) => `${line}: ${message}`)).toEqual([
			'3: "bar" where ; is expected; struct iommu_lost is left out',
			"5: IOMMU_LOST: its struct was left out, so it has no fields; raw sends any bytes",
		]);
		expect(declared.calls).toMatchObject([{ name: "IOMMU_LOST", request: 0x3ba1, struct: undefined }]);
	});

	test("in branches that a program does not see, nothing is said", () => {
		expect(
			problemsOf(
				"#ifdef __KERNEL__\nint f(void);\n#endif\n#if 0\nnonsense\n#else\n#define Q_A 1\n#endif\n#ifdef __BIG_ENDIAN_BITFIELD\nnonsense\n#endif",
			),
		).toEqual([]);
	});

	test("never ends in anything but problems", () => {
		const pieces = [
			"struct",
			"enum",
			"union",
			"a",
			"{",
			"}",
			";",
			",",
			"=",
			"1",
			"<<",
			"(",
			")",
			"[",
			"]",
			":",
			"*",
			"__u32",
			"#define X",
			"\n",
			"/*",
			"*/",
			"/**",
			"_IO",
			"@@ -1 +1 @@",
			"'",
			'"',
			"\\",
			"__attribute__",
			"__packed",
			"@a:",
			"#if",
			"#endif",
		];
		fc.assert(
			fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }), (words) => {
				const { problems } = read(words.join(" "));
				expect(problems.every(({ line }) => line > 0)).toBe(true);
			}),
			{ numRuns: 500 },
		);
		fc.assert(
			fc.property(fc.nat(tsm.length), fc.nat(40), fc.string({ maxLength: 8 }), (at, cut, instead) => {
				read(tsm.slice(0, at) + instead + tsm.slice(at + cut));
			}),
			{ numRuns: 300 },
		);
	});
});
