/** Minimizes a program of a trace under a condition. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../../../structs/index.js";
import type { Kernel } from "../../kernel/kernel.js";
import { type Answer, recordedAnswer, sameAnswer } from "../answer.js";
import { FieldError } from "../check.js";
import { errnoNumber } from "../errno-names.js";
import { NO_FILE_NAME } from "../files.js";
import type { Step, TraceHeader } from "../format.js";
import { ProgramReplay } from "../replayer.js";
import { runBoth } from "./compare.js";
import { ddmin } from "./ddmin.js";
import { madeFiles } from "./diff.js";
import { traceText } from "./programs.js";
import { withoutMaker } from "./renumber.js";

/**
 * Whether some steps, as a program, still do what the whole one did. `origins`: for each of them the step that it was in the
 * whole program, where it is not itself.
 */
export type Condition = (steps: readonly Step[], origins?: readonly Step[]) => boolean;

export interface Minimized {
	readonly steps: readonly Step[];
	/** how many candidates were tried */
	readonly tried: number;
}

/**
 * The steps that `condition` needs, in order: none of them can be left out. Undefined if the whole program does not meet it.
 * @param newKernel numbers the objects anew where a call only holds an ID; without it, such calls stay
 */
export async function minimize(steps: readonly Step[], condition: Condition, newKernel?: () => Kernel): Promise<Minimized | undefined> {
	let tried = 0;
	const known = new Map<string, boolean>();
	const numbers = new Map(steps.map((step, at) => [step, at]));
	const holds = (part: readonly Step[]): boolean => {
		const able = withoutOrphans(part);
		const key = able.map((step) => numbers.get(step)).join();
		let answer = known.get(key);
		if (answer === undefined) {
			tried++;
			answer = condition(able);
			known.set(key, answer);
		}
		return answer;
	};
	if (!holds(steps)) return undefined;
	const least = await ddmin(steps, holds);
	const able = withoutOrphans(least);
	if (newKernel === undefined) return { steps: able, tried };
	const own = withoutHolders(able, condition, newKernel);
	return { steps: own.steps, tried: tried + own.tried };
}

/** Without calls that are needed only because the IDs of later objects count on from theirs. */
function withoutHolders(whole: readonly Step[], condition: Condition, newKernel: () => Kernel): Minimized {
	let steps = whole;
	let origins = whole;
	let tried = 0;
	// From the end: what uses an object goes before what makes it.
	for (let at = steps.length - 1; at >= 0; at--) {
		const shorter = withoutMaker(steps, at, newKernel);
		if (shorter === undefined) continue;
		tried++;
		const left = origins.toSpliced(at, 1);
		if (!condition(shorter, left)) continue;
		steps = shorter;
		origins = left;
	}
	return { steps, tried };
}

/** Without steps on files that no step before them made. */
export function withoutOrphans(steps: readonly Step[]): Step[] {
	const known = new Set([NO_FILE_NAME]);
	return steps.filter((step) => {
		if (!usedFiles(step).every((name) => known.has(name))) return false;
		for (const name of madeFiles(step)) known.add(name);
		return true;
	});
}

function usedFiles(step: Step): string[] {
	if (step.op === "open" || step.op === "memfd" || step.op === "eventfd" || step.op === "userfaultfd") return [];
	if (step.op === "mmap") return step.memfd === undefined ? [] : [step.memfd];
	if (step.op === "ioctl") return [step.fd, ...Object.values(step.fd_in ?? {})];
	return "fd" in step ? [step.fd] : [];
}

/** `run`, but false for steps that are not a valid program. */
const attempt = (run: () => boolean): boolean => {
	try {
		return run();
	} catch (error) {
		if (error instanceof FieldError) return false;
		throw error;
	}
};

/**
 * The kernel still answers the first differing step of `program` in the same way, and every step that was answered as
 * recorded still is. Otherwise the effects of a missing step would pass for the difference in question.
 */
