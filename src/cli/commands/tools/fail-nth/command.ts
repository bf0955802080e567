/** `fail-nth`: a script with its nth allocation failing, for every n. */
import { ioctls } from "../../../../../structs/index.js";
import { ENOMEM } from "../../../../kernel/errno.js";
import { announce } from "../../../frame/announce.js";
import type { Family, Invocation } from "../../../frame/command.js";
import { Context } from "../../../frame/context.js";
import { done, exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { knows } from "../../../frame/knows.js";
import { plural } from "../../../frame/text.js";
import type { Round, Stage } from "./rounds.js";

/** A simulated kernel that counts its allocations and can be inspected at the end. */
async function simulatedStage({ common, io }: Invocation): Promise<Stage> {
	const context = new Context("sim", undefined, { machine: common.machine, uapi: common.uapi, cwd: io.cwd });
	const { sim } = await context.handle();
	if (!sim) throw new Error("the simulated kernel has no sim");
	const { inspect } = await import("../../../../sim/index.js");
	return {
		context,
		answers: [ENOMEM],
		arm(n) {
			sim.allocations = 0;
			sim.failingAllocation = n;
		},
		failed: () => sim.allocations >= sim.failingAllocation,
		async end() {
			context.dispose();
			return inspect(sim).leftovers();
		},
	};
}

/**
 * Stages on the real kernel.
 * @param known a context on that kernel, to ask what it knows
 * @param note takes what the user should know
 */
async function realStages(known: Context, note: (text: string) => void): Promise<{ stage: () => Promise<Stage>; close: () => void }> {
	const { FailNth, realAnswers } = await import("./real.js");
	const { Knobs } = await import("./knobs.js");
	const selftest = knows(await known.kernel(), await known.iommu(), ioctls.IOMMU_TEST_CMD);
	const counter = new FailNth();
	const knobs = new Knobs();
	for (const text of knobs.notes) note(text);
	const stage = async (): Promise<Stage> => {
		const wrap = async <H extends { kernel: import("../../../../kernel/kernel.js").Kernel }>(handle: H): Promise<H> => ({
			...handle,
			kernel: counter.around(handle.kernel),
		});
		const context = new Context("real", undefined, {}, wrap);
		await context.handle();
		return {
			context,
			answers: realAnswers(selftest),
			arm: (n) => counter.arm(n),
			failed: () => counter.failed,
			async end() {
				counter.arm(0);
				context.dispose();
				return [];
			},
		};
	};
	const close = (): void => {
		counter.close();
		knobs.restore();
	};
	return { stage, close };
}

function most(text: string | undefined): number {
	if (text !== undefined && !/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--max: "${text}" is not a number of rounds`);
	return text === undefined ? 10_000 : Number(text);
}

async function run(inv: Invocation): Promise<Outcome> {
	const { commandLine, common, context, io, options, out, err } = inv;
	const max = most(options.max as string | undefined);
	const { readScript, scriptPath } = await import("../script/source.js");
	const { variableGiven } = await import("../script/control.js");
	const variables = ((options.var as string[] | undefined) ?? []).map(variableGiven);
	const { file, statements } = await readScript(inv.io, inv.args[0]);
	const { kernel, which } = await context.handle();
	await announce(inv);
	const note = (text: string): unknown => common.json || io.stderr.write(`${err.note("note:")} ${text}\n`);
	const real = kernel.kind === "real" ? await realStages(context, note) : undefined;
	const stage = async (): Promise<Stage> => {
		const made = await (real?.stage() ?? simulatedStage(inv));
		for (const [name, value] of variables) made.context.variables.set(name, value);
		return made;
	};
	const { NEVER, round } = await import("./rounds.js");
	const { progress } = await import("../../../frame/progress.js");
	const how = { commandLine, io, out, err, within: [scriptPath(io, inv.args[0])] };
	const rounds: Round[] = [];
	const bar = progress(io.stderr);
	try {
		// Without a fault first: a script that fails anyway shows nothing.
		const clean = await round(NEVER, statements, await stage(), how);
		if (clean.problems.length > 0)
			throw new UsageError(`${file} fails without any fault: ${clean.problems[0]}`, `iommuctl run ${file} shows more`);
		for (let n = 1; n <= max; n++) {
			bar.tell(`allocation ${n}`);
			const one = await round(n, statements, await stage(), how);
			if (!one.hit) break;
			rounds.push(one);
		}
	} finally {
		bar.end();
		real?.close();
	}
	const bad = rounds.filter(({ problems }) => problems.length > 0);
	const all = rounds.length < max;
	if (common.json) {
		const document = {
			schema: "iommuctl.fail-nth",
			version: 1,
			file,
			kernel: kernel.kind,
			kernelDetail: which,
			allocations: rounds.length,
			complete: all,
			failed: bad.length,
			rounds: rounds.map(({ n, line, command, survivor, problems }) => ({
				n,
				line: line ?? null,
				command: command ?? null,
				survived: survivor?.line ?? null,
				problems,
			})),
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
	} else {
		for (const one of common.quiet ? bad : rounds) {
			const { n, problems } = one;
			const where = whereText(one);
			io.stdout.write(`${problems.length > 0 ? out.bad("failed") : out.good("ok")}  allocation ${n}  ${where}\n`);
			for (const problem of problems) io.stdout.write(`    ${problem}\n`);
		}
		const verdict = `${plural(rounds.length, "allocation")} made to fail: ${rounds.length - bad.length} ok${bad.length > 0 ? `, ${bad.length} failed` : ""}`;
		io.stdout.write(`${(bad.length > 0 ? out.bad : out.good)(verdict)}${all ? "" : `; there are more than --max ${max}`}\n`);
	}
	return { ...done, exit: bad.length > 0 ? exitCode.failed : exitCode.done };
}

/** The line that an allocation failed in. */
function whereText({ line, command, survivor }: Round): string {
	if (line !== undefined) return `line ${line}: ${command}`;
	return survivor ? `line ${survivor.line}, which succeeded all the same: ${survivor.source}` : "no command failed";
}

const family: Family = {
	name: "fail-nth",
	apart: true,
	commands: [
		{
			name: "",
			summary: "run a script with its nth allocation failing, for every n",
			details: [
				"The script runs once without a fault, then again and again on a fresh kernel: its first allocation fails, then its second,",
				"until it has no more. Each time the command must fail with ENOMEM and work when it is repeated, all that follow must work,",
				"and no object, pin or attachment may be left when the program has ended.",
				"On the real kernel allocations fail through /proc/self/fail-nth, and what is left over cannot be seen. A kernel with the",
				"selftest driver also fails where it looks up, checks and copies, so ENOENT, EINVAL and EFAULT are accepted too.",
				"Meanwhile failslab and fail_page_alloc in /sys/kernel/debug let every allocation fail; they are restored at the end.",
			].join("\n"),
			args: [{ name: "FILE", value: "script", doc: "the script; - is stdin, example:NAME is one of run --list" }],
			options: () => [
				{ flags: "--max <n>", doc: "at most this many rounds (10000)" },
				{ flags: "--var <name=value>", doc: "give $name a value before the script starts", repeat: true },
			],
			groups: ["kernel", "own-kernel", "quiet"],
			examples: [
				["fail-nth example:nested-translation", ""],
				["fail-nth my.iommu --quiet --json", ""],
			],
			run,
		},
	],
};
export default family;
