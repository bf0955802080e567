/** Makes one call of a litmus test on a kernel. */
import type { Kernel, PollFd, Ret } from "../kernel/kernel.js";
import type { Call } from "./test.js";

/** Bytes that a call gets and gives back. */
export function bytesOf(call: Call): Uint8Array {
	return new Uint8Array(call.bytes?.length ?? 0);
}

/**
 * Makes a call.
 * @param slots what its files and IDs are; what it makes is kept there
 * @param bytes as long as the call's own: filled first, and after it what the kernel left there
 * @returns the value, or minus the errno; a poll's is the events that came
 */
export function make(kernel: Kernel, call: Call, slots: BigInt64Array, bytes: Uint8Array): Ret {
	if (call.bytes !== undefined) fill(call, slots, bytes);
	const { takes } = call;
	const ret = answer(kernel, call, call.file === undefined ? -1 : Number(slots[call.file]), bytes);
	if (call.makes !== undefined) slots[call.makes] = BigInt(ret < 0 ? -1 : ret);
	if (ret >= 0) for (const { offset, size, slot } of takes) slots[slot] = numberAt(bytes, offset, size);
	return ret;
}

/** What a call gives to the kernel. */
export function fill({ bytes: own, puts }: Call, slots: BigInt64Array, bytes: Uint8Array): void {
	if (own !== undefined) bytes.set(own);
	for (let at = 0; at < puts.length; at++) putNumber(bytes, puts[at].offset, puts[at].size, slots[puts[at].slot]);
}

function answer(kernel: Kernel, call: Call, fd: number, bytes: Uint8Array): Ret {
	const at = { addr: call.addr ?? 0n, length: call.length ?? 0 };
	switch (call.op) {
		case "ioctl":
			return kernel.ioctl(fd, call.request as number, call.bytes === undefined ? (call.value as bigint) : bytes);
		case "open":
			return kernel.open(call.path as string);
		case "close":
			return kernel.close(fd);
		case "read":
			return kernel.read(fd, call.addr === undefined ? bytes : at);
		case "write":
			return kernel.write(fd, call.addr === undefined ? bytes : at);
		case "pread":
			return kernel.pread(fd, call.addr === undefined ? bytes : at, call.offset as bigint);
		case "pwrite":
			return kernel.pwrite(fd, call.addr === undefined ? bytes : at, call.offset as bigint);
		case "poll": {
			const one: PollFd = { fd, events: call.events as number, revents: 0 };
			const ret = kernel.poll([one], 0);
			return ret < 0 ? ret : one.revents;
		}
		case "mmap": {
			const file = call.file === undefined ? {} : { fd, offset: call.offset };
			const addr = kernel.mmap({ addr: at.addr, length: BigInt(at.length), prot: call.prot as number, ...file });
			return addr < 0n ? Number(addr) : 0;
		}
		case "munmap":
			return kernel.munmap(at.addr, BigInt(at.length));
		case "memfd":
			return kernel.memfd(call.path as string, BigInt(at.length));
		case "poke":
			return kernel.poke(at.addr, bytes);
		case "peek":
			return kernel.peek(at.addr, bytes);
	}
}

function putNumber(bytes: Uint8Array, offset: number, size: number, value: bigint): void {
	let left = BigInt.asUintN(64, value);
	for (let at = 0; at < size; at++) {
		bytes[offset + at] = Number(left & 0xffn);
		left >>= 8n;
	}
}

/** A number in bytes, little-endian; of four bytes without a sign. */
export function numberAt(bytes: Uint8Array, offset: number, size: number): bigint {
	let value = 0n;
	for (let at = size - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[offset + at]);
	return BigInt.asIntN(64, value);
}
