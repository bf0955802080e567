/** Compares two traces step by step and field by field. */
import type { Step, TraceHeader } from "../format.js";
import { alignTwice } from "./align.js";
import { type NormalField, normalFields, stepKey } from "./normal.js";
import type { Program, Trace } from "./programs.js";
import { type Paints, plainPaints, stepLine } from "./show.js";

/** A field that differs between two steps; undefined on the side that lacks it. */
export interface FieldDifference {
	readonly field: string;
	readonly a?: string;
	readonly b?: string;
}

/** Two corresponding steps that differ, or a step that only one trace has. */
export interface StepDifference {
	readonly program: string;
	readonly a?: StepPlace;
	readonly b?: StepPlace;
	/** empty if only one trace has the step */
	readonly fields: readonly FieldDifference[];
}

export interface StepPlace {
	/** in its program, from 1 */
	readonly number: number;
	readonly line: number;
	readonly step: Step;
}

export interface TraceDiff {
	readonly a: string;
	readonly b: string;
	/** differences in the headers' descriptions of the machine: shown, but not counted */
	readonly header: readonly FieldDifference[];
	/** programs that only one has */
	readonly onlyA: readonly string[];
	readonly onlyB: readonly string[];
	/** programs that both have */
	readonly programs: number;
	readonly differences: readonly StepDifference[];
}

/**
 * Compares two traces. These are not differences: the names of files, the addresses of memory (they are compared by
 * mapping and offset), and how numbers, errnos and requests are written.
 */
export function diffTraces(a: Trace, b: Trace): TraceDiff {
	const keysA = a.programs.map(keyOfProgram());
	const keysB = b.programs.map(keyOfProgram());
	// Two recordings of one program each are compared with each other, whatever their names.
	const single = a.programs.length === 1 && b.programs.length === 1;
	const partner = (key: string) => (single ? 0 : keysB.indexOf(key));
	const pairs = keysA.map((key, at) => [at, partner(key)] as const).filter(([, other]) => other >= 0);
	const paired = new Set(pairs.map(([, other]) => other));
	return {
		a: a.file,
		b: b.file,
		header: headerDifferences(a.header, b.header),
		onlyA: single ? [] : a.programs.filter((_, at) => partner(keysA[at]) < 0).map(({ name }) => name),
		onlyB: b.programs.filter((_, at) => !paired.has(at)).map(({ name }) => name),
		programs: pairs.length,
		differences: pairs.flatMap(([at, other]) => diffPrograms(a.programs[at], b.programs[other])),
	};
}

/** A program's name, and how many programs before it had the same. */
function keyOfProgram(): (program: Program) => string {
	const seen = new Map<string, number>();
	return ({ name }) => {
		const count = seen.get(name) ?? 0;
		seen.set(name, count + 1);
		return `${name}\n${count}`;
	};
}

function headerDifferences(a: TraceHeader, b: TraceHeader): FieldDifference[] {
	const say = (value: unknown) => (value === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(value));
	const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
	return [...keys].map((field) => ({ field, a: say(a[field]), b: say(b[field]) })).filter((one) => one.a !== one.b);
}

function diffPrograms(a: Program, b: Program): StepDifference[] {
	const same = new Correspondence();
	const place = ({ steps, lines }: Program, at: number): StepPlace => ({ number: at + 1, line: lines[at], step: steps[at] });
	// Steps that fail alike are paired before those that are only the same call.
	const narrow = (step: Step) => `${stepKey(step)} ${"errno" in step ? step.errno : ""}`;
	const keys = (key: (step: Step) => string) => [a.steps.map(key), b.steps.map(key)] as const;
	return alignTwice(keys(narrow), keys(stepKey)).flatMap((pair): StepDifference[] => {
		if (pair.a === undefined || pair.b === undefined) {
			const alone = pair.a === undefined ? { b: place(b, pair.b as number) } : { a: place(a, pair.a) };
			return [{ program: a.name, ...alone, fields: [] }];
		}
		const [left, right] = [place(a, pair.a), place(b, pair.b)];
		same.learn(left.step, right.step);
		const fields = fieldDifferences(normalFields(left.step), normalFields(right.step), same);
		return fields.length === 0 ? [] : [{ program: a.name, a: left, b: right, fields }];
	});
}

function fieldDifferences(a: readonly NormalField[], b: readonly NormalField[], same: Correspondence): FieldDifference[] {
	const others = new Map(b.map((field) => [field.name, field]));
	const found: FieldDifference[] = [];
	for (const one of a) {
		const other = others.get(one.name);
		others.delete(one.name);
		if (!other || !same.holds(one, other)) found.push({ field: one.name, a: one.value, b: other?.value });
	}
	return [...found, ...[...others.values()].map(({ name, value }) => ({ field: name, b: value }))];
}

