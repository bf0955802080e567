/** Keeps the programs that showed something new, as the corpus that others are made of. */
import type { Step } from "../trace/index.js";

export class Guide {
	readonly #seen = new Set<string>();
	readonly #corpus: (readonly Step[])[];

	/** @param corpus from earlier runs */
	constructor(corpus: readonly (readonly Step[])[] = []) {
		this.#corpus = [...corpus];
	}

	get corpus(): readonly (readonly Step[])[] {
		return this.#corpus;
	}

	/** Takes a program in if it showed what no program before it did. @returns whether it did */
	take(steps: readonly Step[], behaviour: Iterable<string>): boolean {
		const before = this.#seen.size;
		for (const one of behaviour) this.#seen.add(one);
		if (this.#seen.size === before) return false;
		this.#corpus.push(steps);
		return true;
	}
}
