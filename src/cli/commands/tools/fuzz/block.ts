/** A block of programs: a case of `fuzz`. What it comes to is JSON, so that threads, folders and shards can pass it on. */
import { BLOCK, type Finding, type Fuzzer, type KnownDifference, type ProgramResult } from "../../../../fuzz/index.js";
import { Interrupted } from "./interrupt.js";

export interface Block {
	/** the same in every run of the seed */
	readonly name: string;
	/** the first program */
	readonly from: number;
	/** the one after the last */
	readonly to: number;
}

export interface BlockResult {
	readonly programs: number;
	readonly calls: number;
	/** programs that showed something new to the generator */
	readonly fresh: number;
	readonly findings: readonly Finding[];
	/** keys of what no program before it in this process showed */
	readonly first: readonly string[];
	/** how often something came that one of them had shown */
	readonly repeated: number;
	/** how often each known difference came, by its place in the file */
	readonly known: Readonly<Record<number, number>>;
}

/** The blocks of `count` programs. Programs are made of others of their block, so a block is never cut but at the two ends. */
export function blocksOf({ seed, from, count }: { seed: number; from: number; count: number }): Block[] {
	const end = from + count;
	const first = Math.floor(from / BLOCK);
	return Array.from({ length: Math.ceil(end / BLOCK) - first }, (_, at) => {
		const begin = (first + at) * BLOCK;
		return { name: `seed ${seed} block ${first + at}`, from: Math.max(begin, from), to: Math.min(begin + BLOCK, end) };
	});
}

export interface BlockOptions {
	readonly fuzzer: Fuzzer;
	readonly known: readonly KnownDifference[];
	/** programs that are not run */
	readonly skip?: ReadonlySet<number>;
	/** called before each program; what it throws ends the block, which then is not finished */
	before?(number: number): Promise<void> | undefined;
	/** called behind each program */
	after(number: number, result: ProgramResult): void;
	/** whether the time is up */
	over(): boolean;
}

export async function runBlock({ from, to }: Block, { fuzzer, known, skip, before, after, over }: BlockOptions): Promise<BlockResult> {
	let [programs, calls, fresh, repeated] = [0, 0, 0, 0];
	const findings: Finding[] = [];
	const first: string[] = [];
	const counts: Record<number, number> = {};
	const soFar = (): BlockResult => ({ programs, calls, fresh, findings, first, repeated, known: counts });
	const add = (result: Pick<ProgramResult, "findings" | "known" | "repeated" | "first">): void => {
		repeated += result.repeated.length;
		findings.push(...result.findings);
		first.push(...result.first);
		for (const one of result.known) counts[known.indexOf(one)] = (counts[known.indexOf(one)] ?? 0) + 1;
	};
	for (let number = from; number < to && !over(); number++) {
		if (skip?.has(number)) continue;
		try {
			await before?.(number);
		} catch (error) {
			if (error instanceof Interrupted) error.soFar = soFar();
			throw error;
		}
		const result = await fuzzer.run(number);
		programs++;
		calls += result.program.steps.length;
		if (result.program.fresh) fresh++;
		add(result);
		after(number, result);
	}
	add(await fuzzer.end());
	return soFar();
}
