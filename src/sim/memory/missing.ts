/** Pages of a mapping that are missing until a userfaultfd serves them, and huge pages, which cannot be cut. */
import type { Vma } from "./address-space.js";
import { LocalObject, type MemoryObject, PAGE_SIZE } from "./memory-object.js";

/** Who serves a mapping's missing pages: the file of a userfaultfd. */
export interface Server {
	readonly kind: string;
}

/** Whether a page of the mapping's object has to be served before it can be used. */
export function isMissing({ server, object, present }: Vma, page: number): boolean {
	return server !== undefined && (present?.at(page) ?? 0) === 0 && object.nextTouched(page) !== page && object.pins.at(page) === 0;
}

/** The first page of [from, to), which are addresses in pages, that has to be served. */
export function firstMissing(vma: Vma, from: number, to: number): number | undefined {
	if (vma.server === undefined) return undefined;
	for (let page = from; page < to; ) {
		const run = thereRun(vma, vma.objectPage + (page - vma.start), to - page);
		if (run === 0) return page;
		page += run;
	}
	return undefined;
}

/** How many of the object's pages from `page` are surely there, at most `count`: 0 if that one is missing. */
export function thereRun(vma: Vma, page: number, count: number): number {
	const { server, present } = vma;
	if (server === undefined) return count;
	const noted = present?.at(page) ?? 0;
	if (present !== undefined && noted > 0) return present.firstOther(page, page + count, noted) - page;
	return isMissing(vma, page) ? 0 : 1;
}

/** How many of the object's pages from `page` are missing before the first that is there; at most `count`. */
export function missingRun({ object, present }: Vma, page: number, count: number): number {
	const end = page + count;
	const first = Math.min(object.nextTouched(page), present?.firstOther(page, end, 0) ?? end, object.pins.firstOther(page, end, 0), end);
	return first - page;
}

/** How many pages one of an object's huge pages has; 1 if they are not huge. */
export function hugePages(object: MemoryObject): number {
	return object instanceof LocalObject && object.block !== undefined ? object.block / PAGE_SIZE : 1;
}

/** Whether cutting at this page would cut a huge page of the mapping. */
export function cutsHuge({ object, start, end }: Vma, page: number): boolean {
	return page > start && page < end && (page - start) % hugePages(object) !== 0;
}
