/** Pages of hardware registers that a program can map: the hardware is told of what the program writes. */
import { MappableObject, PAGE_SHIFT, PagePool, type PageStore } from "./memory-object.js";

const PAGE = 1 << Number(PAGE_SHIFT);

/** Registers of 32 bits, little-endian. Offsets are in bytes from the first page. */
export class RegisterPages extends MappableObject {
	/** a real program has mapped them: what it writes is there, but nobody is told */
	unwatched = false;
	readonly #word = new Uint8Array(4);
	readonly #view = new DataView(this.#word.buffer);

	constructor(
		pages: number,
		frame: number,
		/** called after a program wrote `count` bytes at `offset` */
		readonly written: (offset: number, count: number) => void,
	) {
		super(pages, "anonymous", frame, new PagePool());
	}

	override moveTo(store: PageStore): void {
		super.moveTo(store);
		this.unwatched = true;
	}

	override writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void {
		super.writeAt(page, offset, from, at, count);
		this.written(page * PAGE + offset, count);
	}

	override clearAt(page: number, offset: number, count: number): void {
		super.clearAt(page, offset, count);
		this.written(page * PAGE + offset, count);
	}

	/** What a register holds. */
	get32(offset: number): number {
		this.readAt(offset >> Number(PAGE_SHIFT), offset & (PAGE - 1), this.#word, 0, 4);
		return this.#view.getUint32(0, true);
	}

	/** The hardware changes a register. */
	set32(offset: number, value: number): void {
		if (this.get32(offset) === value >>> 0) return;
		this.#view.setUint32(0, value, true);
		super.writeAt(offset >> Number(PAGE_SHIFT), offset & (PAGE - 1), this.#word, 0, 4);
	}
}
