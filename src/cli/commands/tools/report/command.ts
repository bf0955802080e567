/** `report`: what shards wrote, as one report. */
import type { Family, Invocation } from "../../../frame/command.js";
import { done, type Outcome, UsageError } from "../../../frame/exit.js";
import { readInputOrStdin } from "../../../frame/io.js";

async function merge({ args, io }: Invocation): Promise<Outcome> {
	const sources: { from: string; text: string }[] = [];
	for (const file of args) {
		const text = Buffer.from(await readInputOrStdin(io, file)).toString();
		sources.push({ from: file === "-" ? "stdin" : file, text });
	}
	const kinds = new Set(sources.map(({ from, text }) => kindOf(from, text)));
	const [kind] = kinds;
	if (kinds.size > 1) throw new UsageError(`these reports are in different formats: ${[...kinds].join(", ")}`, "merge those of one format");
	io.stdout.write(await mergers[kind](sources));
	return done;
}

const mergers = {
	KTAP: async (sources: Sources) => (await import("./ktap.js")).mergeKtap(sources),
	JUnit: async (sources: Sources) => (await import("./junit.js")).mergeJunit(sources),
	JSON: async (sources: Sources) => (await import("./json.js")).mergeJson(sources),
};

type Sources = readonly { from: string; text: string }[];

function kindOf(from: string, text: string): keyof typeof mergers {
	if (text.startsWith("KTAP version 1\n")) return "KTAP";
	if (text.startsWith("<?xml")) return "JUnit";
	if (text.startsWith("{")) return "JSON";
	if (text === "")
		throw new UsageError(
			`${from} is empty`,
			"if its shard was killed, run it again; if not, give it --format json, ktap or junit: each writes a report also of no case",
		);
	throw new UsageError(`${from} is not a report`, "a report is KTAP, JUnit's XML or JSON, as --format writes it");
}

const family: Family = {
	name: "report",
	apart: true,
	commands: [
		{
			name: "merge",
			summary: "the reports of all shards as the one report that a run without --shard writes",
			details: [
				"Takes what `run`, `litmus` and `replay` wrote with --shard and --format ktap, junit or json (and --json of `replay` and `fuzz`),",
				"and writes the report of all cases: byte for byte what one run of all of them writes, in whatever order the files are given.",
				"Exit 2 if a shard or a case is missing or there twice, or if the files are not of the same run. Whether tests failed is in",
				"the report and in the shards' own exit codes.",
			].join("\n"),
			args: [{ name: "FILE", value: "file", doc: "a shard's report; - is stdin", variadic: true }],
			examples: [["report merge shard-*.xml > report.xml", "JUnit's XML of a CI matrix"]],
			run: merge,
		},
	],
};
export default family;
