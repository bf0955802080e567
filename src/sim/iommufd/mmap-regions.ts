/** Allocates mmap offsets of /dev/iommu. */
import type { MemoryObject } from "../memory/memory-object.js";

/** The offsets of a context's file at which a driver's pages can be mapped. All numbers are in pages. */
export class MmapRegions {
	readonly #regions: { start: number; object: MemoryObject }[] = [];

	/** Add an object at the lowest offset, from 1, with enough room. Returns the offset. */
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

	/** The object at an offset; a region can only be mapped as a whole. */
	find(start: number, pages: number): MemoryObject | undefined {
		const region = this.#regions.find((each) => each.start === start);
		return region?.object.pages === pages ? region.object : undefined;
	}
}
