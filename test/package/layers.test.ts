// The import rules of `npm run lint`: files planted to break them are refused, and what they allow is not.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "iommuctl-layers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Imports = readonly (readonly [string, string])[];

/** [file, what it imports]: each of them breaks the layer rule. */
const BROKEN: Imports = [
	["structs/a.ts", "../src/kernel/kernel.js"],
	["src/kernel/a.ts", "./real/index.js"],
	["src/kernel/b.ts", "../sim/index.js"],
	["src/kernel/c.ts", "../client/index.js"],
	["src/kernel/d.ts", "../formats/bytes.js"],
	["src/kernel/real/a.ts", "../../sim/index.js"],
	["src/kernel/real/b.ts", "../../cli/main.js"],
	["src/formats/a.ts", "../kernel/kernel.js"],
	["src/formats/b.ts", "../sim/index.js"],
	["src/sim/a.ts", "../kernel/real/index.js"],
	["src/sim/deep/down/a.ts", "../../../cli/main.js"],
	["src/sim/b.ts", "../trace/index.js"],
	["src/client/a.ts", "../sim/index.js"],
	["src/client/b.ts", "../session/index.js"],
	["src/trace/a.ts", "../cli/main.js"],
	["src/trace/b.ts", "../formats/bytes.js"],
	["src/session/a.ts", "../cli/main.js"],
	["src/compliance/a.ts", "../sim/index.js"],
	["src/cli/a.ts", "../compliance/index.js"],
	["src/cli/b.ts", "../../test/helpers.js"],
];

const ALLOWED: Imports = [
	["structs/z.ts", "./index.js"],
	["src/formats/z.ts", "../../structs/index.js"],
	["src/kernel/z.ts", "../../structs/index.js"],
	["src/kernel/real/z.ts", "../kernel.js"],
	["src/sim/z.ts", "../kernel/kernel.js"],
	["src/sim/iommufd/z.ts", "../process/process.js"],
	["src/client/z.ts", "../kernel/errno.js"],
	["src/client/y.ts", "../formats/bytes.js"],
	["src/trace/z.ts", "../client/index.js"],
	["src/cli/z.ts", "../sim/index.js"],
	["src/cli/y.ts", "../kernel/real/index.js"],
	["src/cli/x.ts", "../formats/bytes.js"],
];

const RINGS = [
	"uapi",
	"memory",
	"process",
	"iova",
	"contract",
	"board",
	"mmu",
	"vendors",
	"iommufd",
	"vfio",
	"system",
	"extensions",
	"control",
];

/** From every ring to its neighbour, and from the lowest to the highest. */
const UP: Imports = [
	...RINGS.slice(1).map((ring, at) => [`src/sim/${RINGS[at]}/a.ts`, `../${ring}/z.js`] as const),
	["src/sim/uapi/b.ts", "../control/z.js"],
	["src/sim/control/b.ts", "../index.js"],
	["src/sim/vendors/vtd/a.ts", "../../iommufd/viommu.js"],
	["src/sim/elsewhere/a.ts", "../uapi/z.js"],
];

const DOWN: Imports = [
	...RINGS.slice(1).map((ring, at) => [`src/sim/${ring}/z.ts`, `../${RINGS[at]}/y.js`] as const),
	["src/sim/control/y.ts", "../uapi/x.js"],
	["src/sim/index.ts", "./control/control.js"],
	["src/sim/iommufd/selftest/z.ts", "../../vendors/selftest/device.js"],
];

const PAST_THE_DOOR: Imports = [
	["src/cli/a.ts", "../sim/system/sim.js"],
	["src/cli/graph/a.ts", "../../sim/iommufd/ioas.js"],
	["src/cli/b.ts", "../sim/extensions/uapi.js"],
	["src/cli/c.ts", "../sim/other.js"],
];

const FORMS: readonly (readonly [string, (from: string) => string])[] = [
	["an import", (from) => `import { a } from "${from}";\nexport const b = a;\n`],
	["an import of a type", (from) => `import type { A } from "${from}";\nexport type B = A;\n`],
	["a late import", (from) => `export const a = await import("${from}");\n`],
	["a re-export", (from) => `export { a } from "${from}";\n`],
	["an import inside a type", (from) => `export type B = import("${from}").A;\n`],
];

const { importProblems } = (await import(`${root}scripts/imports/check.mjs`)) as { importProblems(root: string): string[] };

/** What the import rules say about a tree of these files, one problem per line, in order. */
function problems(files: Readonly<Record<string, string>>): string[] {
	const tree = mkdtempSync(join(folder, "tree-"));
	for (const [path, text] of Object.entries(files)) {
		mkdirSync(dirname(join(tree, path)), { recursive: true });
		writeFileSync(join(tree, path), text);
	}
	return importProblems(tree);
}

/** The files among these that lint refuses because of an import, however it is written. */
function refused(files: Imports, write: (from: string) => string): string[] {
	const found = problems(Object.fromEntries(files.map(([path, from]) => [path, write(from)])));
	return [...new Set(found.map((line) => line.split(" imports ")[0]))].sort();
}