interface Region {
	readonly a: bigint;
	readonly b: bigint;
	readonly length: bigint;
}

/** Which file and which memory of one program corresponds to which of the other. */
class Correspondence {
	readonly #files = new Map<string, string>();
	readonly #regions: Region[] = [];

	/** Takes note of what a pair of steps makes. */
	learn(a: Step, b: Step): void {
		const [made, other] = [madeFiles(a), madeFiles(b)];
		made.forEach((name, at) => {
			if (other[at] !== undefined) this.#files.set(name, other[at]);
		});
		if (a.op !== "mmap" || b.op !== "mmap") return;
		this.#regions.push({ a: BigInt(a.addr), b: BigInt(b.addr), length: BigInt(Math.max(a.length, b.length)) });
	}

	holds(a: NormalField, b: NormalField): boolean {
		if (a.kind === "file" && b.kind === "file") return (this.#files.get(a.value) ?? a.value) === b.value;
		if (a.kind !== "address" || b.kind !== "address" || a.value === b.value) return a.value === b.value;
		const [left, right] = [BigInt(a.value), BigInt(b.value)];
		return this.#regions.some((one) => left >= one.a && left <= one.a + one.length && right - one.b === left - one.a);
	}
}

/** The names that a step gives to files, in order. */
export function madeFiles(step: Step): string[] {
	if (step.op === "open") return step.fd === undefined ? [] : [step.fd];
	if (step.op === "memfd" || step.op === "eventfd" || step.op === "userfaultfd") return [step.fd];
	if (step.op !== "ioctl") return [];
	return [...Object.values(step.fd_out ?? {}), ...(step.ret_fd === undefined ? [] : [step.ret_fd])];
}

/** The number of differences, including programs that only one trace has. */
export function countDifferences({ onlyA, onlyB, differences }: TraceDiff): number {
	return onlyA.length + onlyB.length + differences.length;
}

/** The differences for people: `-` with A's side, `+` with B's side. */
export function formatDiff(diff: TraceDiff, max = Number.POSITIVE_INFINITY, paints: Paints = plainPaints): string {
	const { bad, good, faint, strong } = paints;
	const lines = [bad(`--- ${diff.a}`), good(`+++ ${diff.b}`)];
	lines.push(...diff.header.map(({ field, a, b }) => faint(`header ${field}: ${a ?? "(absent)"} | ${b ?? "(absent)"}`)));
	lines.push(...diff.onlyA.map((name) => bad(`- program ${name}`)), ...diff.onlyB.map((name) => good(`+ program ${name}`)));
	let program = "";
	for (const { program: name, a, b, fields } of diff.differences.slice(0, max)) {
		if (name !== program) lines.push(strong(`program ${name}`));
		program = name;
		if (a === undefined || b === undefined) {
			const only = (a ?? b) as StepPlace;
			lines.push((a ? bad : good)(`${a ? "-" : "+"} step ${only.number} (line ${only.line}): ${stepLine(only.step)}`));
			continue;
		}
		lines.push(`  step ${a.number}${a.number === b.number ? "" : ` and ${b.number}`} (lines ${a.line} and ${b.line}): ${stepKey(a.step)}`);
		const width = Math.max(...fields.map(({ field }) => field.length));
		for (const one of fields) {
			lines.push(
				bad(`-     ${one.field.padEnd(width)}  ${one.a ?? "(absent)"}`),
				good(`+     ${one.field.padEnd(width)}  ${one.b ?? "(absent)"}`),
			);
		}
	}
	const more = diff.differences.length - Math.min(max, diff.differences.length);
	if (more > 0) lines.push(`(${more} more; --max N shows more)`);
	const count = countDifferences(diff);
	lines.push(count === 0 ? good(`no difference in ${diff.programs} programs`) : bad(`${count} differences in ${diff.programs} programs`));
	return `${lines.join("\n")}\n`;
}

/** The document `iommuctl.trace-diff`. */
export function diffToJson(diff: TraceDiff): object {
	const place = (at: StepPlace | undefined) => at && { number: at.number, line: at.line, step: at.step };
	return {
		schema: "iommuctl.trace-diff",
		version: 1,
		...diff,
		differences: diff.differences.map(({ program, a, b, fields }) => ({ program, a: place(a) ?? null, b: place(b) ?? null, fields })),
		differing: countDifferences(diff),
	};
}
