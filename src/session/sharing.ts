/** How the commands of a session take turns. */
import { setImmediate, setTimeout } from "node:timers/promises";
import type { Turns } from "./turns.js";

/** A command may keep the session to itself for this long (ms) before it checks whether it has been cancelled. */
const attention = 20;

/** How a command shares the session's kernel with others. */
export class Sharing {
	#lastLook = performance.now();
	#handOn = () => {};
	readonly #turns: Turns;
	readonly #cancelled: AbortSignal;

	constructor(turns: Turns, cancelled: AbortSignal) {
		this.#turns = turns;
		this.#cancelled = cancelled;
	}

	/** Waits for the command's turn. @throws Cancelled */
	async begin(): Promise<void> {
		this.#handOn = await this.#turns.take();
		if (!this.#cancelled.aborted) return;
		this.end();
		this.#cancelled.throwIfAborted();
	}

	end(): void {
		this.#handOn();
		this.#handOn = () => {};
	}

	/** Gives up the turn for at least `ms` milliseconds. @throws Cancelled */
	async pause(ms: number): Promise<void> {
		this.end();
		await setTimeout(ms, undefined, { signal: this.#cancelled }).catch(() => {});
		await this.begin();
		this.#lastLook = performance.now();
	}

	/** Long commands call this now and then; keeps the turn. @throws Cancelled */
	async checkpoint(): Promise<void> {
		if (performance.now() - this.#lastLook < attention) return;
		await setImmediate();
		this.#lastLook = performance.now();
		this.#cancelled.throwIfAborted();
	}
}
