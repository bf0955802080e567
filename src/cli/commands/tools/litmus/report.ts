/** What `litmus` prints of its tests. */
import type { Invocation } from "../../../frame/command.js";
import { exitCode } from "../../../frame/exit.js";
import { plural } from "../../../frame/text.js";
import type { ShardNote } from "../cases/index.js";
import type { Digests } from "../cases/read-files.js";
import { campaignReporter, type Format, namedFiles, type Unit } from "../formats/index.js";
import { judged, type Ran, type Row, rowsOf } from "./judge.js";
import { stages } from "./on-sim.js";
import type { ReadTest } from "./record.js";
import { shownOrder } from "./show.js";

export interface Writer {
	one(result: Result): void;
	end(exit: number): void;
}

export interface WriterOptions {
	readonly format?: Format;
	readonly kernel: "real" | "sim";
	readonly which: string;
	/** tests that there will be */
	readonly count: number;
	readonly note?: ShardNote;
}

/** What a test came to. */
export interface Result {
	readonly file: string;
	readonly exit: number;
	/** as it is printed without --format */
	readonly stdout: string;
	readonly stderr: string;
	/** as the one line of a report */
	readonly unit: Unit;
	/** with --resume: what it read besides */
	readonly read?: Digests;
	/** a thread is still in the kernel */
	readonly hanging?: boolean;
}

export function writerFor(inv: Invocation, options: WriterOptions): Writer {
	return options.format === undefined ? text(inv, options) : reported(inv, options, options.format);
}

/** Cases for CI. */
function reported({ args, io, options }: Invocation, { kernel, which, count, note }: WriterOptions, format: Format): Writer {
	const reporter = campaignReporter(format, options);
	io.stdout.write(reporter.start({ command: "litmus", file: namedFiles(args), kernel, which, count, note, each: "case" }));
	return {
		one: ({ unit }) => io.stdout.write(reporter.one(unit)),
		end: (exit) => io.stdout.write(reporter.end(exit)),
	};
}

/** For people, or a document for each test. */
function text({ io, out, common }: Invocation, { count }: WriterOptions): Writer {
	const exits: number[] = [];
	return {
		one({ exit, stdout, stderr }) {
			exits.push(exit);
			io.stdout.write(stdout);
			io.stderr.write(stderr);
		},
		end() {
			if (count < 2 || common.quiet || common.json) return;
			const skipped = exits.filter((exit) => exit === exitCode.skipped).length;
			const failed = exits.filter((exit) => exit !== exitCode.done).length - skipped;
			const ok = exits.length - failed - skipped;
			const parts = [`${ok} ok`, ...(failed > 0 ? [`${failed} failed`] : []), ...(skipped > 0 ? [`${skipped} skipped`] : [])];
			io.stdout.write(`${(failed > 0 ? out.bad : out.good)(`${plural(exits.length, "test")}: ${parts.join(", ")}`)}\n`);
		},
	};
}

/** A test for people. */
export function testText(inv: Invocation, ran: Ran & Pick<ReadTest, "machine">, show: number | undefined): string {
	const { out, common } = inv;
	const stage = common.why ? stages(inv, ran) : undefined;
	const problems = judged(ran);
	if (common.quiet && problems.length === 0) return "";
	const { test } = ran;
	return [
		`${out.strong(test.file)}${test.about === "" ? "" : `: ${test.about}`}`,
		...testLines(ran).map((line) => `  ${line}`),
		...problems.map((problem) => `  ${out.bad(problem)}`),
		...(show === undefined ? [] : shownOrder(ran, show, stage).map((line) => (line === "" ? "" : `  ${line}`))),
	]
		.map((line) => `${line}\n`)
		.join("");
}

/** How many orders were run, and the outcomes. */
export function testLines(ran: Ran): string[] {
	const { exploration, seen } = ran;
	const rows = rowsOf(ran);
	const sampled = exploration.complete ? "" : `; ${plural(exploration.run, "random order")} of them run`;
	const orders = `${exploration.orders.toLocaleString("en-US")} ${exploration.orders === 1n ? "order" : "orders"}${sampled}`;
	const raced = seen === undefined ? "" : `; ${plural(seen.rounds, "round")} in ${seen.seconds.toFixed(1)} s`;
	const head = `${orders}: ${plural(exploration.allowed.length, "allowed outcome")}${raced}`;
	const width = Math.max(...rows.map(({ rounds }) => `${rounds ?? 0}`.length), 1);
	return [head, ...rows.map((row, at) => rowText(row, at, width))];
}

function rowText({ outcome, rounds, explained, held, first, broken }: Row, at: number, width: number): string {
	const entries = outcome.entries.map(({ label, text: answer }) => `${label} ${answer}`).join("; ");
	const count = rounds === undefined ? "" : `${`${rounds}`.padStart(width)} `;
	const notes = [
		...(explained === "no"
			? [`NOT EXPLAINED by any order${first === undefined ? "" : `, first in round ${first}`}`]
			: explained === "unknown"
				? ["no order found in the time given"]
				: []),
		...(held !== undefined && held.length > 0 ? [`${held.join(", ")}: refused while another call was at work`] : []),
		...broken.map(({ source }) => `broken: ${source}`),
	];
	return `${`${at + 1}`.padStart(2)} ${count} ${entries}${notes.length > 0 ? `  <- ${notes.join("; ")}` : ""}`;
}
