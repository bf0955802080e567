/** Structs of headers in C: what a compiler makes of them. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { readHeader } from "../../../src/headers/index.js";
import { structDefinition } from "../../../src/trace/export/c-types.js";

describe("a struct's definition", () => {
	test("has arrays of structs and unions without names, as large as they are", () => {
		const { declared, problems } = readHeader(
			"struct iommu_q { __u32 size; struct { __u32 v; struct { __u8 w[2]; } in; } items[3]; union { __u32 x; __u8 y[4]; } either[2]; };",
			"q.h",
		);
		expect(problems).toEqual([]);
		const text = structDefinition(declared.structs[0], new Set());
		expect(text).toContain("\t} items[3];\n");
		expect(text).toContain("\t} either[2];\n");
		const compiled = spawnSync("gcc", ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-xc", "-"], {
			input: `#include <stdint.h>\n${text}\n`,
			encoding: "utf8",
		});
		// Without a compiler, the text has to do.
		if (compiled.error === undefined) expect(compiled.stderr).toBe("");
	});
});
