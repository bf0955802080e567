/** failslab: the knobs of debugfs that make allocations of the simulated kernel fail, as Documentation/fault-injection describes them. */

/** What the knobs are set to. */
export interface Knobs {
	/** percent */
	readonly probability: number;
	/** every how many allocations one may fail */
	readonly interval: number;
	/** how many may fail still; -1: any number */
	readonly times: number;
	/** bytes that are allocated before one may fail */
	readonly space: number;
	/** 0: the kernel's log does not tell of failures */
	readonly verbose: number;
	/** only threads with make-it-fail */
	readonly "task-filter": boolean;
	/** allocations that may sleep, as those of iommufd do, do not fail */
	readonly "ignore-gfp-wait": boolean;
	/** only caches that are marked, of which there are none */
	readonly "cache-filter": boolean;
}

/** The bytes that an allocation counts for in `space`: sizes are not simulated. */
const SIZE = 64;
/** This many allocations are looked ahead at most. */
const FAR = 1_000_000;
const SEED = 0x2545f491;

export class Failslab {
	#knobs: Knobs;
	/** until the next one that fails, which is included; undefined: not known */
	#distance: number | undefined;
	#count = 0;
	#random = SEED;
	/** what `space` is, and `#count`, once `#distance` allocations have been made */
	#then = { space: 0, count: 0 };

	/** @param changed takes what `times` and `space` are now */
	constructor(
		knobs: Knobs,
		readonly changed: (knobs: Pick<Knobs, "times" | "space">) => void,
		readonly log: (line: string) => void,
	) {
		this.#knobs = knobs;
	}

	get filtersTasks(): boolean {
		return this.#knobs["task-filter"];
	}

	/** The knobs are set to something. */
	set(knobs: Knobs): void {
		this.#knobs = knobs;
		this.#distance = undefined;
	}

	/** Which allocation fails next, counted from 1; undefined: none. */
	next(): number | undefined {
		const { probability, interval, times, space } = this.#knobs;
		if (probability <= 0 || times === 0 || this.#knobs["ignore-gfp-wait"] || this.#knobs["cache-filter"]) return undefined;
		if (this.#distance !== undefined) return this.#distance;
		let left = space;
		let count = this.#count;
		let distance = 1;
		for (; distance < FAR; distance++) {
			if (left > SIZE) {
				left -= SIZE;
				continue;
			}
			if (interval > 1 && ++count % interval !== 0) continue;
			if (this.#percent() < probability) break;
		}
		this.#then = { space: left, count };
		this.#distance = distance;
		return distance;
	}

	/** The one that `next` told has failed. */
	failed(): void {
		const { interval, probability, times, verbose } = this.#knobs;
		const { space, count } = this.#then;
		if (verbose > 0) {
			this.log("FAULT_INJECTION: forcing a failure.");
			this.log(`name failslab, interval ${interval}, probability ${probability}, space ${space}, times ${times}`);
		}
		this.#count = count;
		this.#distance = undefined;
		this.#update({ space, times: times > 0 ? times - 1 : times });
	}

	/** `count` allocations were made since `next`, none of which failed. */
	passed(count: number): void {
		if (this.#distance === undefined || count === 0) return;
		this.#distance -= count;
		const { space } = this.#knobs;
		const spent = Math.min(count, Math.max(0, Math.ceil((space - SIZE) / SIZE)));
		if (this.#knobs.interval > 1) this.#count += count - spent;
		if (spent > 0) this.#update({ space: space - spent * SIZE, times: this.#knobs.times });
	}

	#update(now: Pick<Knobs, "times" | "space">): void {
		const { times, space } = this.#knobs;
		if (times === now.times && space === now.space) return;
		this.#knobs = { ...this.#knobs, ...now };
		this.changed(now);
	}

	/** From 0 to 99; the same numbers in each run. */
	#percent(): number {
		let x = this.#random;
		x ^= x << 13;
		x ^= x >>> 17;
		x ^= x << 5;
		this.#random = x >>> 0;
		return this.#random % 100;
	}
}
