/** Looks for what programs leave behind on a kernel that cannot be inspected: open files, locked memory, slab. */
import type { FuzzProgram } from "./campaign.js";
import { type Found, recordedOn, reduced, runs } from "./finding.js";
import type { Side } from "./sides.js";
import type { LEAKS } from "./signature.js";

/** What a kernel counts. Of all that runs on the machine, so a growth counts only where it goes with a program. */
export interface Counters {
	/** open files of the whole machine; a kernel may be some dozens behind */
	readonly files: number;
	/** locked and pinned memory of this process, in KiB */
	readonly locked: number;
	/** memory of the kernel's own that cannot be taken back, in KiB */
	readonly slab: number;
}

export interface LeakLimits {
	/** programs between two looks at what is counted inexactly */
	readonly round: number;
	/** how far the count of files may be off: each CPU keeps some for itself */
	readonly slack: number;
	/** how often a program is run to see whether it leaks files */
	readonly repeats: number;
}

const LIMITS: LeakLimits = { round: 64, slack: 128, repeats: 300 };
/** So many rounds in a row, each by so many KiB, are a growth that no program explains. */
const ROUNDS = 8;
const GROWTH = 1024;

export class Leaks {
	readonly #left: Side;
	readonly #right: Side;
	readonly #count: () => Counters;
	#base: Counters;
	#slab: number;
	#growing = 0;
	#round: FuzzProgram[] = [];

	/** @param right counts */
	constructor(
		left: Side,
		right: Side & { counters(): Counters },
		readonly limits = LIMITS,
	) {
		this.#left = left;
		this.#right = right;
		this.#count = () => right.counters();
		this.#base = this.#count();
		this.#slab = this.#base.slab;
	}

	/**
	 * To be called after every program. @returns what it leaks
	 * @param warned whether the kernel warned: what it loses then is no finding of its own
	 */
	async after(program: FuzzProgram, warned = false): Promise<Found | undefined> {
		const now = this.#count();
		// What the simulated kernel keeps behind a program, such as a context that maps its own file, is no news.
		if (warned || program.leftovers.length > 0) {
			this.#base = { ...now, files: Math.max(now.files, this.#base.files) };
			return undefined;
		}
		if (now.locked > this.#base.locked) {
			const grown = now.locked - this.#base.locked;
			this.#base = now;
			return this.#reduced(program, "locked memory", `${grown} KiB stay locked or pinned`, (count) => count.locked, 1);
		}
		this.#round.push(program);
		if (this.#round.length < this.limits.round) return undefined;
		const round = this.#round;
		this.#round = [];
		return this.#endOfRound(round, now);
	}

	async #endOfRound(round: readonly FuzzProgram[], now: Counters): Promise<Found | undefined> {
		this.#growing = now.slab > this.#slab + GROWTH ? this.#growing + 1 : 0;
		this.#slab = now.slab;
		if (now.files > this.#base.files + this.limits.slack) {
			for (const program of round) {
				const found = await this.#reduced(
					program,
					"open files",
					"files stay open after the program ended",
					(count) => count.files,
					this.limits.repeats,
				);
				this.#base = this.#count();
				if (found !== undefined) return found;
			}
			this.#base = now;
		}
		if (this.#growing < ROUNDS) return undefined;
		this.#growing = 0;
		return {
			signature: { kind: "leak", call: "slab" },
			steps: [],
			whole: 0,
			lines: [
				`SUnreclaim grew by more than ${GROWTH} KiB in each of ${ROUNDS} rounds of ${this.limits.round} programs, to ${now.slab} KiB`,
			],
		};
	}

	async #reduced(
		{ steps }: FuzzProgram,
		what: (typeof LEAKS)[number],
		line: string,
		count: (counters: Counters) => number,
		repeats: number,
	): Promise<Found | undefined> {
		const leaks = (part: Parameters<typeof runs>[0]): boolean => {
			const before = count(this.#count());
			for (let round = 0; round < repeats; round++) if (!runs(part, this.#right)) return false;
			return count(this.#count()) - before >= (repeats === 1 ? 1 : repeats / 2);
		};
		const least = await reduced(steps, leaks, this.#left);
		if (least === undefined) return undefined;
		return { signature: { kind: "leak", call: what }, steps: recordedOn(least, this.#right), whole: steps.length, lines: [line] };
	}
}
