/** The options of commands that have many cases. */
import type { OptionSpec } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";

export const caseOptions: readonly OptionSpec[] = [
	{ flags: "--shard <i/n>", doc: "only the ith of n parts of the cases; a case's name decides which one it is in" },
	{ flags: "--resume <folder>", value: "file", doc: "keep finished cases in this folder; those that it has are not run again" },
	{ flags: "--jobs <n>", doc: "work in this many threads (as many as there are CPUs, if that saves time); the output is the same" },
];

/** The value of --jobs; undefined: not given. @throws UsageError */
export function jobsGiven(text: unknown): number | undefined {
	if (text === undefined) return undefined;
	if (!/^[1-9]\d{0,2}$/.test(text as string))
		throw new UsageError(
			`--jobs: "${text}" is not a number of threads`,
			"give 1 to 999, or leave it out: as many as there are CPUs, if that saves time",
		);
	return Number(text);
}
