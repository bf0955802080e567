import type { MemoryObject } from "../memory/memory-object.js";

/** Offsets of a context's file that show a driver's pages. All in pages. */
export class MmapRegions {
	readonly #regions: { start: number; object: MemoryObject }[] = [];

	/** The lowest offset, from 1, that is free for the whole object. */
	add(object: MemoryObject): number {
		let start = 1;
		let i = 0;
		for (; i < this.#regions.length; i++) {
			const region = this.#regions[i];
			if (region.start >= start + object.pages) break;
			start = region.start + region.object.pages;
		}
		this.#regions.splice(i, 0, { start, object });
		return start;
	}

	remove(start: number): void {
		const at = this.#regions.findIndex((region) => region.start === start);
		if (at >= 0) this.#regions.splice(at, 1);
	}

	/** A region is mapped whole or not at all. */
	find(start: number, pages: number): MemoryObject | undefined {
		const region = this.#regions.find((each) => each.start === start);
		return region?.object.pages === pages ? region.object : undefined;
	}
}
