/** The BARs of a simulated PCI function: registers, or memory without any. */

import type { BarModel } from "../../board/pci-features.js";
import { PAGE_SIZE, type PageStore } from "../../memory/memory-object.js";
import type { Edu } from "../edu.js";

/** What answers accesses to a BAR; `at` and lengths are in bytes and within the BAR. */
export interface Bar {
	readonly model: BarModel;
	read(at: number, into: Uint8Array): void;
	write(at: number, from: Uint8Array): void;
	/** after a reset of the function */
	reset(): void;
	/** its contents are in `store` from now on; absent: it has none, but registers */
	moveTo?(store: PageStore): void;
	/** the device is closed, and the store with it */
	close?(): void;
}

/** The registers of edu. An access is made in the widest pieces that address and length allow. */
export class EduBar implements Bar {
	constructor(
		readonly model: BarModel,
		readonly edu: Edu,
	) {}

	read(at: number, into: Uint8Array): void {
		const view = new DataView(new ArrayBuffer(8));
		inPieces(at, into.length, (position, size, done) => {
			view.setBigUint64(0, this.edu.read(position, size), true);
			for (let i = 0; i < size; i++) into[done + i] = view.getUint8(i);
		});
	}

	write(at: number, from: Uint8Array): void {
		inPieces(at, from.length, (position, size, done) => {
			let value = 0n;
			for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(from[done + i]);
			this.edu.write(position, size, value);
		});
	}

	/** edu's registers outlive resets. */
	reset(): void {}
}

/** Plain memory, a page of which exists once something is written to it. Registers of other models are not simulated. */
export class MemoryBar implements Bar {
	readonly #pages = new Map<number, Uint8Array>();
	#store: PageStore | undefined;

	constructor(readonly model: BarModel) {}

	read(at: number, into: Uint8Array): void {
		inPages(at, into.length, (page, offset, done, count) => {
			const bytes = this.#pages.get(page);
			if (this.#store !== undefined) this.#store.readAt(page, offset, into, done, count);
			else if (bytes === undefined) into.fill(0, done, done + count);
			else into.set(bytes.subarray(offset, offset + count), done);
		});
	}

	write(at: number, from: Uint8Array): void {
		inPages(at, from.length, (page, offset, done, count) => {
			if (this.#store !== undefined) this.#store.writeAt(page, offset, from, done, count);
			else this.#page(page).set(from.subarray(done, done + count), offset);
		});
	}

	moveTo(store: PageStore): void {
		if (this.#store !== undefined) return;
		for (const [page, bytes] of this.#pages) store.writeAt(page, 0, bytes, 0, PAGE_SIZE);
		this.#pages.clear();
		this.#store = store;
	}

	reset(): void {
		this.#pages.clear();
		for (let page = 0; this.#store !== undefined && page < this.model.size / PAGE_SIZE; page++) this.#store.clearAt(page, 0, PAGE_SIZE);
	}

	close(): void {
		this.#store = undefined;
		this.#pages.clear();
	}

	#page(index: number): Uint8Array {
		let bytes = this.#pages.get(index);
		if (bytes === undefined) {
			bytes = new Uint8Array(PAGE_SIZE);
			this.#pages.set(index, bytes);
		}
		return bytes;
	}
}

/** The widest naturally aligned pieces of a range. */
function inPieces(at: number, length: number, visit: (position: number, size: number, done: number) => void): void {
	for (let done = 0; done < length; ) {
		let size = 8;
		while ((at + done) % size !== 0 || size > length - done) size /= 2;
		visit(at + done, size, done);
		done += size;
	}
}

function inPages(at: number, length: number, visit: (page: number, offset: number, done: number, count: number) => void): void {
	for (let done = 0; done < length; ) {
		const offset = (at + done) % PAGE_SIZE;
		const count = Math.min(PAGE_SIZE - offset, length - done);
		visit((at + done - offset) / PAGE_SIZE, offset, done, count);
		done += count;
	}
}
