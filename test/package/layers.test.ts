import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "iommuctl-layers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** [file, what it imports]: each of them breaks the layer rule. */
const BROKEN: readonly (readonly [string, string])[] = [
	["structs/a.ts", "../src/kernel/kernel.js"],
	["src/kernel/a.ts", "./real/index.js"],
	["src/kernel/b.ts", "../sim/index.js"],
	["src/kernel/c.ts", "../client/index.js"],
	["src/kernel/real/a.ts", "../../sim/index.js"],
	["src/kernel/real/b.ts", "../../cli/main.js"],
	["src/sim/a.ts", "../kernel/real/index.js"],
	["src/sim/deep/down/a.ts", "../../../cli/main.js"],
	["src/sim/b.ts", "../trace/index.js"],
	["src/client/a.ts", "../sim/index.js"],
	["src/client/b.ts", "../session/index.js"],
	["src/trace/a.ts", "../cli/main.js"],
	["src/session/a.ts", "../cli/main.js"],
	["src/compliance/a.ts", "../sim/index.js"],
];

const ALLOWED: readonly (readonly [string, string])[] = [
	["structs/z.ts", "./index.js"],
	["src/kernel/z.ts", "../../structs/index.js"],
	["src/kernel/real/z.ts", "../kernel.js"],
	["src/sim/z.ts", "../kernel/kernel.js"],
	["src/sim/iommufd/z.ts", "../process/process.js"],
	["src/client/z.ts", "../kernel/errno.js"],
	["src/trace/z.ts", "../client/index.js"],
	["src/cli/z.ts", "../sim/index.js"],
	["src/cli/y.ts", "../kernel/real/index.js"],
];

/** The files among these that lint refuses because of an import, however it is written. */
function refused(files: readonly (readonly [string, string])[], write: (from: string) => string): string[] {
	const sources = join(folder, String(files.length));
	for (const [path, from] of files) {
		mkdirSync(dirname(join(sources, path)), { recursive: true });
		writeFileSync(join(sources, path), write(from));
	}
	for (const name of ["biome.json", ".gitignore"]) copyFileSync(join(root, name), join(sources, name));
	const biome = join(root, "node_modules/.bin/biome");
	const { stdout } = spawnSync(biome, ["lint", "--reporter=gitlab", "--max-diagnostics=none", "."], { cwd: sources, encoding: "utf8" });
	const found = JSON.parse(stdout) as { check_name: string; location: { path: string } }[];
	const paths = found.filter((entry) => entry.check_name === "lint/style/noRestrictedImports").map((entry) => entry.location.path);
	return [...new Set(paths)].sort();
}

describe("the layer rule", () => {
	test.each([
		["an import", (from: string) => `import { a } from "${from}";\nexport const b = a;\n`],
		["an import of a type", (from: string) => `import type { A } from "${from}";\nexport type B = A;\n`],
		["a late import", (from: string) => `export const a = await import("${from}");\n`],
		["a re-export", (from: string) => `export { a } from "${from}";\n`],
	])("lint flags %s that points up or sideways, and no other", (_name, write) => {
		expect(refused(BROKEN, write)).toEqual(BROKEN.map(([path]) => path).sort());
		expect(refused(ALLOWED, write)).toEqual([]);
	});
});
