/** Simulated physical memory: maps page frames to objects' pages. */
import { LocalObject, MappableObject, type MemoryObject, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, PagePool } from "./memory-object.js";

/** Hands out page frames: objects follow one another with a gap of one page. */
export class PhysicalMemory {
	readonly #pool = new PagePool();
	#next = 0x100000;
	/** ordered by frame; the references are weak, so they do not keep an object alive */
	#objects: { readonly frame: number; readonly end: number; readonly page: number; readonly ref: WeakRef<MemoryObject> }[] = [];
	#tidyAt = 1024;

	/** New zeroed memory in this process. `block`: bytes of its huge pages, each of which is aligned */
	newObject(pages: number, kind: LocalObject["kind"], block?: number): LocalObject {
		if (block !== undefined) {
			const unit = block / PAGE_SIZE;
			this.#next = Math.ceil(this.#next / unit) * unit;
			const object = this.newObject(pages, kind);
			object.block = block;
			return object;
		}
		return this.adopt(pages, (frame) => new LocalObject(pages, kind, frame, this.#pool));
	}

	/** The same for pages that programs can map through a device's file. */
	newMappable(pages: number): MappableObject {
		return this.adopt(pages, (frame) => new MappableObject(pages, "anonymous", frame, this.#pool));
	}

	/** Assign page frames to an object of any kind; `make` gets the frame of its page 0. */
	adopt<T extends MemoryObject>(pages: number, make: (frame: number) => T): T {
		const object = make(this.#next);
		this.#take(object, 0, pages);
		return object;
	}

	/** Grow an object to `pages` pages, with page frames for the new ones. */
	extend(object: LocalObject, pages: number): void {
		const before = object.pages;
		if (pages <= before) return;
		object.grow(pages, this.#next);
		this.#take(object, before, pages - before);
	}

	/** Assign the next `count` frames to the object's pages from `page`. */
	#take(object: MemoryObject, page: number, count: number): void {
		const frame = this.#next;
		this.#next += count + 1;
		this.#objects.push({ frame, end: frame + count, page, ref: new WeakRef(object) });
		if (this.#objects.length > this.#tidyAt) {
			this.#objects = this.#objects.filter((each) => each.ref.deref() !== undefined);
			this.#tidyAt = Math.max(1024, this.#objects.length * 2);
		}
	}

	/** Whether any page of any object is pinned. */
	get pinned(): boolean {
		return this.#objects.some(({ ref }) => ref.deref()?.pins.empty === false);
	}

	/** The page that contains a physical address (in bytes); undefined where there is no memory. */
	find(pa: bigint): { readonly object: MemoryObject; readonly page: number } | undefined {
		const frame = Number(pa >> PAGE_SHIFT);
		let low = 0;
		let high = this.#objects.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#objects[middle].frame <= frame) low = middle + 1;
			else high = middle;
		}
		const found = low > 0 ? this.#objects[low - 1] : undefined;
		if (found === undefined || frame >= found.end) return undefined;
		const object = found.ref.deref();
		return object && { object, page: found.page + (frame - found.frame) };
	}

	/** Fill `into` from `pa`; the range may span pages of one object. false where there is no memory. */
	read(pa: bigint, into: Uint8Array): boolean {
		return this.#eachPage(pa, into.length, (object, page, from, at, count) => object.readAt(page, from, into, at, count));
	}

	/** The same in the other direction. */
	write(pa: bigint, bytes: Uint8Array): boolean {
		return this.#eachPage(pa, bytes.length, (object, page, from, at, count) => object.writeAt(page, from, bytes, at, count));
	}

	#eachPage(
		pa: bigint,
		length: number,
		visit: (object: MemoryObject, page: number, from: number, at: number, count: number) => void,
	): boolean {
		for (let at = 0; at < length; ) {
			const where = pa + BigInt(at);
			const found = this.find(where);
			if (found === undefined) return false;
			const from = Number(where & PAGE_MASK);
			const count = Math.min(PAGE_SIZE - from, length - at);
			visit(found.object, found.page, from, at, count);
			at += count;
		}
		return true;
	}
}
