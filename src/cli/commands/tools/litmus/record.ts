/** Runs a litmus test's lines once on the simulated kernel to learn which calls they make. */
import { Scratch } from "../../../../client/memory.js";
import type { Kernel, MmapRequest } from "../../../../kernel/kernel.js";
import { wrapKernel } from "../../../../kernel/wrap.js";
import { compile, type LitmusTest, type RecordedLine, type RecordedPart, type Verdict } from "../../../../litmus/index.js";
import { type Block, type Node, parseScript, plain, walk } from "../../../../script/index.js";
import { loadMachine, type Machine } from "../../../../sim/index.js";
import { recording, type Step } from "../../../../trace/index.js";
import type { Invocation } from "../../../frame/command.js";
import { Context } from "../../../frame/context.js";
import { exitCode, UsageError } from "../../../frame/exit.js";
import { BufferSink } from "../../../frame/io.js";
import { defaultMachine } from "../../../frame/kernel-choice.js";
import type { Ended } from "../script/options.js";
import { runStatements } from "../script/runner.js";
import { verdictOf } from "./verdict.js";

/** A test as it was read: its calls, what must hold of its outcomes, and what it needs. */
export interface ReadTest {
	readonly test: LitmusTest;
	readonly verdicts: readonly Verdict[];
	/** the simulated machine */
	readonly machine: Machine;
	/** `require ...` of a kernel */
	readonly needs: Block;
}

/** The part of the address space in which a part of a test has its memory, bytes. */
const ROOM = 1n << 36n;
/** Where Node has nothing. */
const BASE = 1n << 44n;

/** Reads and records a test. @throws UsageError, ScriptError */
export async function readTest(inv: Invocation, file: string, text: string): Promise<ReadTest> {
	const block = parseScript(text, file, { litmus: true });
	const at = ({ line }: { line: number }): string => `${file}:${line}`;
	const needs: Node[] = [];
	const setup: Node[] = [];
	const last: Node[] = [];
	const threads: { name: string; body: Block; process: boolean }[] = [];
	const verdicts: Verdict[] = [];
	for (const node of block) {
		if (node.kind === "setup") setup.push(...node.body);
		else if (node.kind === "finally") last.push(...node.body);
		else if (node.kind === "function" || node.kind === "let") setup.push(node);
		else if (node.kind === "forbid" || node.kind === "require") verdicts.push(verdictOf(node));
		else if (node.kind === "command" && plain(node.words[0]) === "require") needs.push(node);
		else if (node.kind === "thread" || node.kind === "process") {
			const { kind, name, body } = node;
			if (threads.some((one) => one.name === name)) throw new UsageError(`${at(node)}: two threads are called ${name}`);
			if (name === "finally" || name === "setup")
				throw new UsageError(`${at(node)}: a ${kind} cannot be called ${name}`, "that is what another part is called");
			threads.push({ name, body, process: kind === "process" });
		} else
			throw new UsageError(
				`${at(node)}: ${node.kind === "command" ? "a command" : `\`${node.kind}\``} outside of the blocks`,
				"put it into `setup { }`, `thread NAME { }`, `process NAME { }` or `finally { }`",
			);
	}
	if (threads.length < 2)
		throw new UsageError(`${file}: a litmus test needs two threads`, "thread NAME { ... } or process NAME { ... }, at least two of them");
	for (const node of walk([...setup, ...last, ...threads.flatMap(({ body }) => body)])) refuse(node);
	const record = (part: string, body: Block, region: number) => recordPart(inv, file, { setup, part, body, region });
	const before = await recordPart(inv, file, { setup: [], part: "setup", body: setup, region: 0 });
	const recorded: RecordedPart[] = [];
	for (const [index, { name, body, process }] of threads.entries())
		recorded.push({ ...(await record(name, body, index + 1)), ...(process && { process }) });
	for (const { name, lines } of recorded) if (lines.length === 0) throw new UsageError(`${file}: thread ${name} makes no call`);
	const end = await record("finally", last, threads.length + 1);
	const machine = await loadMachine(inv.common.machine ?? defaultMachine, inv.io.cwd);
	return { machine, test: compile({ file, about: aboutOf(text), setup: before, threads: recorded, finally: end }), verdicts, needs };
}

/** The first sentence of the leading comment. */
function aboutOf(text: string): string {
	const comment = /^(?:#.*\n)+/.exec(text)?.[0] ?? "";
	const words = comment.replaceAll(/^#\s*/gm, "").replaceAll("\n", " ").trim();
	return /^.*?\.(?= |$)|^.*/.exec(words)?.[0] ?? "";
}

/** Commands that make no call of the program, or others than those that the test is to race. */
const elsewhere = new Set(["sim", "vsva", "virq", "session", "run", "replay", "compare", "fail-nth", "litmus"]);

function refuse(node: Node): void {
	const where = `${node.file}:${node.line}`;
	if (node.kind === "parallel" || node.kind === "process" || node.kind === "sleep" || node.kind === "finally")
		throw new UsageError(
			`${where}: \`${node.kind}\` cannot stand in a block of a litmus test`,
			"its threads are `thread NAME { }` and `process NAME { }`, beside each other",
		);
	if (node.kind !== "command") return;
	const word = plain(node.words[0]);
	if (word !== undefined && elsewhere.has(word))
		throw new UsageError(`${where}: \`${word}\` makes no calls that can be raced`, "a litmus test's lines are calls of one program");
	if (node.expect !== undefined)
		throw new UsageError(`${where}: \`expect\` in a litmus test`, "every answer is part of the outcome; `forbid` and `require` judge it");
}

