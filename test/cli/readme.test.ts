/** Every page that users read is true: what its blocks print, the commands it names, its links. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { families } from "../../src/cli/families.js";
import { commonOptions } from "../../src/cli/frame/common-options.js";
import { root, temporaryFolder } from "./cli.js";
import { type Block, commandsOf, environment, install, type Page, pages, readPage, run } from "./pages.js";

const page = (path: string): Page => pages.find((one) => one.path === path) as Page;
const consolesOf = ({ blocks }: Page): Block[] => blocks.filter(({ language }) => language === "console");
const readme = page("README.md");

test("the README shows its main job first", () => {
	expect(pages.flatMap(consolesOf).length).toBeGreaterThanOrEqual(6);
	expect(commandsOf(consolesOf(readme)[0])).toEqual(["iommuctl run --kernel sim scripts/examples/nested-translation.iommu"]);
	expect(readme.text).toContain(
		"npm ci && npm run build && node bin/iommuctl.js run --kernel sim scripts/examples/nested-translation.iommu",
	);
});

test("the README is short, and CI installs and tests as it says", () => {
	expect(readme.text.trimEnd().split("\n").length).toBeLessThanOrEqual(200);
	const ci = readFileSync(join(root, ".ci/run"), "utf8");
	for (const command of ["npm ci", "npm test"]) {
		expect(readme.text).toContain(command);
		expect(ci).toMatch(new RegExp(`^step .*${command}`, "m"));
	}
});

describe.each(pages.filter((one) => consolesOf(one).length > 0).map((one) => [one.path, one] as const))("%s", (path, one) => {
	const folder = temporaryFolder();
	let now: Map<Block, string> | undefined;
	test.each(consolesOf(one).map((block) => [commandsOf(block)[0], block] as const))("%s", (_, block) => {
		now ??= run(one, folder);
		const printed = now.get(block) as string;
		// UPDATE_README=1 npx vitest run test/cli/readme.test.ts writes what the commands print now.
		if (process.env.UPDATE_README) {
			const file = join(root, path);
			const text = readFileSync(file, "utf8");
			writeFileSync(
				file,
				text.replace(block.body, () => printed),
			);
		} else expect(printed).toBe(block.body);
	});
});

/** `iommuctl` commands in a shell's text: up to the end of the line, a pipe, a bracket or a comment. */
const commandsIn = (text: string): string[] =>
	[...text.matchAll(/(?<![\w./-])iommuctl ([^\n|;&)>#"`]+)/g)].map(([, words]) => words.trim());

/** What follows each command's words: its options, as help lists them. An object alone has none. */
const optionsOf = new Map<string, Set<string>>();
for (const { name, load } of families) {
	optionsOf.set(name, new Set(["--help"]));
	for (const command of (await load()).commands) {
		const flags = [...(command.options?.() ?? []), ...commonOptions(command)].flatMap(
			(option) => option.flags.match(/--[a-z][\w-]*/g) ?? [],
		);
		const options = new Set([...flags, "--help"]);
		optionsOf.set(`${name} ${command.name}`.trim(), options);
		if (command.isDefault) optionsOf.set(name, options);
	}
}

/** The options of the command that these words begin with; undefined if they name none. */
function optionsFor(words: string): Set<string> | undefined {
	const [object, action] = words.split(" ");
	const whole = optionsOf.get(`${object} ${action}`);
	// What is no action is an argument, where the object is a command of its own.
	const isCommand = action === undefined || action.startsWith("-") || ![...optionsOf.keys()].some((path) => path.startsWith(`${object} `));
	return whole ?? (isCommand ? optionsOf.get(object) : undefined);
}

const shown = pages.flatMap(({ path, text, blocks }) => [
	...blocks
		.filter(({ language, name }) => language === "sh" && name === undefined)
		.flatMap(({ body }) => commandsIn(body))
		.map((words) => [path, words] as const),
	...[...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/`([^`\n]+)`/g)]
		.flatMap(([, code]) => commandsIn(code))
		.filter((words) => /^[a-z]/.test(words))
		.map((words) => [path, words] as const),
]);

test.each(shown)("%s: iommuctl %s is a command with such options", (_, words) => {
	const options = optionsFor(words);
	expect(options).toBeDefined();
	for (const [option] of words.replace(/ -- .*/, "").matchAll(/(?<= )--[a-z][a-z-]*/g)) expect(options).toContain(option);
});

/** Pages about the sources. Nothing in them is run. */
const guides = ["ARCHITECTURE.md", "CONTRIBUTING.md"].map(readPage);

/** Names of things that the recipes invent. */
const INVENTED = /virtio|number/;

test.each(guides.map((one) => [one.path, one] as const))("%s: the files that it names are there", (_, { text }) => {
	const paths = [...text.matchAll(/`((?:\.ci|bench|bin|docs|man|scripts|src|structs|test)\/[\w./-]*)`/g)].map(([, path]) => path);
	expect(paths.length).toBeGreaterThan(10);
	expect(paths.filter((path) => !INVENTED.test(path) && !existsSync(join(root, path)))).toEqual([]);
});

test.each([...pages, ...guides].map((one) => [one.path, one] as const))(
	"%s: shell blocks parse, links lead somewhere",
	(path, { text, blocks }) => {
		for (const { language, name, body } of blocks) {
			// A block without a language shows a form; the others are known.
			expect(["console", "sh", "yaml", "json", "c", ""]).toContain(language);
			if (language !== "sh" || name !== undefined) continue;
			const { status, stderr } = spawnSync("bash", ["-n"], { input: body, encoding: "utf8" });
			expect([status, stderr]).toEqual([0, ""]);
		}
		expect(text).not.toMatch(/\bcan not\b/i);
		for (const [, target, anchor] of text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
			const file = target === "" ? path : join(dirname(path), target);
			expect(existsSync(join(root, file)), `${path} links to ${file}`).toBe(true);
			if (anchor === undefined) continue;
			const headings = [...readFileSync(join(root, file), "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
				heading
					.toLowerCase()
					.replace(/[^\w\s-]/g, "")
					.replaceAll(" ", "-"),
			);
			expect(headings, `${path} links to #${anchor} of ${file}`).toContain(anchor);
		}
	},
);

test("docs/README.md links every page of docs/, and the README links it", () => {
	const index = page("docs/README.md");
	for (const { path } of pages) {
		if (path.startsWith("docs/") && path !== index.path) expect(index.text).toContain(`](${path.slice("docs/".length)})`);
	}
	expect(readme.text).toContain("](docs/README.md)");
	expect(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).files).toContain("docs");
});

