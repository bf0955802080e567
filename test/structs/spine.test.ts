/** Adds a call to the table of calls and checks that the compiler names every place that lacks it. */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { CURRENT_RELEASE, type Ioctl, ioctls, isMadeFile, isMadeObject, NEXT_RELEASE, RELEASES } from "../../structs/index.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const table = `${root}structs/ioctls.ts`;

const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
const { options, fileNames } = ts.parseJsonConfigFileContent({ ...config, include: ["src", "structs"] }, ts.sys, root);
const host = ts.createCompilerHost(options);
const kept = new Map<string, ts.SourceFile | undefined>();

/** Sources that mention the table or a type derived from it; an additional row cannot affect the others. */
const concerned = fileNames.filter((name) => /\b(?:ioctls|IommuCall|StructCall|CommandName)\b/.test(readFileSync(name, "utf8")));

/** A program over these sources in which the table of calls reads `text`; everything else is cached for the next program. */
function programWith(text: string): ts.Program {
	const overlaid: ts.CompilerHost = {
		...host,
		getSourceFile(name, version) {
			if (name === table) return ts.createSourceFile(name, text, version, true);
			if (!kept.has(name)) kept.set(name, host.getSourceFile(name, version));
			return kept.get(name);
		},
	};
	return ts.createProgram(concerned, options, overlaid);
}

/** What the type checker finds wrong in these files, by file. */
function mistakes(text: string, files: readonly string[]): Map<string, string[]> {
	const program = programWith(text);
	const found = new Map<string, string[]>();
	for (const name of files) {
		const errors = program.getSemanticDiagnostics(program.getSourceFile(name)).map(({ messageText }) => messageText);
		if (errors.length > 0)
			found.set(
				relative(root, name),
				errors.map((error) => ts.flattenDiagnosticMessageText(error, "\n")),
			);
	}
	return found;
}

const asItIs = readFileSync(table, "utf8");

describe("a call that only the table has", () => {
	const row = 'IOMMU_SPINE: call("IOMMU_SPINE", 0x96, iommu_destroy, { since: "7.4" }),';
	const added = asItIs.replace("\tIOMMU_TEST_CMD: call(", `\t${row}\n\tIOMMU_TEST_CMD: call(`);

	test("each place that lacks it is named, and the sources have no errors without it", { timeout: 120_000 }, () => {
		expect(added).not.toBe(asItIs);
		const found = mistakes(added, concerned);
		expect([...found.keys()].sort()).toEqual([
			"src/cli/graph/track.ts",
			"src/client/iommu.ts",
			"src/kernel/errno-meaning-commands.ts",
			"src/sim/iommufd/contract.ts",
			"src/sim/iommufd/dispatch.ts",
			"src/trace/export/syz-calls.ts",
		]);
		for (const [file, [message]] of found) expect(message, file).toContain("IOMMU_SPINE");
		// What has no errors with it has none without it.
		const wrong = [...found.keys()].map((name) => root + name);
		expect(Object.fromEntries(mistakes(asItIs, wrong))).toEqual({});
	});
});

describe("what the rows say", () => {
	const rows = Object.values<Ioctl>(ioctls);

	test.each(rows.filter(({ makes }) => makes).map((row) => [row.name, row] as const))("%s makes what its struct answers", (_, row) => {
		const leaf = (path: string) => row.struct?.leaves.find((one) => one.path === path);
		for (const { id } of row.makes?.filter(isMadeObject) ?? []) expect(leaf(id), id).toMatchObject({ role: "id", size: 4 });
		for (const { fd } of row.makes?.filter(isMadeFile) ?? []) expect(leaf(fd), fd).toMatchObject({ role: "fd", size: 4 });
	});

	test("no struct returns an ID or a descriptor that its row leaves out", () => {
		for (const { name, struct, makes = [] } of rows) {
			const answered = struct?.leaves.filter(({ role, name }) => (role === "id" || role === "fd") && name.startsWith("out_")) ?? [];
			expect(answered.map(({ path }) => path).sort(), name).toEqual(makes.map((made) => (isMadeFile(made) ? made.fd : made.id)).sort());
		}
	});

	test("releases are those that there are", () => {
		expect(RELEASES.slice(-2)).toEqual([CURRENT_RELEASE, NEXT_RELEASE]);
		expect(new Set(RELEASES).size).toBe(RELEASES.length);
		for (const { name, since, grew = [] } of rows) {
			for (const release of [...(since ? [since] : []), ...grew.map(([from]) => from)]) expect(RELEASES, name).toContain(release);
		}
	});
});
