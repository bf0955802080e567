/** The options of reports of many cases. */
import type { Invocation, OptionSpec } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";

export const kcidbOptions: readonly OptionSpec[] = [
	{ flags: "--origin <name>", doc: "of kcidb: the name of the CI system (iommuctl)" },
	{ flags: "--build <id>", doc: "of kcidb: the build that is tested, if it is known there; else it is described by this kernel's release" },
];

/** @param cases what is a case: `a case for each test` */
export const formatOptions = (cases: string): readonly OptionSpec[] => [
	{
		flags: "--format <format>",
		doc: `${cases}: ktap, junit, json in one document, or kcidb (for kernelci.org)`,
		choices: ["ktap", "junit", "json", "kcidb"],
	},
	...kcidbOptions,
];

/**
 * The value of --format.
 * @param alike whether --json means --format json @throws UsageError for options that do not go together
 */
export function formatGiven<F extends string>({ options, common }: Pick<Invocation, "options" | "common">, alike: boolean): F | undefined {
	const format = options.format as F | undefined;
	// --pretty alone is --json of whatever is written as JSON.
	const json = common.pretty && options.json !== true ? "--pretty" : "--json";
	if (format !== undefined && common.json && !(format === "json" && (alike || json === "--pretty")))
		throw new UsageError(`${json} and --format ${format} cannot both be given`);
	const lone = ["origin", "build"].find((name) => options[name] !== undefined);
	if (lone !== undefined && format !== "kcidb")
		throw new UsageError(`--${lone} is only for --format kcidb`, "add --format kcidb, or leave it out");
	return format;
}
