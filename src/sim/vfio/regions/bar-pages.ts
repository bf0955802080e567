/** A BAR as pages: to map into a program, or for other devices to reach. */
import { IntervalCounter } from "../../memory/interval-counter.js";
import { type MemoryObject, PAGE_SIZE, type PageStore } from "../../memory/memory-object.js";
import type { Bar } from "./bar.js";

/** Every access reaches the device. There is nothing to pin, and no page where the device does not answer. */
export class BarPages implements MemoryObject {
	readonly kind = "device";
	readonly pins = new IntervalCounter();
	onMapping: ((change: 1 | -1) => void) | undefined;

	constructor(
		readonly bar: Bar,
		readonly frame: number,
		/** whether the device answers */
		readonly answers: () => boolean,
	) {}

	get moveTo(): ((store: PageStore) => void) | undefined {
		const { bar } = this;
		return bar.moveTo && ((store) => bar.moveTo?.(store));
	}

	get pages(): number {
		return this.answers() ? this.bar.model.size / PAGE_SIZE : 0;
	}

	readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void {
		this.bar.read(page * PAGE_SIZE + offset, into.subarray(at, at + count));
	}

	writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void {
		this.bar.write(page * PAGE_SIZE + offset, from.subarray(at, at + count));
	}

	clearAt(page: number, offset: number, count: number): void {
		this.bar.write(page * PAGE_SIZE + offset, new Uint8Array(count));
	}

	/** Any register may hold something. */
	nextTouched(index: number): number {
		return index;
	}
}
