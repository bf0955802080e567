/** The memory of a random program: it comes, changes and goes. */
import { isReshapeCapable, type Kernel, MADV_DONTNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE } from "../kernel/kernel.js";
import type { Known } from "./known.js";
import type { Answer } from "./program.js";
import type { Random } from "./random.js";

const PAGE = 0x1000n;
/**
 * Where a program's memory is: no process has something there of its own, so the addresses can be the same in every run. What a
 * kernel would choose is different each time.
 */
const BASE = 1n << 44n;
/** Apart by more than the longest piece, so that nothing is mapped behind each. */
const STRIDE = 0x80_0000n;
const FIRST_PAGES = 64n;
const answer = (call: string, ret: number | bigint): Answer => ({ call, ret: `${Number(ret)}` });

/** The piece that is never unmapped, a small one, and a page that is read-only. */
export function firstMemory(kernel: Kernel, known: Known): void {
	for (const [length, prot] of [
		[FIRST_PAGES * PAGE, 3],
		[4n * PAGE, 3],
		[PAGE, 1],
	] as const)
		kernel.mmap({ addr: known.determined ? free(known) : 0n, length, prot });
}

/** Maps more: of a file, or none. */
export function moreMemory(random: Random, kernel: Kernel, known: Known): Answer {
	const huge = known.determined ? [] : [1n << 32n, 1n << 40n];
	const length = random.pick([0x1000n, 0x4000n, 0x4000n, 0x40000n, 0x200000n, ...huge]);
	const fd = random.chance(40) ? known.fd(random, random.chance(80) ? "memfd" : "iommufd") : undefined;
	const file = fd === undefined || fd < 0 ? {} : { fd, offset: BigInt(random.below(3)) << 12n };
	const addr = known.determined ? free(known) : 0n;
	return answer("mmap", kernel.mmap({ addr, length, prot: random.chance(85) ? 3 : random.below(4), ...file }));
}

/** Unmaps, protects, advises or moves some of it. */
export function changeMemory(random: Random, kernel: Kernel, known: Known): Answer {
	// The first piece stays as it is.
	if (known.memory.length < 2) return answer("munmap", 0);
	const { addr, length } = random.pick(known.memory.slice(1));
	const part = random.chance(50) ? length : PAGE;
	const from = addr + (random.chance(70) ? 0n : (random.u64() % (length / PAGE || 1n)) * PAGE);
	if (!isReshapeCapable(kernel) || random.chance(40)) return answer("munmap", kernel.munmap(from, part));
	switch (random.below(4)) {
		case 0:
		case 1:
			return answer("mprotect", kernel.mprotect(from, part, random.pick([0, 1, 1, 3, 3])));
		case 2:
			return answer(
				"madvise",
				kernel.madvise(from, part, random.pick([MADV_DONTNEED, MADV_DONTNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE])),
			);
		default: {
			const to = known.determined ? free(known) : 0n;
			const longer = random.pick([part, part, PAGE, part * 2n]);
			const at = kernel.mremap(from, part, longer > 0x200000n ? part : longer, to);
			if (at > 0n) known.addMemory(at, longer);
			return answer("mremap", at);
		}
	}
}

/** An address above all memory that there ever was. */
function free({ highest }: Known): bigint {
	return highest < BASE ? BASE : BASE + ((highest - BASE) / STRIDE + 1n) * STRIDE;
}
