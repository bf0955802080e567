/** The files whose pages are shared between processes and the simulated kernel. */
import type { PhysicalMemory } from "../../sim/index.js";
import type { Native } from "../native.js";
import type { RemoteBytes } from "./remote.js";
import { type Mapped, SharedPages } from "./shared-pages.js";

/** The fewest pages that a file gets room for: it may grow. */
const ROOM = 1 << 18;

export class SharedFiles {
	readonly #native: Native;
	readonly #physical: PhysicalMemory;
	readonly #files = new Map<string, SharedPages>();
	readonly #images = new Set<Mapped>();

	constructor(native: Native, physical: PhysicalMemory) {
		this.#native = native;
		this.#physical = physical;
	}

	/** The pages of a file, of which there are at least `count`. */
	pages(key: string, count: number): SharedPages {
		let pages = this.#files.get(key);
		if (pages === undefined || pages.pages < count) {
			let room = ROOM;
			while (room < count) room *= 2;
			pages = this.#physical.adopt(room, (frame) => new SharedPages(this.#native, () => this.#images, frame, key, room));
			this.#files.set(key, pages);
		}
		return pages;
	}

	/** A process's memory, where files may be mapped. */
	add(image: Mapped): void {
		this.#images.add(image);
	}

	unmapping(memory: RemoteBytes, from: number, to: number): void {
		for (const pages of this.#files.values()) pages.unmapping(memory, from, to);
	}

	lose(image: Mapped): void {
		this.#images.delete(image);
		for (const pages of this.#files.values()) pages.lose(image.bytes);
		this.#tidy();
	}

	close(): void {
		for (const pages of this.#files.values()) pages.close();
		this.#files.clear();
	}

	#tidy(): void {
		for (const [key, pages] of this.#files) {
			if (!pages.idle) continue;
			pages.close();
			this.#files.delete(key);
		}
	}
}
