/** Runs a campaign of `fuzz` to its end. */
import { join } from "node:path";
import { Campaign, Corpus, type Finding, Fuzzer, filesOf, nameOf, Running } from "../../../../fuzz/index.js";
import { addFiles, makeFolder } from "../../../../trace/folder.js";
import { palette } from "../../../frame/colour.js";
import type { Invocation } from "../../../frame/command.js";
import { exitCode, type Outcome } from "../../../frame/exit.js";
import { progress } from "../../../frame/progress.js";
import { casesOf } from "../cases/index.js";
import { blocksOf, runBlock } from "./block.js";
import { Interrupted, Interrupts } from "./interrupt.js";
import { fuzzOptions } from "./options.js";
import { ending, findingText, type RunOf, Tally } from "./report.js";
import { type FuzzSide, sideNamed } from "./sides.js";
import { type Watchdog, watchdog } from "./watchdog.js";

/** A call that takes longer, in ms, does not come back: the kernel itself waits for up to a minute. */
const HANG = 120_000;
/** About how long a program takes on two simulated kernels, ms. */
const A_PROGRAM = 2;

export async function runFuzz(inv: Invocation): Promise<Outcome> {
	const { io, common, out, err } = inv;
	const asked = await fuzzOptions(inv);
	const { seed, from, time, known, output } = asked;
	const report = output === "kcidb" ? (await import("../formats/index.js")).campaignReporter(output, inv.options) : output;
	const left = await sideNamed(asked.left, "--left", io.cwd);
	const right = await sideNamed(asked.right, "--right", io.cwd);
	const real = left.real || right.real;
	const board = { machine: left.machine ?? right.machine, forks: !real };
	const corpus = asked.corpus && new Corpus(asked.corpus, board);
	await corpus?.read();
	const folder = asked.out && makeFolder(asked.out);
	const running = folder !== undefined && real ? new Running(folder) : undefined;
	const run: RunOf = { left: left.name, right: right.name, seed, from };
	const tally = new Tally(known, (finding) => {
		const written = { finding, files: write(finding) };
		if (output !== "text") return written;
		io.stdout.write(findingText(written, run, out));
		io.stdout.flush?.();
		return written;
	});
	const own = inv.serve === undefined;
	const watch = real && own ? watchdog(HANG, running?.file) : undefined;
	const interrupts = own ? new Interrupts({ harmless: !real }) : undefined;
	const campaign = new Campaign({ seed, ...board, corpus: corpus?.programs });
	const fuzzer = new Fuzzer({
		campaign,
		left: watched(left, watch),
		leftDrew: left.drew,
		right: watched(right, watch),
		known,
		before(program) {
			running?.begin(program);
			watch?.turn(program.number);
		},
	});
	const bar = progress(io.stderr);
	// From the first program on: finding the shard of many blocks takes a while.
	let start: number | undefined;
	const skip = new Set<number>();
	const over = () => {
		start ??= performance.now();
		return time !== undefined && performance.now() - start >= time;
	};
	const blocks = blocksOf({ seed, from, count: asked.count });
	const block = (at: number) =>
		runBlock(blocks[at], {
			fuzzer,
			known,
			skip,
			over,
			before: (number) => interrupts?.check(number),
			after(number, result) {
				corpus?.take(result.program, result.covered ? [`reached by ${seed}-${number}`] : []);
				// In this thread blocks run in their order.
				if (own) tally.early(at, result);
				bar.tell(`program ${number}: ${tally.findings.length} findings`);
			},
		});
	const cases = await casesOf(inv, {
		names: blocks.map(({ name }) => name),
		kernel: `${left.name} and ${right.name}`,
		alone: real ? "programs on the real kernel run one after another" : corpus ? "programs are made of the corpus, which grows" : undefined,
		time: (at) => (blocks[at].to - blocks[at].from) * A_PROGRAM,
		// What a thread has seen, an earlier block showed: then it is not reduced again.
		inOrder: true,
		stop: over,
		run: (at) => (interrupts === undefined ? block(at) : interrupts.here(() => block(at))),
	}).catch((error) => {
		interrupts?.end();
		throw error;
	});
	if (!common.quiet) announce(inv, [left, right], folder !== undefined);
	const broken = await running?.left();
	if (broken !== undefined)
		io.stderr.write(`${err.bad("failed")}  program ${broken.name} did not come back in an earlier run: it is in ${broken.file}\n`);
	// Run again, it would bring the kernel down again, and the block would never end.
	if (asked.resumes) for (const number of running?.broken(seed) ?? []) skip.add(number);
	let done = 0;
	let ended: Interrupted | undefined;
	const results = cases.results();
	try {
		for await (const result of interrupts?.during(results, () => blocks[cases.positions[done]].from) ?? results) {
			tally.add(cases.positions[done++], result);
			bar.tell(`${tally.programs} programs run, ${tally.findings.length} findings`);
		}
	} catch (error) {
		if (!(error instanceof Interrupted)) throw error;
		ended = error;
		if (error.soFar !== undefined) tally.add(cases.positions[done], error.soFar);
	} finally {
		bar.end();
		watch?.end();
		interrupts?.end();
	}
	running?.end();
	const exit = tally.findings.length > 0 || broken !== undefined || skip.size > 0 ? exitCode.failed : exitCode.done;
	const end = { exit, note: cases.note, counted: time === undefined, interrupted: ended?.number };
	io.stdout.write(ending(tally, run, end, report, report === "text" ? out : await palette(0)));
	if (ended !== undefined) return endedBy(ended, inv, asked.resumes);
	const seconds = (performance.now() - (start ?? 0)) / 1000;
	if (!common.quiet && tally.programs > 0)
		io.stderr.write(err.faint(`${(tally.programs / seconds).toFixed(0)} programs/s, ${tally.fresh} showed something new\n`));
	return { exit, errno: 0 };

	/** @returns the files, as the command line names their folder */
	function write(finding: Finding): string[] {
		if (folder === undefined) return [];
		const names = addFiles(folder, nameOf(finding), filesOf(finding, [left.name, right.name]), "--out");
		return names.map((name) => join(asked.out?.name ?? "", name));
	}
}

/** Says what of the real kernel is not seen or kept. */
function announce({ io, err }: Invocation, sides: readonly FuzzSide[], keeps: boolean): void {
	const note = (text: string): void => io.stderr.write(`${err.note("note:")} ${text}\n`);
	const log = sides.find(({ logProblem }) => logProblem !== undefined)?.logProblem;
	if (log !== undefined) note(`${log}: warnings of the kernel are not seen`);
	if (!keeps && sides.some(({ real }) => real)) note("without --out nothing is kept of a program that brings this kernel down");
}

/** Says where to go on, and ends the process as the signal would have. */
function endedBy({ number, signal }: Interrupted, { io, err }: Invocation, resumes: boolean): Outcome {
	const how = resumes ? "the same command goes on there" : `--from ${number} goes on there`;
	io.stderr.write(`${err.note("note:")} interrupted before program ${number}; ${how}\n`);
	process.kill(process.pid, signal);
	return { exit: exitCode.failed, errno: 0 };
}

/** The side, of whose every run the watchdog knows. */
function watched(side: FuzzSide, watch: Watchdog | undefined): FuzzSide {
	const { unreferenced } = side;
	if (watch === undefined || !side.real) return side;
	return {
		...side,
		open() {
			watch.again();
			return side.open();
		},
		...(unreferenced && {
			unreferenced: {
				found() {
					watch.rest();
					return unreferenced.found();
				},
			},
		}),
	};
}
