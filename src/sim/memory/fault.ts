/** Says in words why memory cannot be read or written. */
import { PROT_READ, PROT_WRITE } from "../../kernel/kernel.js";
import { PAGE_SIZE } from "./memory-object.js";
import { pageOf, type UserMemory } from "./user-memory.js";

/** What x86 can read: it has no memory that can be written only. */
const READABLE = PROT_READ | PROT_WRITE;

/** The first bad page of [addr, addr+length) and what is wrong with it; to be called before the memory changes. */
export function faultAt(memory: UserMemory, addr: bigint, length: number, write: boolean): () => string {
	return () => {
		const prot = write ? PROT_WRITE : READABLE;
		const start = addr & ~0xfffn;
		// Whatever precedes a bad page is accessible, so halving finds the first one.
		let good = 0;
		let bad = Math.ceil((Number(addr - start) + length) / PAGE_SIZE);
		while (bad - good > 1) {
			const middle = (good + bad) >> 1;
			if (memory.accessible(start, middle * PAGE_SIZE, prot)) good = middle;
			else bad = middle;
		}
		const page = start + BigInt(good * PAGE_SIZE);
		if (memory.isMissing?.(pageOf(page)))
			return `page 0x${page.toString(16)} is missing until it is served (userfaultfd): the call would wait for another thread to do so`;
		if (!memory.accessible(page, PAGE_SIZE, READABLE)) return `page 0x${page.toString(16)} is not mapped`;
		// Reading reaches every mapped page; what is refused is to pin a write-only one that was not used yet.
		return `page 0x${page.toString(16)} is ${write ? "read-only" : "write-only, and nothing was written to it yet"}`;
	};
}
