/** Runs the programs of a campaign on both sides, one at a time, and reports what is new. */
import { hrtime } from "node:process";
import { FieldError, type Step } from "../trace/index.js";
import { withoutOrphans } from "../trace/tools/index.js";
import type { Campaign, FuzzProgram } from "./campaign.js";
import { type Finding, type Found, reducedDifference, reducedLeftovers, reducedStrays, reducedWarning } from "./finding.js";
import { isWithin } from "./kmemleak.js";
import { type KnownDifference, knownAs } from "./known-differences.js";
import { Leaks } from "./leaks.js";
import { type Difference, firstDifference, type Side } from "./sides.js";
import { type Signature, signatureKey, signatureOf, warningSignature } from "./signature.js";

/** How many differences of one program are looked at: each is taken out, and the rest compared. */
const MOST = 8;

/** Of so many programs it is known what they did when memory turns out to be lost: some blocks. */
const KEPT = 600;

export interface FuzzerOptions {
	readonly campaign: Campaign;
	readonly left: Side;
	/** whether the left side answers as the kernel does that programs are drawn on: then they need not run on it again */
	readonly leftDrew: boolean;
	readonly right: Side;
	readonly known?: readonly KnownDifference[];
	/** called before a program runs on the right side, which it may bring down */
	readonly before?: (program: FuzzProgram) => void;
}

export interface ProgramResult {
	readonly program: FuzzProgram;
	/** new ones */
	readonly findings: readonly Finding[];
	/** how often each known one came */
	readonly known: readonly KnownDifference[];
	/** whether it reached code of the right side that no program before it did */
	readonly covered: boolean;
	/** those that an earlier program of this run showed */
	readonly repeated: readonly Signature[];
	/** keys of those that none did: of the findings, and of what did not come again */
	readonly first: readonly string[];
}

/** A result on its way. */
interface Collected extends ProgramResult {
	covered: boolean;
	readonly findings: Finding[];
	readonly known: KnownDifference[];
	readonly repeated: Signature[];
	readonly first: string[];
}

export class Fuzzer {
	readonly #options: FuzzerOptions;
	readonly #seen = new Set<string>();
	readonly #leaks: Leaks | undefined;
	/** of the program before */
	#last: readonly Step[] | undefined;
	/** the last programs, at most `KEPT`, and when they ran, in ns of the monotonic clock */
	#ran: { readonly program: FuzzProgram; readonly from: bigint; readonly to: bigint }[] = [];

	constructor(options: FuzzerOptions) {
		this.#options = options;
		const { left, right } = options;
		const { counters } = right;
		if (counters !== undefined) this.#leaks = new Leaks(left, { ...right, counters });
	}

