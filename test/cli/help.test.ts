/** Help texts. */
import { describe, expect, test } from "vitest";
import { families } from "../../src/cli/families.js";
import { CommandTree, HelpShown } from "../../src/cli/frame/program.js";
import { splitWords } from "../../src/script/index.js";
import { ioctls } from "../../structs/index.js";
import { iommuctl, script } from "./cli.js";

const options = { version: "0", colours: { out: false, err: false } };
/** As a shell would split it, redirections apart; a variable stands for some word. */
const words = (line: string): string[] =>
	splitWords(line.replace(/ [<>] .*$/, "")).map((word) => word.map((piece) => ("text" in piece ? piece.text : "1")).join(""));

const loaded = await Promise.all(families.map(async ({ name, load }) => [name, await load()] as const));
const familyByName = new Map(loaded);
const commands = families.flatMap(({ name }) => (familyByName.get(name)?.commands ?? []).map((command) => ({ object: name, command })));

describe("every command", () => {
	test("of the issue is there", () => {
		const have = commands.map(({ object, command }) => `${object} ${command.name}`.trim());
		const wanted: Record<string, string> = {
			device: "list bind attach detach info",
			ioas: "alloc ranges allow map map-file copy unmap change-process phys",
			option: "get set",
			hwpt: "alloc invalidate dirty-on dirty-off dirty-read",
			fault: "alloc read respond",
			viommu: "alloc",
			vdevice: "alloc",
			veventq: "alloc read",
			"hw-queue": "alloc",
			struct: "list show encode decode",
			mem: "alloc read write free",
			kernel: "show log",
		};
		const names = Object.entries(wanted).flatMap(([object, actions]) => actions.split(" ").map((action) => `${object} ${action}`));
		expect(have).toEqual(expect.arrayContaining([...names, "destroy", "raw", "run", "replay"]));
		expect(commands.filter(({ object }) => object === "selftest")).toHaveLength(23);
	});

	test.each(commands.map(({ object, command }) => [`${object} ${command.name}`.trim(), object, command] as const))(
		"%s: help with examples that can be typed",
		(path, object, command) => {
			const family = familyByName.get(object);
			const help = shown(() => new CommandTree(families).parse(family, [...path.split(" "), "--help"], options));
			expect(help).toContain("Examples:");
			expect(help).not.toMatch(/undefined|\[object/);
			expect(command.examples.length).toBeGreaterThan(0);
			for (const [line] of command.examples) {
				// A bar would be the shell's.
				expect(line).not.toMatch(/\w\|\w/);
				// What is piped into another command is that one's business.
				const given = words(line.split(" | ")[0]);
				expect(given.slice(0, path.split(" ").length).join(" ")).toBe(command.isDefault && given.length === 1 ? object : path);
				expect(new CommandTree(families).parse(family, given, options).command.name).toBe(command.name);
			}
		},
	);

	test("every field of every call has an option of its own", () => {
		for (const { object, command } of commands) {
			const flags = (command.options?.() ?? []).map(({ flags: one }) => one.split(/[ ,]/)[0]);
			expect(new Set(flags).size, `${object} ${command.name}`).toBe(flags.length);
		}
		const map = familyByName.get("ioas")?.commands.find(({ name }) => name === "map");
		const names = map?.options?.().map(({ flags }) => flags.split(" ")[0]);
		expect(names).toEqual(ioctls.IOMMU_IOAS_MAP.struct.fields.map(({ name }) => `--${name.replace(/^_+/, "").replaceAll("_", "-")}`));
	});
});

function shown(parse: () => unknown): string {
	try {
		parse();
	} catch (error) {
		if (error instanceof HelpShown) return error.text;
		throw error;
	}
	return "";
}

describe("the help of the whole program", () => {
	const { stdout: help } = iommuctl(["--help"]);

	test("has every object once, under its group", () => {
		const groups = ["The uAPI of /dev/iommu:", "Hardware and VFIO:", "Scripts and traces:", "Tools:", "Proposals that never became uAPI:"];
		expect([...new Set(families.map(({ group }) => group))]).toEqual(groups);
		for (const { name, summary, group } of families) {
			const section = help.slice(help.indexOf(`\n${group}\n`)).split("\n\n")[0];
			expect(section).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20).replace(/[.*+?()[\]]/g, "\\$&")}`, "m"));
		}
	});

	test("shows the options that hold everywhere", () => {
		for (const option of [
			"--json",
			"--pretty",
			"--color <when>",
			"--kernel <which>",
			"--machine <file|name>",
			"--record <file>",
			"--expect <errno>",
		])
			expect(help).toContain(`  ${option} `);
	});

	test.each([
		[
			["ioas", "help"],
			["ioas", "--help"],
		],
		[
			["ioas", "help", "map"],
			["ioas", "map", "--help"],
		],
		[
			["destroy", "help"],
			["destroy", "--help"],
		],
		[
			["help", "io", "ra"],
			["ioas", "ranges", "--help"],
		],
		[
			["hwp", "inv", "--help"],
			["hwpt", "invalidate", "--help"],
		],
	])("%j is %j", (short, long) => {
		expect(iommuctl(short)).toEqual(iommuctl(long));
	});
});

describe("abbreviations", () => {
	test.each([
		["io alloc", "ioas alloc"],
		["op get RLIMIT_MODE", "option get RLIMIT_MODE"],
		["--kernel sim io alloc", "ioas alloc"],
	])("%s is %s", (short, long) => {
		const [a, b] = [short, long].map((line) => iommuctl([...line.split(" "), "--kernel", "sim"]));
		expect(a).toEqual(b);
		expect(a.status).toBe(0);
	});

	test("in scripts too", () => {
		expect(script(["i = io alloc", "dest $i"]).stdout).toContain("2 commands: 2 ok");
	});

	test.each([
		["v alloc", 'the object "v" is ambiguous\n  it may be viommu, vdevice, veventq, vfio, vsva, virq\n'],
		["ioas al", 'ioas: the action "al" is ambiguous\n  it may be alloc, allow\n'],
		["session st", 'session: the action "st" is ambiguous\n  it may be start, status, stop\n'],
	])("%s: the candidates", (line, message) => {
		const { status, stdout, stderr } = iommuctl(line.split(" "));
		expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: "", stderr: `error: ${message}` });
	});

	test("the word iommuctl in a script gets a hint", () => {
		expect(script(["iommuctl ioas alloc"]).stderr).toContain("unknown command 'iommuctl'\n    leave out the word: ioas alloc\n");
	});
});

describe("--pretty", () => {
	test("is --json, indented", () => {
		const [pretty, plain] = ["--pretty", "--json"].map((option) => iommuctl(["destroy", "9", "--kernel", "sim", option]));
		expect(pretty.stdout).toBe(`${JSON.stringify(JSON.parse(plain.stdout), null, 2)}\n`);
		expect(pretty).toMatchObject({ status: plain.status, stderr: plain.stderr });
		expect(iommuctl(["ioas", "mpa", "--pretty"]).stdout).toMatch(/^\{\n {2}"schema": "iommuctl.error",\n/);
	});

	test("of a script, every document", () => {
		const { stdout } = script(["ioas alloc", "destroy 1"], "--pretty");
		expect(stdout.match(/^\{$/gm)).toHaveLength(3);
		expect(stdout).toContain('\n  "schema": "iommuctl.run",\n');
	});
});