test("every object that the list of commands names is there, and none is missing", () => {
	const help = spawnSync(process.execPath, ["bin/iommuctl.js", "--help"], { cwd: root, encoding: "utf8" }).stdout;
	const objects = [...help.matchAll(/^ {2}([a-z][a-z-]*) {2,}\S/gm)].map(([, name]) => name).filter((name) => name !== "help");
	const table = page("docs/commands.md").text;
	for (const object of objects) expect(table).toMatch(new RegExp(`^\\| .*\`${object}[ \`]`, "m"));
	expect(objects.length).toBeGreaterThan(15);
});

test("the list of commands names each object's actions, and no others", async () => {
	const rows = [...page("docs/commands.md").text.matchAll(/^\| (`[^|]*`) \| (.*) \|$/gm)];
	for (const { name, load } of families) {
		const [, , what] = rows.find(([, objects]) => new RegExp(`\`${name}[ \`]`).test(objects)) ?? [];
		const there = (await load()).commands.map((command) => command.name).filter(Boolean);
		const named = [...(what ?? "").matchAll(/`([a-z][a-z-]*)`/g)].map(([, word]) => word);
		if (there.length === 0) expect(named, name).toEqual([]);
		else if (named.length > 0) expect([...named].sort(), name).toEqual([...there].sort());
	}
});

test("docs/json.md has every schema that the sources print, and no others", () => {
	const schemas = (text: string, quote: string) =>
		new Set([...text.matchAll(new RegExp(`${quote}(iommuctl\\.[a-z.-]+)${quote}`, "g"))].map(([, name]) => name));
	const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
	const printed = schemas(sources.map((path) => readFileSync(join(root, "src", path), "utf8")).join("\n"), '"');
	expect(printed.size).toBeGreaterThan(30);
	expect([...schemas(page("docs/json.md").text, "`")].sort()).toEqual([...printed].sort());
});

/** The shell lines of a workflow that run scripts, as CI gives them to its shell. */
function scriptStep(yaml: string): string {
	const { jobs, iommufd } = parse(yaml) as {
		jobs?: { iommufd: { steps: { run?: string }[] } };
		iommufd?: { script: string[] };
	};
	const lines = iommufd?.script ?? jobs?.iommufd.steps.map(({ run: step }) => step ?? "") ?? [];
	return lines.filter((line) => !line.startsWith("npm ")).join("\n");
}

describe("the CI recipes", () => {
	const recipes = page("docs/ci.md").blocks.filter(({ language, name }) => language === "yaml" && name === undefined);

	test.each(recipes.map(({ body }) => [body.split("\n")[0], scriptStep(body)]))("%s", (_, step) => {
		const outcome = (scripts: Record<string, string>) => {
			const folder = temporaryFolderOf(scripts);
			const { status } = spawnSync("bash", ["-e", "-o", "pipefail", "-c", step], {
				cwd: folder,
				encoding: "utf8",
				env: environment(folder),
			});
			return { status, reports: Object.keys(scripts).map((name) => readFileSync(join(folder, "reports", `${name}.xml`), "utf8")) };
		};
		const good = outcome({ "a.iommu": "ioas alloc\n", "b.iommu": "require kernel real\nioas alloc\n" });
		expect(good.status).toBe(0);
		for (const report of good.reports) expect(report).toContain("<testsuite ");
		expect(outcome({ "a.iommu": "destroy 9\n", "b.iommu": "ioas alloc\n" }).status).toBe(1);
	});

	test("are two", () => expect(recipes.length).toBe(2));
});

let made = 0;
const folders = temporaryFolder();

/** A folder with `iommuctl` and these scripts in tests/. */
function temporaryFolderOf(scripts: Record<string, string>): string {
	const folder = join(folders, String(made++));
	mkdirSync(join(folder, "tests"), { recursive: true });
	install(folder);
	for (const [name, text] of Object.entries(scripts)) writeFileSync(join(folder, "tests", name), text);
	return folder;
}
