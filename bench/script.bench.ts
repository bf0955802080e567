/** Benchmark: a loop of the run language against the same lines written out. */
import { runStatements } from "../src/cli/commands/tools/script/runner.js";
import { commandLine } from "../src/cli/execute.js";
import { palette } from "../src/cli/frame/colour.js";
import { Context } from "../src/cli/frame/context.js";
import type { Io, Sink } from "../src/cli/frame/io.js";
import { type Block, parseScript } from "../src/script/index.js";
import type { BenchRow } from "./row.js";

const rounds = 10_000;
const setup = "ioas = ioas alloc\nbuffer = mem alloc 4k\n";
const map = "ioas map $ioas --iova 0x100000 --user-va $buffer --length 4k";
const unmap = "ioas unmap $ioas --iova 0x100000 --length 4k";

const sink: Sink = { isTTY: false, write() {} };
const io: Io = { stdout: sink, stderr: sink, stdin: { readAll: async () => new Uint8Array() }, cwd: "/", env: {} };

/** Runs a script, parsed before, as `run` does. @returns seconds */
async function seconds(statements: Block): Promise<number> {
	const context = new Context("sim");
	await context.handle();
	const out = await palette(0);
	const before = performance.now();
	const { exit, commands } = await runStatements(statements, {
		commandLine,
		io,
		context,
		keepGoing: false,
		json: false,
		quiet: false,
		out,
		err: out,
	});
	const took = (performance.now() - before) / 1000;
	if (exit !== 0 || commands !== 2 + 2 * rounds) throw new Error(`the script ended with exit code ${exit} after ${commands} commands`);
	context.dispose();
	return took;
}

export async function run(): Promise<BenchRow[]> {
	const loop = parseScript(`${setup}repeat ${rounds} {\n${map}\n${unmap}\n}`, "loop");
	const straight = parseScript(setup + `${map}\n${unmap}\n`.repeat(rounds), "straight");
	await seconds(straight);
	const pairs: [number, number][] = [];
	for (let at = 0; at < 3; at++) pairs.push([await seconds(straight), await seconds(loop)]);
	const [baseline, value] = [0, 1].map((which) => Math.min(...pairs.map((pair) => pair[which])) * 1000);
	return [
		{
			name: `repeat ${rounds} of map and unmap`,
			value,
			unit: "ms",
			baseline: { name: `a script of ${2 * rounds} lines, without its parsing`, value: baseline },
			limit: "at most 1.3 times the straight script",
		},
	];
}
