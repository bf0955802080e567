/** mmap of recorded files, and what unmaps memory that the trace has. */
import type { Step } from "../../trace/index.js";
import type { Call, Handler, Recorder } from "../recorder.js";

const PROT_READ = 1n;
const PROT_WRITE = 2n;
const MAP_ANONYMOUS = 0x20n;
const MREMAP_DONTUNMAP = 4n;
const PAGE_MASK = 0xfffn;

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const whole = (length: bigint): bigint => (length + PAGE_MASK) & ~PAGE_MASK;

export function memoryHandlers(recorder: Recorder): Readonly<Record<string, Handler>> {
	const emit = (call: Call, steps: readonly Step[]): void => {
		const { member } = call.process;
		if (member !== undefined) recorder.steps(call, member.program, steps);
	};
	const unmapped = (call: Call, addr: bigint, length: bigint): void => {
		emit(call, call.process.member?.memory.unmapped(addr, length) ?? []);
	};
	return {
		mmap: (call) => {
			const { process, args } = call;
			const [, length, prot, flags, descriptor, offset] = args;
			const fd = Number(BigInt.asIntN(32, descriptor));
			const file = (flags & MAP_ANONYMOUS) === 0n ? process.files.get(fd) : undefined;
			return (value) => {
				if (value < 0n) return;
				const addr = BigInt.asUintN(64, value);
				unmapped(call, addr, whole(length));
				if (file === undefined) return;
				const words = `${prot & PROT_READ ? "r" : ""}${prot & PROT_WRITE ? "w" : ""}` || "none";
				const page = (at: bigint): number => Number(at >> 12n);
				const before = recorder.memberOf(process).memory.mapped(page(addr), page(whole(length)), words, file.name, page(offset));
				process.wantsMemory = true;
				recorder.steps(call, file.program, [
					...before,
					{ op: "mmap", addr: hex(addr), length: Number(length), prot: words, memfd: file.name, offset: hex(offset) },
				]);
			};
		},
		munmap: (call) => (value) => {
			if (value >= 0n) unmapped(call, call.args[0], whole(call.args[1]));
		},
		mremap: (call) => (value) => {
			if (value < 0n) return;
			const [from, old, size, flags] = call.args;
			const to = BigInt.asUintN(64, value);
			if ((flags & MREMAP_DONTUNMAP) === 0n) {
				// In place it only became shorter or longer.
				if (to !== from) unmapped(call, from, whole(old));
				else if (size < old) unmapped(call, from + whole(size), whole(old) - whole(size));
			}
			if (to !== from) unmapped(call, to, whole(size));
		},
	};
}
