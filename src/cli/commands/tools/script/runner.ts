/** Runs a script's tree. */
import { type Block, type Node, plain, type Statement, walk } from "../../../../script/index.js";
import { done, exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { mergeMap } from "../../../frame/merge.js";
import { assignedNames, itemsOf, parametersOf, timesOf } from "./control.js";
import { isCommand, isHeading, isProblem, problemOf, showLine } from "./line.js";
import { observed } from "./observe.js";
import type { Ended, RunOptions, RunResult, StatementResult } from "./options.js";
import { numbered, sleep, takeTurns, whyInTurns } from "./parallel.js";
import { runServed } from "./served.js";
import { expand, numberOf, numberOutcome, textOutcome } from "./variables.js";

export type { RunOptions, RunResult, StatementResult } from "./options.js";

/** Functions that call each other. */
const deepest = 50;

/** Runs a script's statements in one context. */
export async function runStatements(statements: Block, options: RunOptions): Promise<RunResult> {
	const run = new Run(assignedNames(statements));
	await run.block(statements, { options, depth: 0, top: true });
	return run.result();
}

/** Runs a block of `parallel` alone: in a thread of its own. */
export async function runBranch(block: Block, assigned: ReadonlySet<string>, place: Place): Promise<Branch> {
	const run = new Run(assigned);
	const goesOn = await run.block(block, place);
	return { ...run.counts(), goesOn };
}

/** What a block came to. */
export interface Branch extends Omit<RunResult, "exit"> {
	readonly skippedCommands: number;
	readonly exit: number;
	readonly goesOn: boolean;
}

/** Where a statement runs. */
export interface Place {
	readonly options: RunOptions;
	/** functions around it */
	readonly depth: number;
	/** a statement of the script itself, not of a block */
	readonly top?: boolean;
	/** in `finally`: a line goes on after one that failed, and is left out where what it names was never made */
	readonly cleaning?: boolean;
}

const commandsIn = (block: Block): number => [...walk(block)].filter((node) => node.kind === "command" && isCommand(node)).length;

class Run {
	#commands = 0;
	#ok = 0;
	readonly #failed: StatementResult[] = [];
	#skippedCommands = 0;
	#left = 0;
	#skipped: string | undefined;
	#exit: number = exitCode.done;
	/** the answer of the last command that has one: a function's */
	#last: Outcome = done;
	readonly #assigned: ReadonlySet<string>;

	constructor(assigned: ReadonlySet<string>) {
		this.#assigned = assigned;
	}

	counts(): Omit<Branch, "goesOn"> {
		const { result, skippedCommands, exit } = { result: this.result(), skippedCommands: this.#skippedCommands, exit: this.#exit };
		return { ...result, skippedCommands, exit };
	}

	/** Adds what a block came to elsewhere. */
	#absorb({ commands, ok, failed, skippedCommands, left, skipped, exit }: Branch): void {
		this.#commands += commands;
		this.#ok += ok;
		this.#failed.push(...failed);
		this.#skippedCommands += skippedCommands;
		this.#left += left;
		this.#skipped ??= skipped;
		this.#exit = Math.max(this.#exit, exit);
	}

	result(): RunResult {
		const allSkipped = this.#commands > 0 && this.#skippedCommands === this.#commands;
		const exit = this.#skipped !== undefined || allSkipped ? this.#exit || exitCode.skipped : this.#exit;
		return { commands: this.#commands, ok: this.#ok, failed: this.#failed, left: this.#left, skipped: this.#skipped, exit };
	}

	/** @returns whether to go on behind it */
	async block(block: Block, place: Place): Promise<boolean> {
		const last = block.at(-1);
		const body = last?.kind === "finally" ? block.slice(0, -1) : block;
		let goesOn = true;
		for (const [at, node] of body.entries()) {
			goesOn = (place.cleaning === true || this.#isRead(place)) && (await this.#node(node, place));
			if (goesOn) continue;
			this.#left += commandsIn(body.slice(at + 1));
			break;
		}
		if (last?.kind === "finally") goesOn = (await this.#shown(last, place, (inner) => this.#clean(last.body, inner))) && goesOn;
		return goesOn;
	}

	/** Whether somebody still reads what is printed: a loop behind `| head` must end. */
	#isRead({ options }: Place): boolean {
		if (!options.io.stdout.gone) return true;
		this.#exit = Math.max(this.#exit, exitCode.environment);
		return false;
	}

	async #node(node: Node, place: Place): Promise<boolean> {
		await place.options.io.sharing?.checkpoint();
		return await this.#shown(node, place, async (inner) => {
			try {
				return await this.#execute(node, inner);
			} catch (error) {
				if (!isProblem(error)) throw error;
				return this.#fail(node, problemOf(error, node, inner.options), inner);
			}
		});
	}

	/** Runs something, and passes on what came of it if that is observed. */
	async #shown(node: Node, place: Place, run: (place: Place) => Promise<boolean>): Promise<boolean> {
		const { options } = place;
		const { observe } = options;
		const inner = { ...place, top: false };
		if (!observe || !place.top) return await run(inner);
		const before = { failed: this.#failed.length, skipped: this.#skippedCommands, commands: this.#commands };
		const how = { ...options, observe: undefined, bare: node.kind === "command", color: "never" as const };
		const { ended, ...rest } = await observed(options.io, (io) => run({ ...inner, options: { ...how, io } }));
		if (node.kind === "function" || (node.kind === "command" && isHeading(node))) return ended;
		const failed = this.#failed.at(before.failed);
		const skippedNow = this.#skipped !== undefined || (this.#skippedCommands > before.skipped && this.#commands === before.commands + 1);
		const outcome = failed?.outcome ?? (skippedNow ? { ...done, exit: exitCode.skipped } : done);
		observe({ statement: node, outcome, ...rest, stderr: this.#skipped ?? rest.stderr });
		return ended;
	}

	async #execute(node: Node, place: Place): Promise<boolean> {
		const { options } = place;
		const { variables } = options.context;
		switch (node.kind) {
			case "command":
				return await this.#command(node, place);
			case "let":
				showLine(node.source, options);
				options.context.variables.set(node.name, numberOutcome(numberOf(node.value, variables)));
				return true;
			case "sleep":
				showLine(node.source, options);
				await sleep(options.io, await timesOf(node, variables));
				return true;
			case "function":
				if (options.commandLine.families.some(({ name }) => name === node.name))
					throw new UsageError(`a function cannot be called ${node.name}`, "that is what a command begins with");
				options.context.functions.set(node.name, node);
				return true;
			case "if":
				return await this.block(numberOf(node.condition, variables) !== 0n ? node.body : node.otherwise, place);
			case "repeat": {
				const count = numberOf(node.count, variables);
				if (count < 0n) throw new UsageError(`repeat ${count}: it cannot be less than 0`);
				for (let at = 0n; at < count; at++) if (!(await this.block(node.body, place))) return false;
				return true;
			}
			case "for":
				for (const item of itemsOf(node.items, variables)) {
					options.context.variables.set(node.name, typeof item === "string" ? textOutcome(item) : numberOutcome(item));
					if (!(await this.block(node.body, place))) return false;
				}
				return true;
			case "parallel":
				return await this.#parallel(node.branches, place);
			case "process":
				return await this.#process(node, place);
			default:
				throw new UsageError(`\`${node.kind}\` belongs to a litmus test`);
		}
	}

	async #command(statement: Statement, place: Place): Promise<boolean> {
		const { options } = place;
		const { context } = options;
		const name = plain(statement.words[0]);
		const called = name === undefined ? undefined : context.functions.get(name);
		if (called) return await this.#call(statement, called, place);
		// Whoever captures what is printed knows nothing of the block's turns.
		const once = (io = options.io): Promise<Ended> => runServed(statement, { ...options, io: { ...io, sharing: options.io.sharing } });
		const ended = options.attempt ? await options.attempt(statement, once) : await once();
		if (ended === undefined) return true;
		if (typeof ended === "string") {
			this.#skipped ??= ended;
			return false;
		}
		this.#commands++;
		if (ended.value !== undefined || ended.fields !== undefined) this.#last = ended;
		if (ended.exit === exitCode.done || ended.exit === exitCode.skipped) this.#ok++;
		if (ended.exit === exitCode.done) {
			if (statement.name !== undefined) context.variables.set(statement.name, ended);
			return true;
		}
		if (ended.exit === exitCode.skipped) {
			this.#skippedCommands++;
			return true;
		}
		// A name whose command failed must not keep what it stood for before.
		if (statement.name !== undefined) context.variables.delete(statement.name);
		return this.#fail(statement, ended, place);
	}

	/** Counts a failure. @returns whether to go on */
	#fail(statement: Pick<Statement, "line" | "source">, outcome: Outcome, { options }: Place): boolean {
		this.#failed.push({ statement, outcome });
		this.#exit = Math.max(this.#exit, outcome.exit);
		const hopeless = outcome.exit === exitCode.environment || outcome.exit === exitCode.internal;
		return options.keepGoing && !hopeless;
	}

	/** A call of a function: its names are its own, its answer is that of its last command that has one. */
	async #call(statement: Statement, called: Parameters<typeof parametersOf>[0], place: Place): Promise<boolean> {
		const { options, depth } = place;
		if (statement.expect !== undefined)
			throw new UsageError(`${called.name} is a function`, "put `expect` before the command that is to fail");
		if (depth === deepest) throw new UsageError(`functions call each other more than ${deepest} deep`);
		showLine(statement.source, options);
		const parameters = parametersOf(called, expand(statement.words, options.context.variables, statement.places).slice(1));
		const context = options.context.withNames(parameters);
		this.#last = done;
		const before = this.#failed.length;
		const goesOn = await this.block(called.body, { ...place, options: { ...options, context }, depth: depth + 1 });
		if (statement.name === undefined) return goesOn;
		if (this.#failed.length === before) options.context.variables.set(statement.name, this.#last);
		else options.context.variables.delete(statement.name);
		return goesOn;
	}

	async #parallel(branches: readonly Block[], place: Place): Promise<boolean> {
		const { options } = place;
		const handle = await options.context.handle();
		const alone = handle.kernel.kind === "real" ? whyInTurns(handle, options) : undefined;
		if (handle.kernel.kind === "real" && alone === undefined) {
			const { runAtOnce } = await import("./at-once.js");
			const ended = await runAtOnce(branches, place, handle, this.#assigned);
			for (const one of ended) this.#absorb(one);
			return ended.every(({ goesOn }) => goesOn);
		}
		if (alone !== undefined && !options.quiet && !options.json)
			options.io.stderr.write(`${options.err.note("note:")} the blocks take turns: ${alone}\n`);
		const went: boolean[] = [];
		const before = new Map(options.context.variables);
		// A block's names are its own until all have ended, as on a kernel where they run at once.
		const contexts = branches.map(() => options.context.withNames([]));
		const runs = branches.map((branch, at) => async (io: RunOptions["io"]) => {
			went[at] = await this.block(branch, { ...place, options: { ...options, io, context: contexts[at], out: numbered(options.out, at) } });
		});
		try {
			await takeTurns(options.io, handle.kernel.kind === "real", runs, options.seed);
		} finally {
			for (const { variables } of contexts) mergeMap(options.context.variables, before, variables);
		}
		return went.every((one) => one);
	}

	async #process(node: Extract<Node, { kind: "process" }>, place: Place): Promise<boolean> {
		const { options } = place;
		showLine(node.source, options);
		const context = await options.context.forked(node.name).catch((error) => {
			this.#left += commandsIn(node.body);
			throw error;
		});
		try {
			return await this.block(node.body, { ...place, options: { ...options, context } });
		} finally {
			context.endProcess();
		}
	}

	/** `finally`: every line is tried; those that name what was never made have nothing to do. */
	async #clean(body: Block, place: Place): Promise<boolean> {
		let goesOn = true;
		for (const node of body) {
			const unmade = [...walk([node])].flatMap((one) => (one.kind === "command" ? one.words.flat() : []));
			const { variables } = place.options.context;
			const isUnmade = (name: string) => !variables.has(name) && this.#assigned.has(name);
			if (unmade.some((piece) => "variable" in piece && isUnmade(piece.variable.split(".")[0]))) continue;
			if (!(await this.#node(node, { ...place, cleaning: true }))) goesOn = place.options.keepGoing;
		}
		return goesOn;
	}
}
