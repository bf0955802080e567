/** The programs of a seed, by their numbers. */
import type { Step } from "../trace/index.js";
import { Board, type BoardOptions } from "./board.js";
import { Guide } from "./guide.js";
import { mutated, withOtherField } from "./mutate.js";
import { Random } from "./random.js";

/**
 * Programs come in blocks of so many. A program is made of others of its own block and of the corpus that the campaign began
 * with, so it depends on nothing else, and blocks can be run anywhere and in any order.
 */
export const BLOCK = 200;

export interface FuzzProgram {
	readonly seed: number;
	/** from 0 */
	readonly number: number;
	/** the calls, with what the simulated kernel answered when they were drawn */
	readonly steps: readonly Step[];
	/** what was seen meanwhile */
	readonly behaviour: ReadonlySet<string>;
	/** whether it showed what none before it in its block did */
	readonly fresh: boolean;
	/** what the simulated kernel could not release behind it */
	readonly leftovers: readonly string[];
}

export interface CampaignOptions extends BoardOptions {
	readonly seed: number;
	/** programs from earlier runs to make new ones of */
	readonly corpus?: readonly (readonly Step[])[];
}

export class Campaign {
	readonly #options: CampaignOptions;
	#block = -1;
	#programs: FuzzProgram[] = [];
	#guide = new Guide();

	constructor(options: CampaignOptions) {
		this.#options = options;
	}

	/** The program of this number, always the same. Cheapest in order, as the ones before it in its block are needed. */
	program(number: number): FuzzProgram {
		const block = Math.floor(number / BLOCK);
		if (block !== this.#block) {
			this.#block = block;
			this.#programs = [];
			this.#guide = new Guide(this.#options.corpus);
		}
		for (let next = this.#programs.length; next <= number - block * BLOCK; next++) this.#programs.push(this.#draw(block * BLOCK + next));
		return this.#programs[number - block * BLOCK];
	}

	/** A program is worth keeping for a reason that only its run shows, such as new coverage of the kernel's code. */
	keep({ number, steps }: FuzzProgram): void {
		if (Math.floor(number / BLOCK) === this.#block) this.#guide.take(steps, [`program ${number}`]);
	}

	#draw(number: number): FuzzProgram {
		const { seed } = this.#options;
		const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca77));
		const board = new Board(this.#options);
		const { program } = board;
		const { corpus } = this.#guide;
		let left = 8 + random.below(60);
		if (corpus.length > 0 && random.chance(50)) {
			const edited = mutated(random, corpus);
			board.replay(edits(edited));
			left = random.below(25);
		} else program.begin();
		for (; left > 0; left--) {
			if (random.chance(8)) program.scene(random);
			else program.step(random);
		}
		// What holds what shows when everything goes.
		if (random.chance(40)) program.tearDown(random);
		const leftovers = board.end();
		const { steps, behaviour } = board;
		return { seed, number, steps, behaviour, fresh: this.#guide.take(steps, behaviour), leftovers };

		/** A field gets its value when the steps before it were made. */
		function* edits(steps: ReturnType<typeof mutated>): Generator<Step> {
			for (const { step, change } of steps) yield change ? withOtherField(random, program.known, step) : step;
		}
	}
}
