/** The one way to wrap a kernel: for recordings, injected answers, counted allocations. */
import {
	type DmaCapable,
	type EventCapable,
	type FailsAllocations,
	failsAllocations,
	isDmaCapable,
	isEventCapable,
	isPagingCapable,
	isReshapeCapable,
	type Kernel,
	type PagingCapable,
	type ReshapeCapable,
	type Ret,
	type TellsWaits,
	tellsWaits,
} from "./kernel.js";
import { type Explains, explains } from "./why.js";

/** The calls that a wrapper handles itself. */
export type Overrides = Partial<
	Omit<Kernel, "kind"> & DmaCapable & EventCapable & ReshapeCapable & PagingCapable & FailsAllocations & Explains
>;

/**
 * A kernel with the calls in `overrides`, which passes every other call on to `kernel`. It has `dma`,
 * `eventfd`, `mremap`, `userfaultfd` and `failNth` only if `kernel` has them; otherwise those of `overrides` are ignored. Other members of `overrides` become members of the result.
 */
export function wrapKernel<const O extends Overrides>(
	kernel: Kernel,
	overrides: O,
): Kernel &
	Omit<O, "dma" | "eventfd" | "failNth" | keyof ReshapeCapable | keyof PagingCapable> &
	Partial<DmaCapable & EventCapable & ReshapeCapable & PagingCapable & TellsWaits & FailsAllocations & Explains> {
	const { dma, eventfd, failNth, mprotect, madvise, mremap, addSeals, truncate, userfaultfd, ...own } = overrides;
	return {
		kind: kernel.kind,
		open: (path, flags) => kernel.open(path, flags),
		close: (fd) => kernel.close(fd),
		ioctl: (fd, request, arg) => kernel.ioctl(fd, request, arg),
		read: (fd, into) => kernel.read(fd, into),
		write: (fd, from) => kernel.write(fd, from),
		pread: (fd, into, offset) => kernel.pread(fd, into, offset),
		pwrite: (fd, from, offset) => kernel.pwrite(fd, from, offset),
		poll: (fds, timeout) => kernel.poll(fds, timeout),
		mmap: (request) => kernel.mmap(request),
		munmap: (addr, length) => kernel.munmap(addr, length),
		memfd: (name, length, pageSize) => kernel.memfd(name, length, pageSize),
		peek: (addr, into) => kernel.peek(addr, into),
		poke: (addr, from) => kernel.poke(addr, from),
		exit: () => kernel.exit(),
		...(isDmaCapable(kernel) && { dma: dma ?? ((...given: Parameters<DmaCapable["dma"]>) => kernel.dma(...given)) }),
		...(isEventCapable(kernel) && { eventfd: eventfd ?? ((count: number) => kernel.eventfd(count)) }),
		...(isReshapeCapable(kernel) && {
			mprotect: mprotect ?? ((...given: Parameters<ReshapeCapable["mprotect"]>) => kernel.mprotect(...given)),
			madvise: madvise ?? ((...given: Parameters<ReshapeCapable["madvise"]>) => kernel.madvise(...given)),
			mremap: mremap ?? ((...given: Parameters<ReshapeCapable["mremap"]>) => kernel.mremap(...given)),
		}),
		...(isPagingCapable(kernel) && {
			addSeals: addSeals ?? ((...given: Parameters<PagingCapable["addSeals"]>) => kernel.addSeals(...given)),
			truncate: truncate ?? ((...given: Parameters<PagingCapable["truncate"]>) => kernel.truncate(...given)),
			userfaultfd: userfaultfd ?? (() => kernel.userfaultfd()),
		}),
		...(tellsWaits(kernel) && { waits: () => kernel.waits(), mayWait: () => kernel.mayWait() }),
		...(failsAllocations(kernel) && { failNth: failNth ?? ((n: number) => kernel.failNth(n)) }),
		...(explains(kernel) && { why: (ret: Ret | bigint) => kernel.why(ret), notes: () => kernel.notes() }),
		...own,
	};
}
