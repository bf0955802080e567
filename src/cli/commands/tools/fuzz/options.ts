/** What the command line of `fuzz` asks for: read and checked before anything is opened or made. */
import { type KnownDifference, parseKnown } from "../../../../fuzz/index.js";
import { parseDuration } from "../../../../session/duration.js";
import type { NamedFolder } from "../../../../trace/folder.js";
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import { readInput } from "../../../frame/io.js";
import { smallNumber } from "../../../frame/small-number.js";
import { formatGiven } from "../formats/options.js";

const PROGRAMS = 1000;
/** Programs of a run that only --time ends, at most. */
const MOST = 20_000_000;

export interface FuzzOptions {
	/** the kernels, as they were named */
	readonly left: string;
	readonly right: string;
	readonly seed: number;
	/** the number of the first program */
	readonly from: number;
	/** how many programs, at most */
	readonly count: number;
	/** for how long, ms; undefined: `count` ends the run */
	readonly time?: number;
	readonly corpus?: NamedFolder;
	/** where findings are written */
	readonly out?: NamedFolder;
	readonly known: readonly KnownDifference[];
	/** what is written of the run */
	readonly output: "text" | "json" | "kcidb";
	/** whether finished blocks are kept */
	readonly resumes: boolean;
}

/** @throws UsageError */
export async function fuzzOptions({ options, io, common }: Pick<Invocation, "options" | "io" | "common">): Promise<FuzzOptions> {
	const text = (name: string): string | undefined => options[name] as string | undefined;
	const number = (name: string, usual: number): number => smallNumber(text(name) ?? `${usual}`, `--${name}`);
	const folder = (name: string): NamedFolder | undefined => {
		const named = text(name);
		return named === undefined ? undefined : { name: named, cwd: io.cwd, option: `--${name}` };
	};
	const seed = number("seed", 1);
	const from = number("from", 0);
	const given = text("time");
	const time = given === undefined ? undefined : parseDuration(given, "--time");
	const resumes = options.resume !== undefined;
	if (time !== undefined && text("programs") !== undefined) throw new UsageError("--time and --programs cannot both be given");
	const count = time === undefined ? number("programs", PROGRAMS) : MOST;
	if (time !== undefined && resumes)
		throw new UsageError("--resume needs an end that is the same each time", "give --programs instead of --time");
	if (time === 0) throw new UsageError("--time 0: no program would run", "give a time such as 10m, or --programs");
	if (count === 0) throw new UsageError("--programs 0: at least one program is needed");
	const corpus = folder("corpus");
	if (corpus !== undefined && resumes)
		throw new UsageError("--resume and --corpus cannot both be given", "programs are made of the corpus, which grows meanwhile");
	const out = folder("out");
	const format = formatGiven<"json" | "kcidb">({ options, common }, true);
	const file = text("known");
	const known = file === undefined ? [] : await parseKnown(Buffer.from(readInput(io, file, "--known")).toString(), file);
	return {
		left: text("left") ?? "sim",
		right: text("right") ?? "real",
		seed,
		from,
		count: Math.min(count, MOST),
		...(time !== undefined && { time }),
		...(corpus && { corpus }),
		...(out && { out }),
		known,
		output: common.json ? "json" : (format ?? "text"),
		resumes,
	};
}
