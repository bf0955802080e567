/** Runs one test of `litmus`, from its text to what is printed and reported of it. */
import { exitCode } from "../../../../../structs/errors.js";
import { palette } from "../../../frame/colour.js";
import type { Invocation } from "../../../frame/command.js";
import { BufferSink } from "../../../frame/io.js";
import { iommuPath } from "../../../frame/kernel-choice.js";
import { reportProblem } from "../../../frame/report.js";
import { ReadFiles } from "../cases/read-files.js";
import { type Case, type Format, singleUnit } from "../formats/index.js";
import { documentOf } from "./document.js";
import { judged } from "./judge.js";
import { lacking } from "./needs.js";
import { explored } from "./on-sim.js";
import { readTest } from "./record.js";
import { type Result, testLines, testText } from "./report.js";
import type { Source } from "./sources.js";

export interface JudgeOptions {
	readonly seed: number;
	/** orders, at most */
	readonly limit: number;
	/** which outcome to show call by call, from 1 */
	readonly show?: number;
	readonly format?: Format;
	readonly kernel: "real" | "sim";
	readonly which: string;
}

export interface Judge {
	run(source: Source): Promise<Result>;
	/** Ends its threads. */
	end(): Promise<void>;
}

type Verdict = Pick<Case, "result" | "reason" | "exit">;

/** Runs tests on the kernel that was chosen. @throws UsageError for options that do not go together */
export async function judging(given: Invocation, options: JudgeOptions): Promise<Judge> {
	const { format } = options;
	const read = given.options.resume === undefined ? undefined : new ReadFiles(given.io);
	const inv = read === undefined ? given : { ...given, io: read.io };
	const real = options.kernel === "real" ? (await import("./on-real.js")).racing(inv, options) : undefined;
	// What is kept for later may be shown elsewhere.
	const paint = read === undefined ? inv : { ...inv, out: await palette(0), err: await palette(0) };

	async function judge({ file, text }: Source): Promise<Result> {
		const source = await readTest(inv, file, text);
		const { test } = source;
		const title = test.about === "" ? test.file : `${test.file}: ${test.about}`;
		const result = (verdict: Verdict, stdout: string, printed: string): Result => ({
			file,
			exit: verdict.exit,
			stdout,
			stderr: "",
			unit: singleUnit(file, { line: 1, title, ...verdict, stdout: printed }),
		});
		const missing = await lacking(inv, source.needs);
		if (missing !== undefined) {
			const skipped = `${JSON.stringify({ ...documentOf(test, options), skipped: missing })}\n`;
			const shown = inv.common.quiet ? "" : `${file}: ${paint.out.note("skipped:")} ${missing}\n`;
			return result({ result: "skipped", reason: missing, exit: exitCode.skipped }, inv.common.json ? skipped : shown, "");
		}
		// Where it is missing no race has failed.
		if (real !== undefined && test.setup.calls.some(({ op, path }) => op === "open" && path === iommuPath)) await inv.context.iommu();
		const exploration = explored(inv, source, options);
		const seen = real === undefined ? undefined : await real.run(source, exploration);
		const ran = { ...source, exploration, seen };
		const [problem] = judged(ran);
		const verdict: Verdict =
			problem === undefined ? { result: "ok", exit: exitCode.done } : { result: "failed", reason: problem, exit: exitCode.failed };
		const document = `${JSON.stringify(documentOf(test, options, ran))}\n`;
		const printed = format === "json" ? document : `${testLines(ran).join("\n")}\n`;
		const shown = inv.common.json ? document : testText(paint, ran, options.show);
		return { ...result(verdict, shown, printed), hanging: seen?.hanging };
	}

	return {
		async run(source) {
			try {
				return { ...(await judge(source)), ...(read && { read: read.take() }) };
			} catch (error) {
				// The other tests are run all the same.
				const stdout = new BufferSink();
				const stderr = new BufferSink();
				const exit = reportProblem(error, { ...inv.io, stdout, stderr }, paint.err, inv.common.json);
				const { file } = source;
				const unit = singleUnit(file, {
					title: file,
					result: "error",
					reason: stderr.text().split("\n", 1)[0],
					exit,
					stdout: "",
					stderr: stderr.text(),
				});
				return { file, exit, stdout: stdout.text(), stderr: stderr.text(), unit, ...(read && { read: read.take() }) };
			}
		},
		end: async () => await real?.end(),
	};
}
