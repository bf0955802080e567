import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./cli.js";

const path = join(root, "README.md");
const block = /```console\n([\s\S]*?)```/g;

/** What a command prints, both ends in the order of a terminal. */
function output(command: string): string {
	const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
	const wrapped = `exec 2>&1; iommuctl() { "$NODE" bin/iommuctl.js "$@"; }; ${command}`;
	return spawnSync("bash", ["-c", wrapped], { cwd: root, encoding: "utf8", env: { ...env, NODE: process.execPath } }).stdout;
}

const commandsOf = (body: string): string[] =>
	body
		.split("\n")
		.filter((line) => line.startsWith("$ "))
		.map((line) => line.slice(2));

const asRun = (body: string): string =>
	commandsOf(body)
		.map((command) => `$ ${command}\n${output(command)}`)
		.join("");

const text = readFileSync(path, "utf8");
const blocks = [...text.matchAll(block)].map(([, body]) => body);

test("the README shows its main job first", () => {
	expect(blocks.length).toBeGreaterThanOrEqual(6);
	expect(commandsOf(blocks[0])).toEqual(["iommuctl run --kernel sim scripts/examples/nested-translation.iommu"]);
	expect(text).toContain("npm ci && npm run build && node bin/iommuctl.js run --kernel sim scripts/examples/nested-translation.iommu");
});

test.each(blocks.map((body) => [commandsOf(body)[0], body]))("README: %s", (_, body) => {
	// UPDATE_README=1 npx vitest run test/cli/readme.test.ts writes what the commands print now.
	if (process.env.UPDATE_README)
		writeFileSync(
			path,
			readFileSync(path, "utf8").replace(body, () => asRun(body)),
		);
	else expect(asRun(body)).toBe(body);
});

test("every object that the README lists is there, and none is missing", () => {
	const help = spawnSync(process.execPath, ["bin/iommuctl.js", "--help"], { cwd: root, encoding: "utf8" }).stdout;
	const objects = [...help.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name]) => name).filter((name) => name !== "help");
	const table = text.slice(text.indexOf("## The commands"), text.indexOf("## Scripts"));
	for (const object of objects) expect(table).toMatch(new RegExp(`\`${object}[ \`]`));
	expect(objects.length).toBeGreaterThan(15);
});