	/** Runs the program of this number. What earlier programs of this run showed is only counted; otherwise the result depends on nothing else. */
	async run(number: number): Promise<ProgramResult> {
		const { campaign, left, leftDrew, right } = this.#options;
		const program = campaign.program(number);
		const result: Collected = { program, findings: [], known: [], repeated: [], first: [], covered: false };
		let { steps } = program;
		let warned = false;
		// What a kernel does behind a program's end may warn later.
		await this.#warnings(result, this.#last);
		this.#last = steps;
		this.#options.before?.(program);
		const from = hrtime.bigint();
		for (let round = 0; round < MOST; round++) {
			if (round === 0) right.coverage?.begin();
			const difference = this.#difference(steps, round === 0 && leftDrew ? undefined : left);
			if (round === 0 && (right.coverage?.end() ?? 0) > 0) {
				result.covered = true;
				campaign.keep(program);
			}
			// The call that is answered differently may be the one that did it.
			const run = difference === undefined ? steps : steps.slice(0, difference.at + 1);
			const strays = right.strays?.() ?? [];
			if (await this.#warnings(result, run)) warned = true;
			if (round === 0 && strays.length > 0) this.#addNew(result, await reducedStrays(run, left, right));
			if (difference === undefined) {
				if (round === 0) await this.#leftovers(result, program);
				break;
			}
			if (this.#isNew(result, signatureOf(difference))) this.#add(result, await reducedDifference(steps, difference, left, right));
			// Those of the runs that reduced it are not counted.
			right.warnings?.();
			if (difference.step === undefined) break;
			steps = withoutOrphans(steps.toSpliced(difference.at, 1));
		}
		const leak = await this.#leaks?.after(program, warned);
		if (leak !== undefined) right.warnings?.();
		this.#addNew(result, leak);
		if (right.unreferenced !== undefined) this.#ran.push({ program, from, to: hrtime.bigint() });
		return result;
	}

	/**
	 * Looks for what programs left in the kernel's memory, which takes a while; to be called at the end of a block. What is young may be
	 * seen only a block or two later: the allocator's own lists point to it until their places are used again.
	 * A finding is not reduced, as each attempt would take as long.
	 */
	async end(): Promise<Pick<ProgramResult, "findings" | "known" | "repeated" | "first">> {
		this.#ran = this.#ran.slice(-KEPT);
		const ran = this.#ran;
		const result = { findings: [] as Finding[], known: [] as KnownDifference[], repeated: [] as Signature[], first: [] as string[] };
		if (ran.length === 0) return result;
		for (const { at, by, lines } of (await this.#options.right.unreferenced?.found()) ?? []) {
			const all = ran.filter(({ from, to }) => at === undefined || isWithin(at, from, to));
			// What the simulated kernel keeps behind a program, such as a context that maps its own file, is no news.
			const last = all.at(-1);
			if (last === undefined || all.some(({ program }) => program.leftovers.length > 0)) continue;
			const signature: Signature = { kind: "leak", call: "unreferenced memory", right: by };
			const { program } = last;
			if (this.#isNew(result, signature))
				result.findings.push({
					seed: program.seed,
					program: program.number,
					signature,
					steps: program.steps,
					whole: program.steps.length,
					lines,
				});
		}
		return result;
	}

	/** What the right side, if it can be asked, kept of a program that it answered as it should. */
	async #leftovers(result: Collected, program: FuzzProgram): Promise<void> {
		const { left, right } = this.#options;
		const kept = right.leftovers?.() ?? [];
		if (right.leftovers === undefined || kept.join() === program.leftovers.join()) return;
		this.#addNew(result, await reducedLeftovers(program.steps, left, right));
	}

	/** @param steps that led to them; undefined: what this campaign did not do. @returns whether there are any */
	async #warnings(result: Collected, steps: readonly Step[] | undefined): Promise<boolean> {
		const { left, right } = this.#options;
		const warnings = right.warnings?.() ?? [];
		for (const lines of warnings)
			if (steps !== undefined && this.#isNew(result, warningSignature(lines[0])))
				this.#add(result, await reducedWarning(steps, lines, left, right));
		return warnings.length > 0;
	}

	#difference(steps: readonly Step[], left: Side | undefined): Difference | undefined {
		try {
			return firstDifference(steps, left, this.#options.right);
		} catch (error) {
			// Without a step that differed, the rest need not be a program.
			if (error instanceof FieldError) return undefined;
			throw error;
		}
	}

	#add({ findings, program }: Collected, found: Found | undefined): void {
		if (found !== undefined) findings.push({ seed: program.seed, program: program.number, ...found });
	}

	/** Of what is reduced before anybody can tell whether it is new. */
	#addNew(result: Collected, found: Found | undefined): void {
		if (found !== undefined && this.#isNew(result, found.signature)) this.#add(result, found);
	}

	/** Whether it is neither known nor was seen before; otherwise it is counted. */
	#isNew(result: Pick<Collected, "known" | "repeated" | "first">, signature: Signature): boolean {
		const known = knownAs(this.#options.known ?? [], signature);
		if (known !== undefined) {
			result.known.push(known);
			return false;
		}
		const key = signatureKey(signature);
		if (this.#seen.has(key)) {
			result.repeated.push(signature);
			return false;
		}
		this.#seen.add(key);
		result.first.push(key);
		return true;
	}
}