export function differsFromRecording(program: readonly Step[], newKernel: () => Kernel): Condition {
	const differences = (steps: readonly Step[]): ReadonlyMap<Step, Answer> => {
		const replay = new ProgramReplay(newKernel());
		const found = new Map<Step, Answer>();
		for (const step of steps) {
			const answer = replay.run(step);
			if (answer !== undefined) found.set(step, beyondRecorded(step, answer));
		}
		replay.end();
		return found;
	};
	const all = differences(program);
	const [wanted] = all.keys();
	return (steps, origins = steps) =>
		attempt(() => {
			if (wanted === undefined || !origins.includes(wanted)) return false;
			const now = new Map([...differences(steps)].map(([step, answer]) => [origins[steps.indexOf(step)], answer]));
			const same = (step: Step) => sameAnswer(now.get(step) ?? {}, all.get(step) ?? {});
			return same(wanted) && [...now.keys()].every((step) => all.has(step));
		});
}

/** Without bytes that are as recorded: IDs in them may be others in a program of which objects were left out. */
function beyondRecorded(step: Step, answer: Answer): Answer {
	const same = step.op === "ioctl" && answer.bytes?.toLowerCase() === (step.out ?? step.arg)?.toLowerCase();
	return same ? { ...answer, bytes: undefined } : answer;
}

/** The two kernels still differ on one of the steps on which they differ in `program`. */
export function kernelsDiffer(program: readonly Step[], left: () => Kernel, right: () => Kernel): Condition {
	const differing = (steps: readonly Step[]) =>
		[...runBoth(steps, left(), right())].filter(({ answers }) => !sameAnswer(...answers)).map(({ step }) => step);
	const wanted = new Set(differing(program));
	return (steps, origins = steps) => attempt(() => differing(steps).some((step) => wanted.has(step && origins[steps.indexOf(step)])));
}

/** The kernel still answers with this errno to one of the steps to which it does in `program`. */
export function answersErrno(program: readonly Step[], newKernel: () => Kernel, name: string): Condition {
	let errno: number;
	try {
		errno = errnoNumber(name.toUpperCase());
	} catch {
		throw new InputError(`--while errno=${name}: there is no such errno`);
	}
	const failing = (steps: readonly Step[]) => {
		const replay = new ProgramReplay(newKernel());
		const found = steps.filter((step) => (replay.run(step) ?? recordedAnswer(step)).ret === -errno);
		replay.end();
		return found;
	};
	const wanted = new Set(failing(program));
	return (steps, origins = steps) => attempt(() => failing(steps).some((step) => wanted.has(origins[steps.indexOf(step)])));
}

/**
 * A command, run without a shell with the candidate's file as its last argument, exits 0 (or, with `!` before it, not 0:
 * `! iommuctl replay` holds while an answer differs).
 */
export function commandHolds(command: readonly string[], header: TraceHeader): Condition & { dispose(): void } {
	const wanted = command[0] !== "!";
	const [file, ...args] = wanted ? command : command.slice(1);
	if (!file) throw new InputError("--while: the command is empty");
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-minimize-"));
	const candidate = join(folder, "candidate.jsonl");
	const condition = (steps: readonly Step[]): boolean => {
		writeFileSync(candidate, traceText(header, [{ name: "candidate", steps }]));
		const { status, error } = spawnSync(file, [...args, candidate], { stdio: ["ignore", "ignore", "ignore"] });
		if (error) throw new InputError(`--while: ${file} cannot be run (${(error as NodeJS.ErrnoException).code ?? error.message})`);
		return (status === 0) === wanted;
	};
	return Object.assign(condition, { dispose: () => rmSync(folder, { recursive: true, force: true }) });
}

/** Splits a command into words as a shell does: quotes and `\`, but nothing else. */
export function commandWords(text: string): string[] {
	const words: string[] = [];
	const piece = /\s*((?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)/y;
	while (text.slice(piece.lastIndex).trim() !== "") {
		const at = piece.lastIndex;
		const match = piece.exec(text);
		if (!match) throw new InputError(`--while: a quote is not closed in ${JSON.stringify(text.slice(at))}`);
		words.push(
			match[1].replace(
				/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g,
				(_, single?: string, double?: string, escaped?: string) => single ?? double?.replace(/\\(.)/g, "$1") ?? escaped ?? "",
			),
		);
	}
	return words;
}
