/** Ctrl-C while a program runs on the real kernel: the program ends first, so that it does not look like one that never came back. */
import type { EventEmitter } from "node:events";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ends a campaign between two programs. */
export class Interrupted extends Error {
	/** @param number of the program that would have been next */
	constructor(
		readonly signal: NodeJS.Signals,
		readonly number: number,
	) {
		super(`${signal} before program ${number}`);
	}
}

export class Interrupts {
	readonly #source: EventEmitter;
	#came: NodeJS.Signals | undefined;
	readonly #note = (signal: NodeJS.Signals): void => {
		this.#came = signal;
	};

	/** @param source what tells of signals */
	constructor(source: EventEmitter = process) {
		this.#source = source;
		for (const signal of SIGNALS) source.on(signal, this.#note);
	}

	/** Before each program. @throws Interrupted if a signal came */
	async check(number: number): Promise<void> {
		// Signals are told when the event loop turns.
		await new Promise((resolve) => setImmediate(resolve));
		if (this.#came !== undefined) throw new Interrupted(this.#came, number);
	}

	end(): void {
		for (const signal of SIGNALS) this.#source.off(signal, this.#note);
	}
}
