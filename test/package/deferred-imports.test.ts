// Deferred imports: the build evaluates such a part late, and refuses the mark where it means nothing.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, expect, test } from "vitest";

const { deferred, deferredImports } = await import(new URL("../../scripts/deferred-imports.mjs", import.meta.url).href);

const folder = mkdtempSync(join(tmpdir(), "iommuctl-deferred-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a deferred part is evaluated once, when something of it is first used", async () => {
	const src = join(folder, "src");
	const file = (name: string, text: string) => writeFileSync(join(folder, name), text);
	mkdirSync(src);
	file("src/part.ts", 'globalThis.seen.push("part"); export const two: number = 2; export class Part { readonly three = 3; }');
	file(
		"src/whole.ts",
		`import * as part from "./part.js"; // deferred
globalThis.seen.push("whole");
globalThis.seen.push(part.two, new part.Part().three, part.two);
`,
	);
	const outfile = join(folder, "out.cjs");
	await build({ entryPoints: [join(src, "whole.ts")], outfile, bundle: true, format: "cjs", platform: "node", plugins: [deferredImports] });
	const seen: unknown[] = [];
	new Function("globalThis", "module", "exports", readFileSync(outfile, "utf8"))({ seen }, { exports: {} }, {});
	expect(seen).toEqual(["whole", "part", 2, 3, 2]);
});

test("only an import of everything under one name can be deferred", () => {
	const text = 'import { two } from "./part.js"; // deferred\n';
	expect(() => deferred(`// first\n${text}`, "src/whole.ts")).toThrow(
		'src/whole.ts:2: only `import * as name from "./file.js";` can be deferred',
	);
	expect(deferred("const none = 1;\n", "src/whole.ts")).toBe("const none = 1;\n");
});
