/** What may stand at the cursor of a command line, loading only the part of the command tree that the line names. */
import { ioctlByName, type StructType } from "../../../../../structs/index.js";
import type { CommandSpec, Family, FamilyEntry, OptionSpec } from "../../../frame/command.js";
import { commonOptions, commonValueOptions, everywhere } from "../../../frame/common-options.js";
import type { Context } from "../../../frame/context.js";
import { type Answer, argumentValues, type Candidate, nothing, optionValues } from "./candidates.js";

const everyCommonOption: readonly OptionSpec[] = everywhere.flatMap(([, options]) => options);
const helpOption: OptionSpec = { flags: "-h, --help", doc: "what the command does and takes" };
const takesValue = ({ flags }: OptionSpec): boolean => flags.includes("<");
const spellings = ({ flags }: OptionSpec): string[] => flags.match(/(?<![\w-])--?[\w-]+/g) ?? [];

const familyNames = (families: readonly FamilyEntry[]): Candidate[] => [
	...families.map(({ name, summary }) => ({ value: name, doc: summary })),
	{ value: "help", doc: "help for a command" },
];

/** The one that is named so, or the only one whose name begins so. */
function abbreviated<T extends { readonly name: string }>(all: readonly T[], typed: string): T | undefined {
	const starting = all.filter(({ name }) => name.startsWith(typed));
	return all.find(({ name }) => name === typed) ?? (starting.length === 1 ? starting[0] : undefined);
}

/** The words in front of the cursor that are neither options nor their values. */
function positionals(words: readonly string[], options: readonly OptionSpec[]): string[] {
	const withValue = new Set(options.filter(takesValue).flatMap(spellings));
	const found: string[] = [];
	for (let at = 0; at < words.length; at++) {
		if (words[at].startsWith("-") && words[at] !== "-") at += withValue.has(words[at]) ? 1 : 0;
		else found.push(words[at]);
	}
	return found;
}

/** @param words what follows `iommuctl`, the last one as far as it is typed */
export async function answer(families: readonly FamilyEntry[], words: readonly string[], context: Context): Promise<Answer> {
	const before = words.slice(0, -1);
	const typed = words.at(-1) ?? "";
	const found = await candidatesFor(families, before, typed, context);
	return { ...found, candidates: found.candidates.filter(({ value }) => value.startsWith(typed)) };
}

async function candidatesFor(
	families: readonly FamilyEntry[],
	before: readonly string[],
	typed: string,
	context: Context,
): Promise<Answer> {
	// Common options may stand in front of the object.
	let at = 0;
	while (at < before.length && before[at].startsWith("-")) at += commonValueOptions.has(before[at]) ? 2 : 1;
	const [object, ...rest] = before.slice(at);
	if (object === undefined) {
		const open = at > before.length ? everyCommonOption.find((option) => spellings(option).includes(before[before.length - 1])) : undefined;
		if (open) return await optionValues(open, typed, undefined, context);
		if (typed.startsWith("--") && typed.includes("=")) return await assigned(everyCommonOption, typed, undefined, context);
		if (!typed.startsWith("-")) return { candidates: familyNames(families) };
		const own = [helpOption, { flags: "-V, --version", doc: "print the version" }, ...everyCommonOption];
		return { candidates: own.flatMap((option) => spellings(option).map((value) => ({ value, doc: option.doc }))) };
	}
	if (object === "help") return rest.length === 0 ? { candidates: familyNames(families) } : nothing;
	const family = await abbreviated(families, object)?.load();
	if (!family) return nothing;
	const { spec, words } = actionOf(family, rest);
	if (!spec) return { candidates: actionsOf(family, typed) };
	return await inCommand(spec, words, typed, context);
}

/** A family's actions, spelled as the word that was begun: calls may be written in small letters, and without IOMMU_. */
function actionsOf(family: Family, typed: string): Candidate[] {
	const all = family.commands.map(({ name, summary }) => ({ value: name, doc: summary }));
	if (family.meant === undefined || !/^[a-z]/.test(typed)) return all;
	return all.flatMap(({ value, doc }) => {
		const small = value.toLowerCase();
		const short = small.replace(/^iommu_/, "");
		return (short === small ? [small] : [small, short]).map((spelling) => ({ value: spelling, doc }));
	});
}

/** The action that is named, and what follows it; an object that is its own command has none to name. */
function actionOf(family: Family, rest: readonly string[]): { spec: CommandSpec | undefined; words: readonly string[] } {
	const only = family.commands.length === 1 && family.commands[0].name === "" ? family.commands[0] : undefined;
	if (only) return { spec: only, words: rest };
	const at = rest.findIndex((word) => !word.startsWith("-"));
	const named = at < 0 ? undefined : (family.meant?.(rest[at]) ?? rest[at]);
	return { spec: named === undefined ? undefined : abbreviated(family.commands, named), words: rest.slice(at + 1) };
}

/** `--option=value` */
async function assigned(options: readonly OptionSpec[], typed: string, struct: StructType | undefined, context: Context): Promise<Answer> {
	const name = typed.slice(0, typed.indexOf("="));
	const option = options.find((one) => takesValue(one) && spellings(one).includes(name));
	if (!option) return nothing;
	const found = await optionValues(option, typed.slice(name.length + 1), struct, context);
	return { ...found, candidates: found.candidates.map(({ value, doc }) => ({ value: `${name}=${value}`, doc })) };
}

async function inCommand(spec: CommandSpec, words: readonly string[], typed: string, context: Context): Promise<Answer> {
	const options = [...(spec.options?.() ?? []), ...commonOptions(spec), helpOption];
	const fields = options.flatMap(({ field }) => (field ? [field] : []));
	const struct = (spec.ioctl === undefined ? undefined : ioctlByName(spec.ioctl)?.struct) ?? undefined;
	const last = words.at(-1) ?? "";
	const open = options.find((option) => takesValue(option) && spellings(option).includes(last));
	if (open) return await optionValues(open, typed, struct, context);
	if (typed.startsWith("--") && typed.includes("=")) return await assigned(options, typed, struct, context);
	if (typed.startsWith("-")) {
		const given = new Set(words);
		const left = options.filter((option) => option.repeat || !spellings(option).some((spelling) => given.has(spelling)));
		return { candidates: left.flatMap((option) => spellings(option).map((value) => ({ value, doc: option.doc }))) };
	}
	const placed = positionals(words, options);
	const args = spec.args ?? [];
	const argument = args[placed.length] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined);
	return argument ? await argumentValues(argument, placed, typed, fields, context) : nothing;
}
