/** The options of reports of many cases. */
import type { OptionSpec } from "../../../frame/command.js";

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
