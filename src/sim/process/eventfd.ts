/** An eventfd of a program on the simulated kernel: a count that is added to, and read. */
import { POLLERR, POLLIN, POLLOUT, type Ret } from "../../kernel/kernel.js";
import type { Caller } from "./caller.js";
import { eventfdIoChecks } from "./checks.js";
import type { EventFile, HeldEvent } from "./event-file.js";
import { SimFile } from "./file.js";
import { bufferFault, type UserIo } from "./io.js";

/** bytes of a count */
const SIZE = 8;
/** The highest count that a program can bring about; the kernel's own signals may reach one more. */
const MOST = (1n << 64n) - 2n;

export class EventfdFile extends SimFile implements EventFile {
	readonly kind = "eventfd";
	override readonly canRead = true;
	override readonly canWrite = true;
	override readonly hasOffsets = false;
	override readonly event = this;
	readonly #listeners = new Set<() => void>();
	#count: bigint;

	constructor(count: number) {
		super();
		this.#count = BigInt(count >>> 0);
	}

	/** what the next read returns; 0: it would wait */
	get count(): bigint {
		return this.#count;
	}

	hold(): HeldEvent {
		this.get();
		const stops = new Set<() => void>();
		const counted = () => this.#count;
		return {
			get count() {
				return counted();
			},
			signal: (count) => this.#add(count, MOST + 1n),
			watch: (listener) => {
				const own = () => listener();
				this.#listeners.add(own);
				const stop = () => {
					this.#listeners.delete(own);
					stops.delete(stop);
				};
				stops.add(stop);
				this.#tell();
				return stop;
			},
			release: () => {
				for (const stop of stops) stop();
				this.put();
			},
		};
	}

	override read(process: Caller, io: UserIo): Ret {
		if (io.length < SIZE) return process.reasons.fail(eventfdIoChecks.eightBytes, io.length);
		if (this.#count === 0n) return process.reasons.fail(eventfdIoChecks.countZero);
		const bytes = new Uint8Array(BigUint64Array.of(this.#count).buffer);
		this.#count = 0n;
		return io.put(0, bytes) < 0 ? bufferFault(process, io, 0, SIZE, true) : SIZE;
	}

	override write(process: Caller, io: UserIo): Ret {
		if (io.length !== SIZE) return process.reasons.fail(eventfdIoChecks.exactlyEight, io.length);
		const bytes = new Uint8Array(SIZE);
		if (io.get(0, bytes) < 0) return bufferFault(process, io, 0, SIZE, false);
		const value = new DataView(bytes.buffer).getBigUint64(0, true);
		if (value > MOST) return process.reasons.fail(eventfdIoChecks.valueTooLarge);
		if (value > MOST - this.#count) return process.reasons.fail(eventfdIoChecks.countFull, this.#count, value);
		this.#add(value, MOST);
		return SIZE;
	}

	override poll(): number {
		const full = this.#count > MOST;
		return (this.#count > 0n ? POLLIN : 0) | (this.#count < MOST ? POLLOUT : 0) | (full ? POLLERR : 0);
	}

	#add(value: bigint, most: bigint): void {
		this.#count = value > most - this.#count ? most : this.#count + value;
		this.#tell();
	}

	/** Whoever watches takes the count. */
	#tell(): void {
		if (this.#count === 0n || this.#listeners.size === 0) return;
		this.#count = 0n;
		for (const listener of [...this.#listeners]) listener();
	}
}
