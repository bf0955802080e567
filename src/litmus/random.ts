/** Random numbers that a seed repeats. */

/** xorshift32 */
export class Random {
	#state: number;

	/** @param seed any whole number */
	constructor(seed: number) {
		this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1;
	}

	/** A whole number from 0 to `below` - 1. */
	below(below: number): number {
		let x = this.#state;
		x ^= x << 13;
		x ^= x >>> 17;
		x ^= x << 5;
		this.#state = x >>> 0;
		return this.#state % below;
	}

	shuffle(list: unknown[]): void {
		for (let at = list.length - 1; at > 0; at--) {
			const other = this.below(at + 1);
			[list[at], list[other]] = [list[other], list[at]];
		}
	}
}
