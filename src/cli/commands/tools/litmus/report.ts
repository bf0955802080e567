/** What `litmus` prints of its tests. */
import type { LitmusTest } from "../../../../litmus/index.js";
import type { Invocation } from "../../../frame/command.js";
import { exitCode } from "../../../frame/exit.js";
import { plural } from "../../../frame/text.js";
import { reporterFor } from "../formats/index.js";
import { documentOf } from "./document.js";
import { judged, type Ran, type Row, rowsOf } from "./judge.js";
import { shownOrder } from "./show.js";

export interface Writer {
	start(tests: readonly LitmusTest[]): void;
	skip(test: LitmusTest, why: string): void;
	/** @returns whether the test failed */
	one(ran: Ran): boolean;
	end(exit: number): void;
}

export interface WriterOptions {
	readonly format?: "ktap" | "junit" | "json" | "documents";
	readonly kernel: "real" | "sim";
	readonly which: string;
	/** which outcome to show call by call, from 1 */
	readonly show?: number;
}

export function writerFor(inv: Invocation, options: WriterOptions): Writer {
	if (options.format === "documents") return documents(inv, options);
	return options.format === undefined ? text(inv, options) : reported(inv, options, options.format);
}

/** A document for each test. */
function documents({ io }: Invocation, options: WriterOptions): Writer {
	const write = (document: object): void => io.stdout.write(`${JSON.stringify(document)}\n`);
	return {
		start() {},
		skip: (test, why) => write({ ...documentOf(test, options), skipped: why }),
		one(ran) {
			write(documentOf(ran.test, options, ran));
			return judged(ran).length > 0;
		},
		end() {},
	};
}

/** Cases for CI. */
function reported(inv: Invocation, options: WriterOptions, format: "ktap" | "junit" | "json"): Writer {
	const { stdout } = inv.io;
	const reporter = reporterFor(format);
	let number = 0;
	const tell = (test: LitmusTest, result: "ok" | "failed" | "skipped", reason: string | undefined, seconds: number, printed: string) => {
		const exit = result === "ok" ? exitCode.done : result === "failed" ? exitCode.failed : exitCode.skipped;
		const title = test.about === "" ? test.file : `${test.file}: ${test.about}`;
		stdout.write(reporter.one({ number: ++number, line: 1, title, result, reason, exit, errno: 0, seconds, stdout: printed, stderr: "" }));
	};
	return {
		start: (tests) =>
			stdout.write(
				reporter.start({ file: inv.args.join(" "), kernel: options.kernel, which: options.which, groups: [{ count: tests.length }] }),
			),
		skip: (test, why) => tell(test, "skipped", why, 0, ""),
		one(ran) {
			const problems = judged(ran);
			const printed = format === "json" ? `${JSON.stringify(documentOf(ran.test, options, ran))}\n` : `${lines(ran).join("\n")}\n`;
			tell(ran.test, problems.length > 0 ? "failed" : "ok", problems[0], ran.seconds, printed);
			return problems.length > 0;
		},
		end: (exit) => stdout.write(reporter.end(exit)),
	};
}

function text({ io, out, common }: Invocation, { show }: WriterOptions): Writer {
	const write = (line: string): void => io.stdout.write(`${line}\n`);
	let count = 0;
	let failed = 0;
	let skipped = 0;
	return {
		start() {},
		skip(test, why) {
			skipped++;
			if (!common.quiet) write(`${test.file}: ${out.note("skipped:")} ${why}`);
		},
		one(ran) {
			count++;
			const problems = judged(ran);
			if (problems.length > 0) failed++;
			if (common.quiet && problems.length === 0) return false;
			const { test } = ran;
			write(`${out.strong(test.file)}${test.about === "" ? "" : `: ${test.about}`}`);
			for (const line of lines(ran)) write(`  ${line}`);
			for (const problem of problems) write(`  ${out.bad(problem)}`);
			if (show !== undefined) for (const line of shownOrder(ran, show)) write(line === "" ? "" : `  ${line}`);
			return problems.length > 0;
		},
		end() {
			if (count + skipped < 2 || common.quiet) return;
			const parts = [`${count - failed} ok`, ...(failed > 0 ? [`${failed} failed`] : []), ...(skipped > 0 ? [`${skipped} skipped`] : [])];
			write((failed > 0 ? out.bad : out.good)(`${plural(count + skipped, "test")}: ${parts.join(", ")}`));
		},
	};
}

/** How many orders were run, and the outcomes. */
function lines(ran: Ran): string[] {
	const { exploration, seen } = ran;
	const rows = rowsOf(ran);
	const sampled = exploration.complete ? "" : `; ${plural(exploration.run, "random order")} of them run`;
	const orders = `${exploration.orders.toLocaleString("en-US")} ${exploration.orders === 1n ? "order" : "orders"}${sampled}`;
	const raced = seen === undefined ? "" : `; ${plural(seen.rounds, "round")} in ${seen.seconds.toFixed(1)} s`;
	const head = `${orders}: ${plural(exploration.allowed.length, "allowed outcome")}${raced}`;
	const width = Math.max(...rows.map(({ rounds }) => `${rounds ?? 0}`.length), 1);
	return [head, ...rows.map((row, at) => rowText(row, at, width))];
}

function rowText({ outcome, rounds, explained, held, broken }: Row, at: number, width: number): string {
	const entries = outcome.entries.map(({ label, text: answer }) => `${label} ${answer}`).join("; ");
	const count = rounds === undefined ? "" : `${`${rounds}`.padStart(width)} `;
	const notes = [
		...(explained === "no" ? ["NOT EXPLAINED by any order"] : explained === "unknown" ? ["no order found in the time given"] : []),
		...(held !== undefined && held.length > 0 ? [`${held.join(", ")}: refused while another call was at work`] : []),
		...broken.map(({ source }) => `broken: ${source}`),
	];
	return `${`${at + 1}`.padStart(2)} ${count} ${entries}${notes.length > 0 ? `  <- ${notes.join("; ")}` : ""}`;
}