const paths = (files: Imports) => files.map(([path]) => path).sort();
const value = (from: string) => `import { a } from "${from}";\nexport const b = a;\n`;
const type = (from: string) => `import type { A } from "${from}";\nexport type B = A;\n`;
const late = (from: string) => `export const a = () => import("${from}");\n`;

test("npm run lint runs these rules, and names what they refuse", () => {
	const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
	expect(scripts.lint.split(" && ")).toEqual(expect.arrayContaining(["biome check", "node scripts/lint-imports.mjs"]));
	const tree = join(folder, "command");
	cpSync(join(root, "scripts"), join(tree, "scripts"), { recursive: true });
	symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
	mkdirSync(join(tree, "src/client"), { recursive: true });
	const lint = () => spawnSync(process.execPath, [join(tree, "scripts/lint-imports.mjs")], { encoding: "utf8" });
	expect(lint()).toMatchObject({ status: 0, stderr: "" });
	writeFileSync(join(tree, "src/client/a.ts"), value("../sim/index.js"));
	expect(lint()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^src\/client\/a\.ts imports src\/sim\/index\.ts: /) });
});

describe("the layer rule", () => {
	test.each(FORMS)("lint flags %s that points up or sideways, and no other", (_name, write) => {
		expect(refused(BROKEN, write)).toEqual(paths(BROKEN));
		expect(refused(ALLOWED, write)).toEqual([]);
	});
});

describe("the rings of src/sim and its door", () => {
	test.each(FORMS)("lint flags %s that points to a higher ring or past the door, and no other", (_name, write) => {
		const broken = [...UP, ...PAST_THE_DOOR];
		expect(refused(broken, write)).toEqual(paths(broken));
		expect(refused(DOWN, write)).toEqual([]);
	});

	test("the message names both files and the rule", () => {
		expect(problems({ "src/sim/iova/x.ts": type("../vfio/y.js"), "src/cli/x.ts": type("../sim/vfio/y.js") })).toEqual([
			"src/cli/x.ts imports src/sim/vfio/y.ts: from outside, only src/sim/index.ts and src/sim/create.ts may be imported",
			"src/sim/iova/x.ts imports src/sim/vfio/y.ts: iova is below vfio, and an import may only point down",
		]);
	});
});

describe("circles", () => {
	test("one of values is flagged inside a folder and across folders", () => {
		expect(
			problems({ "src/sim/mmu/a.ts": value("./b.js"), "src/sim/mmu/b.ts": value("./c.js"), "src/sim/mmu/c.ts": value("./a.js") }),
		).toEqual(["circle of values: src/sim/mmu/a.ts -> src/sim/mmu/b.ts -> src/sim/mmu/c.ts -> src/sim/mmu/a.ts"]);
		const over = problems({ "src/cli/a.ts": value("./deep/b.js"), "src/cli/deep/b.ts": value("../a.js") });
		expect(over).toContain("circle of values: src/cli/a.ts -> src/cli/deep/b.ts -> src/cli/a.ts");
	});

	test("an import of types alone by its names still loads the file", () => {
		const loads = (from: string) => `import { type A } from "${from}";\nexport type B = A;\n`;
		expect(problems({ "structs/a.ts": loads("./b.js"), "structs/b.ts": loads("./a.js") })).toHaveLength(1);
	});

	test.each([
		["a type", type],
		["a late import", late],
	])("one that %s closes is flagged if it leaves the folder, and allowed inside it", (_name, close) => {
		expect(problems({ "src/trace/a.ts": value("./deep/b.js"), "src/trace/deep/b.ts": close("../a.js") })).toEqual([
			"circle of imports across folders, types included: src/trace/a.ts -> src/trace/deep/b.ts -> src/trace/a.ts",
		]);
		expect(problems({ "src/trace/a.ts": value("./b.js"), "src/trace/b.ts": close("./a.js") })).toEqual([]);
	});

	test("one across folders is found behind circles inside them", () => {
		const half = (other: string) => ({ "x.ts": type("./top.js"), "y.ts": type("./z.js"), "z.ts": type(`../${other}/top.js`) });
		const top = `import type { A } from "./x.js";\nimport type { B } from "./y.js";\nexport type C = A | B;\n`;
		const files = Object.entries({ left: half("right"), right: half("left") }).flatMap(([name, part]) =>
			Object.entries({ ...part, "top.ts": top }).map(([file, text]) => [`src/cli/${name}/${file}`, text]),
		);
		expect(problems(Object.fromEntries(files))).toEqual([expect.stringMatching(/^circle of imports across folders/)]);
	});
});

test("an upward import and a circle across folders are refused together", () => {
	const sources = {
		"src/client/a.ts": type("../cli/b.js"),
		"src/trace/a.ts": value("./deep/b.js"),
		"src/trace/deep/b.ts": type("../a.js"),
	};
	expect(problems(sources)).toHaveLength(2);
});
