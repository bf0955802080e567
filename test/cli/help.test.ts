import { describe, expect, test } from "vitest";
import { splitWords } from "../../src/cli/commands/tools/script/tokens.js";
import { families } from "../../src/cli/families.js";
import { CommandTree, HelpShown } from "../../src/cli/frame/program.js";
import { ioctls } from "../../structs/index.js";

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
