/** Reports of many cases: what a reporter of them is, and what it is told. */
import type { ShardNote } from "../cases/index.js";
import type { Case, Group } from "./case.js";

/** One case of a command: a script with its lines, or a test or file that is one line of the report. */
export interface Unit {
	/** its name */
	readonly name: string;
	readonly exit: number;
	/** at least one; numbered from 1 */
	readonly cases: readonly Case[];
	/** of a script: how its cases stand together */
	readonly groups: readonly Group[];
}

/** What a report is about. */
export interface Campaign {
	/** the command: `litmus` */
	readonly command: string;
	/** what was named on the command line */
	readonly file: string;
	readonly kernel: "real" | "sim";
	/** for people: `simulated (no /dev/iommu here)` */
	readonly which: string;
	/** units that there will be */
	readonly count: number;
	/** `suite`: each unit has cases of its own */
	readonly each: "suite" | "case";
	readonly note?: ShardNote;
}

/** Writes units: some as they come, some at the end. Their order and text depend on nothing but the units. */
export interface CampaignReporter {
	start(campaign: Campaign): string;
	one(unit: Unit): string;
	end(exit: number): string;
}

/** A reporter that writes everything at the end. */
export function unitsAtEnd(write: (campaign: Campaign, units: readonly Unit[], exit: number) => string): CampaignReporter {
	const units: Unit[] = [];
	let campaign: Campaign;
	return {
		start(given) {
			campaign = given;
			return "";
		},
		one(unit) {
			units.push(unit);
			return "";
		},
		end: (exit) => write(campaign, units, exit),
	};
}

/** A unit that is one line of the report. */
export function singleUnit(name: string, one: Omit<Case, "number" | "errno" | "stderr"> & Partial<Pick<Case, "stderr">>): Unit {
	return { name, exit: one.exit, groups: [{ count: 1 }], cases: [{ number: 1, errno: 0, stderr: "", ...one }] };
}

/** What was named on the command line, in a few words. */
export function namedFiles(args: readonly string[]): string {
	return args.length <= 3 ? args.join(" ") : `${args[0]} and ${args.length - 1} more`;
}
