/** The interrupts of a VFIO device: which eventfds they are delivered to, and what is masked. */
import type { HeldEvent } from "../../process/event-file.js";

/** The kinds of interrupts of a PCI device, by their index. */
export const INTX = 0;
export const MSI = 1;
export const MSIX = 2;
export const ERROR = 3;
export const REQUEST = 4;

/**
 * What became of an interrupt that a device raised. pending: INTx is masked, and is delivered when it is unmasked; idle: INTx is
 * not asserted; nobody: no eventfd is set up for it.
 */
export type Delivery = "signalled" | "pending" | "idle" | "nobody";

/** A device has one of INTx, MSI and MSI-X set up at a time; errors and requests are besides. */
export class Interrupts {
	#kind: number | undefined;
	readonly #vectors = new Map<number, HeldEvent>();
	readonly #single = new Map<number, HeldEvent>();
	#resample: HeldEvent | undefined;
	/** INTx is masked: by its delivery, by the program, or by the command register */
	#masked = false;
	/** the device asserts INTx */
	#line = false;
	/** INTx is off in the command register */
	#off = false;
	#deliveries = 0;

	/** `onKind` is called when another kind of interrupt is set up, or none */
	constructor(readonly onKind: (kind: number | undefined, vectors: number) => void) {}

	/** the kind that is set up: INTX, MSI or MSIX */
	get kind(): number | undefined {
		return this.#kind;
	}

	get line(): boolean {
		return this.#line;
	}

	get masked(): boolean {
		return this.#masked;
	}

	get resamples(): boolean {
		return this.#resample !== undefined;
	}

	/** whether the device's interrupts are messages */
	get messages(): boolean {
		return this.#kind === MSI || this.#kind === MSIX;
	}

	/** how often an eventfd was signalled */
	get deliveries(): number {
		return this.#deliveries;
	}

	/** what becomes of an interrupt that is not delivered now */
	get idle(): Delivery {
		return this.#kind !== INTX ? "nobody" : this.#line ? "pending" : "idle";
	}

	/** the count of an interrupt's eventfd, undefined where it is not known, null without an eventfd */
	countOf(index: number, vector: number): bigint | undefined | null {
		const event = index >= ERROR ? this.#single.get(index) : this.#vectors.get(vector);
		return event === undefined ? null : event.count;
	}

	/** the numbers of the vectors, or of single interrupts, that have an eventfd */
	connected(index: number): number[] {
		if (index >= ERROR) return this.#single.has(index) ? [0] : [];
		return this.#kind === index ? [...this.#vectors.keys()].sort((a, b) => a - b) : [];
	}

	/** Set a kind up, with no eventfds yet. */
	enable(kind: number, vectors: number): void {
		this.#kind = kind;
		this.#masked = kind === INTX && this.#off;
		this.onKind(kind, vectors);
	}

	disable(): void {
		if (this.#kind === undefined) return;
		for (const vector of [...this.#vectors.keys()]) this.connect(vector, undefined);
		this.unmaskOn(undefined);
		this.#kind = undefined;
		this.#masked = false;
		this.onKind(undefined, 0);
	}

	/** The eventfd of a vector; undefined: none. The one before is released. */
	connect(vector: number, event: HeldEvent | undefined): void {
		this.#vectors.get(vector)?.release();
		if (event === undefined) this.#vectors.delete(vector);
		else this.#vectors.set(vector, event);
		if (this.#kind === INTX) this.#deliver();
	}

	connectSingle(index: number, event: HeldEvent | undefined): void {
		this.#single.get(index)?.release();
		if (event === undefined) this.#single.delete(index);
		else this.#single.set(index, event);
	}

	/** Each signal of this eventfd unmasks INTx (a resample); undefined: none does. */
	unmaskOn(event: HeldEvent | undefined): void {
		this.#resample?.release();
		this.#resample = event;
		event?.watch(() => this.unmask());
	}

	mask(): void {
		this.#masked = true;
	}

	/** What is still asserted is delivered at once, and masked again. */
	unmask(): void {
		this.#masked = false;
		this.#deliver();
	}

	/** The bit of the command register that turns INTx off. */
	turnOff(off: boolean): void {
		if (off === this.#off) return;
		this.#off = off;
		if (this.#kind !== INTX) return;
		if (off) this.mask();
		else this.unmask();
	}

	/** Signal the eventfd of a vector or single interrupt, whatever the device does. */
	trigger(index: number, vector: number): Delivery {
		const event = index >= ERROR ? this.#single.get(index) : this.#kind === index ? this.#vectors.get(vector) : undefined;
		return this.#signal(event);
	}

	/** The device sends a message. */
	send(vector: number): Delivery {
		return this.#kind === MSI || this.#kind === MSIX ? this.trigger(this.#kind, vector) : "nobody";
	}

	/** The device asserts INTx, or no longer does. */
	setLine(on: boolean): Delivery {
		this.#line = on;
		return this.#deliver();
	}

	/** The device is closed. */
	reset(): void {
		this.disable();
		for (const index of [...this.#single.keys()]) this.connectSingle(index, undefined);
	}

	#deliver(): Delivery {
		if (this.#kind !== INTX || !this.#line || this.#masked) return this.idle;
		this.#masked = true;
		return this.#signal(this.#vectors.get(0));
	}

	#signal(event: HeldEvent | undefined): Delivery {
		if (event === undefined) return "nobody";
		this.#deliveries++;
		event.signal(1n);
		return "signalled";
	}
}
