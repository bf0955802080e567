/** Compiles what was recorded of a test's lines into calls whose files, IDs and values come from slots. */
import type { Step } from "../trace/format.js";
import { Scope } from "./scope.js";
import type { Call, Line, LitmusTest, Part, Slot } from "./test.js";

/** A line and the calls that it made when it was recorded. */
export interface RecordedLine extends Line {
	/** the name that it gives its answer */
	readonly name?: string;
	readonly steps: readonly Step[];
}

export interface RecordedPart {
	readonly name: string;
	/** see `Part` */
	readonly process?: boolean;
	readonly lines: readonly RecordedLine[];
}

/** Each part but the setup was recorded alone, on a kernel of its own, after the same setup. */
export interface RecordedTest {
	readonly file: string;
	readonly about: string;
	readonly setup: RecordedPart;
	readonly threads: readonly RecordedPart[];
	readonly finally: RecordedPart;
}

/** Steps that prepare memory for a line's calls. */
const prepares: ReadonlySet<Step["op"]> = new Set(["mmap", "poke", "memfd"]);
/** Steps that look or clean up behind them. */
const follows: ReadonlySet<Step["op"]> = new Set(["peek", "munmap"]);

/**
 * Compiles a test. What a thread's line prepares in memory becomes part of the setup, so that what is left of it are calls.
 * @throws FieldError for a step that makes no sense
 */
export function compile({ file, about, ...parts }: RecordedTest): LitmusTest {
	const slots: Slot[] = [];
	const setup = new Scope(slots);
	const before = setup.part(parts.setup);
	const lines: Line[] = [...before.lines];
	const calls: Call[] = [...before.calls];
	const steps = parts.setup.lines.flatMap((line) => line.steps);
	const scopes = parts.threads.map(() => setup.after(steps, before.calls));
	const threads = parts.threads.map((part, at): RecordedPart => {
		const rest = part.lines.map((line) => {
			const own = line.steps.filter(({ op }) => !prepares.has(op) && !follows.has(op));
			// A line that does nothing else means it: `mem write`, `mem free`.
			if (own.length === 0) return line;
			const early = line.steps.filter(({ op }) => prepares.has(op));
			if (early.length > 0) lines.push(line);
			for (const step of early) calls.push(scopes[at].call(step, lines.length - 1, line));
			return { ...line, steps: own };
		});
		return { ...part, lines: rest };
	});
	const setupSlots = slots.length;
	const compiled = threads.map((part, at): Part => scopes[at].part(part));
	const last = setup.after(steps, before.calls).part(parts.finally);
	const all = [...calls, ...compiled.flatMap((part) => part.calls), ...last.calls];
	const used = new Set(all.flatMap((call) => [call.file, ...call.puts.map(({ slot }) => slot)]));
	// The context's file is opened in any case; a test of other files does without.
	const needed = calls.filter(({ op, line, makes }) => !(op === "open" && lines[line].line === 0 && !used.has(makes)));
	return { file, about, setup: { name: "setup", lines, calls: needed }, threads: compiled, finally: last, slots, setupSlots };
}
