/** Commands with many cases: which of them run (--shard), where (--jobs), and which have been run before (--resume). */
import { availableParallelism } from "node:os";
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import { jobsGiven } from "./options.js";
import { ordered } from "./ordered.js";
import type { ShardNote } from "./shard.js";

export { caseOptions } from "./options.js";
export type { ShardNote } from "./shard.js";
export { worst } from "./worst.js";

/** A command's cases. `R` is what one comes to, as JSON can hold it. */
export interface CaseList<R> {
	/** in the order of the report; each decides which shard its case is in, so it says the same everywhere */
	readonly names: readonly string[];
	/** one case, by its position from 0 */
	run(at: number): Promise<R>;
	/** about how long a case takes, ms; by default not known */
	time?(at: number): number;
	/** a thread's cases come in the order of the list; else the longest begin first */
	readonly inOrder?: boolean;
	/** whether the result of an earlier run is still what the case comes to; by default it is */
	holds?(result: R): boolean;
	/** once it is true, no further case begins */
	stop?(): boolean;
	/** why the cases can run in this thread only */
	readonly alone?: string;
	/** which kernel answers, for people */
	readonly kernel: string;
}

/** The cases that a command line is about. */
export interface Cases<R> {
	/** positions in the list, from 0 */
	readonly positions: readonly number[];
	/** with --shard */
	readonly note?: ShardNote;
	/** in the order of the list; what a case throws comes in its turn */
	results(): AsyncGenerator<R>;
}

/** What threads cost before they are of use, ms: each loads and compiles all code for itself. */
const COST = 1500;

/** @throws UsageError, EnvironmentError */
export async function casesOf<R>(inv: Invocation, list: CaseList<R>): Promise<Cases<R>> {
	const { options, io } = inv;
	if (inv.serve) return await inv.serve(list.run);
	const given = jobsGiven(options.jobs);
	if (given !== undefined && given > 1 && list.alone !== undefined) throw new UsageError(`--jobs: ${list.alone}`, "leave it out");
	let positions = [...list.names.keys()];
	let note: ShardNote | undefined;
	if (options.shard !== undefined) {
		const { inShard, listDigits, parseShard, shardText } = await import("./shard.js");
		const shard = parseShard(options.shard as string);
		positions = positions.filter((at) => inShard(list.names[at], shard));
		note = { shard: shardText(shard), cases: positions.map((at) => at + 1), of: list.names.length, list: listDigits(list.names) };
		if (positions.length === 0)
			io.stderr.write(`${inv.err.note("note:")} shard ${note.shard} has none of the cases (${list.names.length} in all)\n`);
	}
	const run = await finishing(inv, list);
	// A script's line, or a context that others share, has no command line that a thread could begin with.
	const alone = list.alone !== undefined || inv.place !== undefined || given === 1;
	return {
		positions,
		note,
		results: () => (alone ? inTurn(positions, run.here, list.stop) : spread(inv, { list, positions, run, jobs: given })),
	};
}

async function* inTurn<R>(positions: readonly number[], run: (at: number) => Promise<R>, stop = () => false): AsyncGenerator<R> {
	for (const at of positions) {
		if (stop()) return;
		yield await run(at);
	}
}

interface Running<R> {
	/** in this thread */
	here(at: number): Promise<R>;
	/** by what runs it elsewhere */
	by(run: (at: number) => Promise<R>): (at: number) => Promise<R>;
	/** whether it was run before */
	known(at: number): boolean;
}

/** With --resume a case that has finished is not run again, and the others are kept as they finish. */
async function finishing<R>(inv: Invocation, list: CaseList<R>): Promise<Running<R>> {
	const folder = inv.options.resume as string | undefined;
	if (folder === undefined) return { here: (at) => list.run(at), by: (run) => run, known: () => false };
	if (inv.args.some((one) => one === "-" || one.startsWith("/dev/")))
		throw new UsageError("--resume: stdin cannot be read again", "give files");
	if (inv.common.record !== undefined)
		throw new UsageError("--record and --resume cannot both be given", "what has finished is not run again, and would not be recorded");
	const { Finished } = await import("./resume.js");
	const finished = new Finished<R>(inv, folder, list);
	const kept = (at: number): R | undefined => {
		const before = finished.get(at);
		return before === undefined || list.holds?.(before) === false ? undefined : before;
	};
	const by = (run: (at: number) => Promise<R>) => async (at: number) => {
		const before = kept(at);
		if (before !== undefined) return before;
		const result = await run(at);
		finished.put(at, result);
		return result;
	};
	return { here: by((at) => list.run(at)), by, known: (at) => kept(at) !== undefined };
}

interface Spread<R> {
	readonly list: CaseList<R>;
	readonly positions: readonly number[];
	readonly run: Running<R>;
	/** undefined: as many as there are CPUs */
	readonly jobs?: number;
}

/** Begins in this thread; others are started where --jobs asks for them, or where they save more time than they cost. */
async function* spread<R>(inv: Invocation, { list, positions, run, jobs }: Spread<R>): AsyncGenerator<R> {
	const begun = performance.now();
	const times = positions.map((one) => (list.time === undefined || run.known(one) ? 0 : list.time(one)));
	let left = times.reduce((sum, time) => sum + time, 0);
	let at = 0;
	const most = jobs ?? availableParallelism();
	const worthIt = (): boolean => {
		const rest = positions.length - at;
		if (most === 1 || rest < 2) return false;
		if (jobs !== undefined) return true;
		const asBefore = at === 0 ? 0 : ((performance.now() - begun) / at) * rest;
		return Math.max(left, asBefore) * (1 - 1 / most) > COST;
	};
	for (; at < positions.length; at++) {
		if (list.stop?.()) return;
		if (worthIt()) break;
		yield await run.here(positions[at]);
		left -= times[at];
	}
	const rest = positions.slice(at);
	if (rest.length === 0) return;
	const { CaseThread } = await import("./pool.js");
	const threads = Array.from({ length: Math.min(most, rest.length) }, () => new CaseThread<R>(inv));
	try {
		yield* ordered(
			rest,
			threads.map((thread) => run.by((one) => thread.run(one))),
			{ size: list.inOrder ? undefined : list.time, stop: list.stop },
		);
	} finally {
		await Promise.all(threads.map((thread) => thread.end()));
	}
}
