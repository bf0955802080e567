/** Makes one call of a litmus test on a kernel. */
import { ENOSYS } from "../kernel/errno.js";
import { isPagingCapable, isReshapeCapable, type Kernel, type PollFd, type Ret } from "../kernel/kernel.js";
import type { Call } from "./test.js";

/** Makes the call that was prepared. @returns the value, or minus the errno; a poll's is the events that came */
export type Prepared = (kernel: Kernel) => Ret;

/** Copies a slot's number into bytes, or out of them. */
type Copy = () => void;

/**
 * Makes a call.
 * @param slots what its files and IDs are; what it makes is kept there
 * @param bytes as long as the call's own: filled first, and after it what the kernel left there
 */
export function make(kernel: Kernel, call: Call, slots: BigInt64Array, bytes: Uint8Array): Ret {
	return prepare(call, slots, bytes)(kernel);
}

/** The same, for a call that is made often: what can be done before is done once. */
export function prepare(call: Call, slots: BigInt64Array, bytes: Uint8Array): Prepared {
	const words = new Int32Array(slots.buffer, slots.byteOffset, 2 * slots.length);
	const { file, makes } = call;
	const fill = filling(call, slots, bytes);
	const takes = call.takes.map((place) => taken(place, slots, bytes));
	const answer = answering(call, bytes);
	return (kernel) => {
		fill();
		const ret = answer(kernel, file === undefined ? -1 : words[2 * file]);
		if (makes !== undefined) {
			words[2 * makes] = ret < 0 ? -1 : ret;
			words[2 * makes + 1] = ret < 0 ? -1 : 0;
		}
		if (ret >= 0) for (let at = 0; at < takes.length; at++) takes[at]();
		return ret;
	};
}

/** Writes what a call gives to the kernel: its own bytes, and what comes from slots. */
export function filling({ bytes: own, puts }: Call, slots: BigInt64Array, bytes: Uint8Array): Copy {
	if (own === undefined) return () => {};
	const copies = puts.map(({ offset, size, slot }): Copy => {
		const from = slotBytes(slots, slot, size);
		return () => bytes.set(from, offset);
	});
	return () => {
		bytes.set(own);
		for (let at = 0; at < copies.length; at++) copies[at]();
	};
}

/** Numbers of four bytes have no sign. */
function taken({ offset, size, slot }: Call["takes"][number], slots: BigInt64Array, bytes: Uint8Array): Copy {
	const to = slotBytes(slots, slot, 8);
	const from = bytes.subarray(offset, offset + size);
	return () => {
		if (size < 8) to.fill(0, size);
		to.set(from);
	};
}

/** A slot's low bytes; both are little-endian. */
const slotBytes = (slots: BigInt64Array, slot: number, size: number): Uint8Array =>
	new Uint8Array(slots.buffer, slots.byteOffset + 8 * slot, size);

function answering(call: Call, bytes: Uint8Array): (kernel: Kernel, fd: number) => Ret {
	const at = { addr: call.addr ?? 0n, length: call.length ?? 0 };
	const buffer = call.addr === undefined ? bytes : at;
	const length = BigInt(at.length);
	switch (call.op) {
		case "ioctl": {
			const request = call.request as number;
			const arg = call.bytes === undefined ? (call.value as bigint) : bytes;
			return (kernel, fd) => kernel.ioctl(fd, request, arg);
		}
		case "open":
			return (kernel) => kernel.open(call.path as string);
		case "close":
			return (kernel, fd) => kernel.close(fd);
		case "read":
			return (kernel, fd) => kernel.read(fd, buffer);
		case "write":
			return (kernel, fd) => kernel.write(fd, buffer);
		case "pread":
			return (kernel, fd) => kernel.pread(fd, buffer, call.offset as bigint);
		case "pwrite":
			return (kernel, fd) => kernel.pwrite(fd, buffer, call.offset as bigint);
		case "poll":
			return (kernel, fd) => {
				const one: PollFd = { fd, events: call.events as number, revents: 0 };
				const ret = kernel.poll([one], 0);
				return ret < 0 ? ret : one.revents;
			};
		case "mmap":
			return (kernel, fd) => {
				const file = call.file === undefined ? {} : { fd, offset: call.offset };
				const { pageSize, populate } = call;
				const addr = kernel.mmap({ addr: at.addr, length, prot: call.prot as number, ...file, pageSize, populate });
				return addr < 0n ? Number(addr) : 0;
			};
		case "munmap":
			return (kernel) => kernel.munmap(at.addr, length);
		case "memfd":
			return (kernel) => kernel.memfd(call.path as string, length, call.pageSize);
		case "mprotect":
			return (kernel) => (isReshapeCapable(kernel) ? kernel.mprotect(at.addr, length, call.prot as number) : -ENOSYS);
		case "madvise":
			return (kernel) => (isReshapeCapable(kernel) ? kernel.madvise(at.addr, length, Number(call.value)) : -ENOSYS);
		case "mremap":
			return (kernel) => {
				if (!isReshapeCapable(kernel)) return -ENOSYS;
				const to = call.value as bigint;
				const moved = kernel.mremap(at.addr, length, call.offset as bigint, to === at.addr ? 0n : to);
				return moved < 0n ? Number(moved) : 0;
			};
		case "seal":
			return (kernel, fd) => (isPagingCapable(kernel) ? kernel.addSeals(fd, Number(call.value)) : -ENOSYS);
		case "truncate":
			return (kernel, fd) => (isPagingCapable(kernel) ? kernel.truncate(fd, call.offset as bigint) : -ENOSYS);
		case "userfaultfd":
			return (kernel) => (isPagingCapable(kernel) ? kernel.userfaultfd() : -ENOSYS);
		case "poke":
			return (kernel) => kernel.poke(at.addr, bytes);
		case "peek":
			return (kernel) => kernel.peek(at.addr, bytes);
	}
}
