/** Runs a campaign of `fuzz` to its end. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Campaign, Corpus, type Finding, Fuzzer, filesOf, parseKnown, Running } from "../../../../fuzz/index.js";
import { parseDuration } from "../../../../session/duration.js";
import type { Invocation } from "../../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { readInput } from "../../../frame/io.js";
import { progress } from "../../../frame/progress.js";
import { smallNumber } from "../../../frame/small-number.js";
import { findingText, fuzzDocument, type RunOf, summaryText, Tally } from "./report.js";
import { sideNamed } from "./sides.js";
import { watchdog } from "./watchdog.js";

/** A call that takes longer, in ms, does not come back: the kernel itself waits for up to a minute. */
const HANG = 120_000;
const PROGRAMS = 1000;

export async function runFuzz(inv: Invocation): Promise<Outcome> {
	const { options, io, common, out, err } = inv;
	const text = (name: string): string | undefined => options[name] as string | undefined;
	const seed = smallNumber(text("seed") ?? "1", "--seed");
	const from = smallNumber(text("from") ?? "0", "--from");
	const time = text("time") === undefined ? undefined : parseDuration(text("time") as string, "--time");
	if (time !== undefined && text("programs") !== undefined) throw new UsageError("--time and --programs cannot both be given");
	const count = time === undefined ? smallNumber(text("programs") ?? String(PROGRAMS), "--programs") : Number.POSITIVE_INFINITY;
	if (count === 0) throw new UsageError("--programs 0: at least one program is needed");
	const known =
		text("known") === undefined ? [] : parseKnown(Buffer.from(readInput(io, text("known") as string)).toString(), text("known") as string);
	const left = await sideNamed(text("left") ?? "sim", "--left", io.cwd);
	const right = await sideNamed(text("right") ?? "real", "--right", io.cwd);
	const board = { machine: left.machine ?? right.machine, forks: !left.real && !right.real };
	const corpus = text("corpus") === undefined ? undefined : new Corpus(resolve(io.cwd, text("corpus") as string), board);
	await corpus?.read();
	const folder = text("out") === undefined ? undefined : resolve(io.cwd, text("out") as string);
	const running = folder === undefined || !(left.real || right.real) ? undefined : new Running(folder);
	const run: RunOf = { left: left.name, right: right.name, seed, from };
	const tally = new Tally();
	const json = common.json || text("format") === "json";
	const report = (finding: Finding): void => {
		const written = { finding, files: write(finding) };
		tally.findings.push(written);
		if (json) return;
		io.stdout.write(findingText(written, run, out));
		io.stdout.flush?.();
	};
	if (!common.quiet) announce();
	const broken = await running?.left();
	if (broken !== undefined)
		io.stderr.write(`${err.bad("failed")}  program ${broken.name} did not come back in an earlier run: it is in ${broken.file}\n`);

	const watch = left.real || right.real ? watchdog(HANG, running?.file) : undefined;
	const campaign = new Campaign({ seed, ...board, corpus: corpus?.programs });
	const fuzzer = new Fuzzer({
		campaign,
		left,
		leftDrew: left.drew,
		right,
		known,
		before(program) {
			running?.begin(program);
			watch?.turn(program.number);
		},
	});
	const bar = progress(io.stderr);
	const start = performance.now();
	for (let number = from; number - from < count; number++) {
		if (time !== undefined && performance.now() - start >= time) break;
		const result = await fuzzer.run(number);
		tally.add(result);
		corpus?.take(result.program, result.covered ? [`reached by ${seed}-${number}`] : []);
		for (const finding of result.findings) report(finding);
		bar.tell(`program ${number}: ${tally.programs} run, ${tally.findings.length} findings`);
	}
	bar.end();
	watch?.end();
	running?.end();
	io.stdout.write(json ? `${JSON.stringify(fuzzDocument(tally, run))}\n` : summaryText(tally, run, out));
	const seconds = (performance.now() - start) / 1000;
	if (!common.quiet)
		io.stderr.write(err.faint(`${(tally.programs / seconds).toFixed(0)} programs/s, ${tally.fresh} showed something new\n`));
	return { ...done, exit: tally.findings.length > 0 || broken !== undefined ? exitCode.failed : exitCode.done };

	function announce(): void {
		const log = [left, right].find(({ logProblem }) => logProblem !== undefined)?.logProblem;
		if (log !== undefined) io.stderr.write(`${err.note("note:")} ${log}: warnings of the kernel are not seen\n`);
		if (folder === undefined && (left.real || right.real))
			io.stderr.write(`${err.note("note:")} without --out nothing is kept of a program that brings this kernel down\n`);
	}

	/** @returns the files, as the command line names their folder */
	function write(finding: Finding): string[] {
		if (folder === undefined) return [];
		mkdirSync(folder, { recursive: true });
		return filesOf(finding, [left.name, right.name]).map(({ name, text: content }) => {
			writeFileSync(join(folder, name), content);
			return join(text("out") as string, name);
		});
	}
}
