/** Ctrl-C in the middle of a campaign: the program that runs ends first, so that it does not look like one that never came back. */
import type { EventEmitter } from "node:events";
import type { BlockResult } from "./block.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ends a campaign between two programs. */
export class Interrupted extends Error {
	/** what the programs of its block that ran before it came to */
	soFar: BlockResult | undefined;

	/** @param number of the program that would have been next */
	constructor(
		readonly signal: NodeJS.Signals,
		readonly number: number,
	) {
		super(`${signal} before program ${number}`);
	}
}

export interface InterruptsOptions {
	/** what tells of signals */
	readonly source?: EventEmitter;
	/** a program may be ended in its middle: a second signal does that at once */
	readonly harmless?: boolean;
}

export class Interrupts {
	readonly #source: EventEmitter;
	readonly #harmless: boolean;
	#came: NodeJS.Signals | undefined;
	#tell = (): void => {};
	readonly #told = new Promise<void>((resolve) => {
		this.#tell = resolve;
	});
	/** blocks that run in this thread */
	#here = 0;
	readonly #note = (signal: NodeJS.Signals): void => {
		this.#came = signal;
		this.#tell();
		if (this.#harmless) this.end();
	};

	constructor({ source = process, harmless = false }: InterruptsOptions = {}) {
		this.#source = source;
		this.#harmless = harmless;
		for (const signal of SIGNALS) source.on(signal, this.#note);
	}

	/** Before each program of this thread. @throws Interrupted if a signal came */
	async check(number: number): Promise<void> {
		// Signals are told when the event loop turns.
		await new Promise((resolve) => setImmediate(resolve));
		if (this.#came !== undefined) throw new Interrupted(this.#came, number);
	}

	/** Runs a block in this thread, which calls `check`. */
	async here<T>(block: () => Promise<T>): Promise<T> {
		this.#here++;
		try {
			return await block();
		} finally {
			this.#here--;
		}
	}

	/**
	 * The results of blocks; while other threads run these, a signal ends the waiting.
	 * @param next the first program of the block whose result is awaited @throws Interrupted
	 */
	async *during<T>(results: AsyncIterator<T>, next: () => number): AsyncGenerator<T> {
		for (;;) {
			const result = results.next();
			const first = await Promise.race([result, this.#told]);
			if (first === undefined && this.#here === 0) {
				// The process is about to end, and its threads with it.
				result.catch(() => {});
				throw new Interrupted(this.#came as NodeJS.Signals, next());
			}
			const { done, value } = await result;
			if (done) return;
			yield value;
		}
	}

	end(): void {
		for (const signal of SIGNALS) this.#source.off(signal, this.#note);
	}
}
