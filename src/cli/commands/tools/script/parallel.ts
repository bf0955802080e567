/** Blocks of a script whose lines take turns. */

import { Random } from "../../../../litmus/random.js";
import type { Palette } from "../../../frame/colour.js";
import { UsageError } from "../../../frame/exit.js";
import type { Io, Sharing } from "../../../frame/io.js";
import type { KernelHandle } from "../../../frame/kernel-choice.js";
import type { RunOptions } from "./options.js";

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Hands the turn round, in the order in which it was asked for, or at random. */
class Baton {
	readonly #waiting: (() => void)[] = [];
	#held = true;
	readonly #random: ((below: number) => number) | undefined;

	/** @param seed of random turns */
	constructor(seed: number | undefined) {
		const random = seed === undefined ? undefined : new Random(seed);
		this.#random = random && ((below) => random.below(below));
	}

	/** It is held by nobody until `start`, so that all can ask for it. */
	start(): void {
		this.release();
	}

	acquire(): Promise<void> {
		if (!this.#held) {
			this.#held = true;
			return Promise.resolve();
		}
		return new Promise<void>((resolve) => this.#waiting.push(resolve));
	}

	release(): void {
		const { length } = this.#waiting;
		if (length === 0) {
			this.#held = false;
			return;
		}
		const [next] = this.#waiting.splice(this.#random?.(length) ?? 0, 1);
		next();
	}

	/** Asks for it and lets it go: perhaps nobody else gets it. */
	async pass(): Promise<void> {
		const again = this.acquire();
		this.release();
		await again;
	}
}

/** Why the blocks of `parallel` take turns on a real kernel, where they could run at once; undefined: they do. */
export function whyInTurns({ program, kernel }: KernelHandle, { attempt }: Pick<RunOptions, "attempt">): string | undefined {
	if (program === undefined) return "a `process` makes one call after another";
	if (attempt !== undefined) return "fail-nth makes one line after another fail";
	return program.plain === kernel ? undefined : "--record, --inject and --why follow calls one after another";
}

/** Colours for a block's lines, which say its number: `2> ioas alloc`. */
export function numbered(out: Palette, branch: number): Palette {
	const mark = out.faint(`${branch + 1}`);
	return { ...out, faint: (text) => (text === ">" ? `${mark}${out.faint(text)}` : out.faint(text)) };
}

/**
 * Runs blocks side by side: the first line of each, then the second of each, and so on. A block that sleeps, or waits for an
 * event, lets the others go on. Ends when all have ended.
 * @param patient whether an event may come from outside
 * @param seed of whose turn it is, at random
 */
export async function takeTurns(
	io: Io,
	patient: boolean,
	branches: readonly ((io: Io) => Promise<void>)[],
	seed: number | undefined,
): Promise<void> {
	const outer = io.sharing;
	const baton = new Baton(seed);
	let alive = branches.length;
	let waiting = 0;
	const away = async (time: () => Promise<void>): Promise<void> => {
		baton.release();
		await time();
		await baton.acquire();
	};
	const sharing: Sharing = {
		async pause(ms) {
			if (waiting + 1 >= alive && !patient && !outer)
				throw new UsageError("no other block can queue what this line waits for: they have ended, or wait too", "--timeout limits a wait");
			waiting++;
			await away(() => delay(ms));
			waiting--;
		},
		sleep: (ms) => away(() => delay(ms)),
		async checkpoint() {
			await outer?.checkpoint();
			await baton.pass();
		},
	};
	const run = async (branch: (io: Io) => Promise<void>): Promise<void> => {
		await baton.acquire();
		try {
			await branch({ ...io, sharing });
		} finally {
			alive--;
			baton.release();
		}
	};
	const all = branches.map(run);
	baton.start();
	const ended = await Promise.allSettled(all);
	for (const one of ended) if (one.status === "rejected") throw one.reason;
}

/** Waits as `sleep` does: in a session, and between blocks that take turns, others go first. */
export async function sleep(io: Io, ms: number): Promise<void> {
	if (io.sharing?.sleep) await io.sharing.sleep(ms);
	else if (io.sharing) await io.sharing.pause(ms);
	else await delay(ms);
}