interface Recorded {
	readonly setup: Block;
	readonly part: string;
	readonly body: Block;
	readonly region: number;
}

async function recordPart(inv: Invocation, file: string, { setup, part, body, region }: Recorded): Promise<RecordedPart> {
	let steps: Step[] = [];
	let room = 0;
	const wrap = async <H extends { kernel: Kernel }>(handle: H): Promise<H> => ({
		...handle,
		kernel: recording(
			placed(handle.kernel, () => room),
			{ step: (step) => steps.push(step), end() {} },
			// Another thread may serve what the call waits for.
			{ keepWaiting: true },
		),
	});
	const { common, io, commandLine, out, err } = inv;
	const context = new Context("sim", undefined, { machine: common.machine, uapi: common.uapi, cwd: io.cwd }, wrap);
	context.announced = true;
	// Every line has memory of its own: that of its thread's other lines may be in use.
	context.scratch = async () => new Scratch(await context.kernel());
	const lines: RecordedLine[] = [];
	const run = async (block: Block, mayFail: boolean): Promise<void> => {
		const stderr = new BufferSink();
		const result = await runStatements(block, {
			commandLine,
			io: { ...io, stdout: new BufferSink(), stderr, sharing: undefined },
			context,
			keepGoing: mayFail,
			json: false,
			quiet: true,
			bare: true,
			color: "never",
			out,
			err,
			attempt: async (statement, once): Promise<Ended> => {
				const own: Step[] = [];
				steps = own;
				const ended = await once({ ...io, stdout: new BufferSink(), stderr });
				if (own.length > 0) lines.push({ line: statement.line, source: statement.source, name: statement.name, steps: own });
				return ended;
			},
		});
		const bad = result.failed.find(({ outcome }) => !mayFail || outcome.exit !== exitCode.failed);
		if (bad === undefined) return;
		const said = stderr
			.text()
			.trim()
			.split("\n")
			.map((one) => one.replace(/^(?:error|hint): /, ""));
		const [first = "it fails", hint] = said;
		const where = first.startsWith(`${file}:`) ? "" : `${file}:${bad.statement.line}: `;
		throw new UsageError(`${where}${first}`, hint);
	};
	try {
		// The context's own file is opened by the setup, so that all threads share it.
		await context.iommu();
		const opened = steps;
		if (part === "setup") {
			await run(body, false);
			lines.unshift({ line: 0, source: "open /dev/iommu", steps: opened });
			return { name: part, lines };
		}
		await run(setup, false);
		lines.length = 0;
		room = region;
		await run(body, true);
		return { name: part, lines };
	} finally {
		context.dispose();
	}
}

/** The same kernel, with memory where the real one has room for it too: each part's apart from the others'. */
function placed(kernel: Kernel, region: () => number): Kernel {
	const next = new Map<number, bigint>();
	return wrapKernel(kernel, {
		mmap(request: MmapRequest): bigint {
			if (request.addr !== 0n) return kernel.mmap(request);
			const at = next.get(region()) ?? BASE + BigInt(region()) * ROOM;
			// Large pages are aligned.
			const addr = request.length >= 0x20_0000n ? (at + 0x1f_ffffn) & -0x20_0000n : at;
			next.set(region(), (addr + request.length + 0xfffn) & -0x1000n);
			return kernel.mmap({ ...request, addr });
		},
	});
}
