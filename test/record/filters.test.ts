/** The filters of recorded programs, run as the kernel runs them. */
import { describe, expect, it } from "vitest";
import { ARCHES, type Arch, type SyscallName } from "../../src/exec/arch.js";
import { baseFilter, fileFilter, filesFilter, memoryFilter, pollFilter } from "../../src/record/filters.js";

/** It depends on the arguments. */
const ARGUMENTS = -1;

/** What a classic BPF program returns for a call; only the instructions that filters of seccomp may have and ours do. */
function run(program: Uint8Array, arch: number, nr: number, args?: readonly number[]): number {
	const view = new DataView(program.buffer);
	const data = new DataView(new ArrayBuffer(64));
	data.setUint32(0, nr, true);
	data.setUint32(4, arch, true);
	args?.forEach((arg, i) => {
		data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, BigInt(arg)), true);
	});
	let accumulator = 0;
	for (let at = 0; at < program.length / 8; at++) {
		const code = view.getUint16(at * 8, true);
		const k = view.getUint32(at * 8 + 4, true);
		const jump = (yes: boolean): void => {
			at += view.getUint8(at * 8 + (yes ? 2 : 3));
		};
		if (code === 0x20 && k > 4 && args === undefined) return ARGUMENTS;
		if (code === 0x20) accumulator = data.getUint32(k, true);
		else if (code === 0x15) jump(accumulator === k);
		else if (code === 0x35) jump(accumulator >= k);
		else if (code === 0x45) jump((accumulator & k) !== 0);
		else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
		else if (code === 0x06) return k;
		else throw new Error(`instruction 0x${code.toString(16)}`);
	}
	throw new Error("no return");
}

const TRACE = 0x7ff00000;
const ALLOW = 0x7fff0000;

describe.each(ARCHES)("filters on $name", (arch: Arch) => {
	const on = (program: Uint8Array, name: SyscallName, ...args: number[]): boolean | undefined => {
		const nr = arch.numbers.get(name);
		if (nr === undefined) return undefined;
		const action = run(program, arch.audit, nr, args);
		expect([TRACE, ALLOW]).toContain(action);
		return action === TRACE;
	};

	it("stop requests of iommufd and VFIO, and files opened for writing", () => {
		const base = baseFilter(arch);
		expect(on(base, "ioctl", 5, 0x3b81)).toBe(true);
		expect(on(base, "ioctl", 5, 0x5401)).toBe(false);
		expect(on(base, "openat", -100, 0, 2)).toBe(true);
		expect(on(base, "openat", -100, 0, 0x80000)).toBe(false);
		expect(on(base, "open", 0, 1) ?? true).toBe(true);
		for (const name of ["read", "write", "close", "mmap", "munmap", "execve"] as const) expect(on(base, name, 3, 3, 3, 3, 3)).toBe(false);
	});

	it("stop what concerns one descriptor, and only that", () => {
		const file = fileFilter(arch, 7);
		for (const name of ["read", "write", "pread64", "writev", "close", "dup"] as const) {
			expect(on(file, name, 7)).toBe(true);
			expect(on(file, name, 8)).toBe(false);
		}
		expect([on(file, "dup3", 1, 7), on(file, "dup3", 7, 1), on(file, "dup3", 1, 2)]).toEqual([true, true, false]);
		expect([on(file, "fcntl", 7, 0), on(file, "fcntl", 7, 1030), on(file, "fcntl", 7, 3), on(file, "fcntl", 8, 0)]).toEqual([
			true,
			true,
			false,
			false,
		]);
		expect([on(file, "mmap", 0, 0, 0, 1, 7), on(file, "mmap", 0, 0, 0, 0x22, -1)]).toEqual([true, false]);
		expect(on(file, "close_range", 0, 3)).toBe(true);
	});

	it("stop what concerns any descriptor from one on, and no negative one", () => {
		const files = filesFilter(arch, 40);
		for (const name of ["read", "write", "pread64", "writev", "close", "dup"] as const)
			expect([39, 40, 41, 0x7fffffff, -1].map((fd) => on(files, name, fd))).toEqual([false, true, true, true, false]);
		expect([on(files, "dup3", 1, 40), on(files, "dup3", 40, 1), on(files, "dup3", 1, 2)]).toEqual([true, true, false]);
		expect([on(files, "fcntl", 40, 0), on(files, "fcntl", 99, 1030), on(files, "fcntl", 40, 3), on(files, "fcntl", 39, 0)]).toEqual([
			true,
			true,
			false,
			false,
		]);
		expect([on(files, "mmap", 0, 0, 0, 1, 40), on(files, "mmap", 0, 0, 0, 0x22, -1)]).toEqual([true, false]);
	});

	it("stop what may unmap memory", () => {
		const memory = memoryFilter(arch);
		expect([on(memory, "munmap"), on(memory, "mremap")]).toEqual([true, true]);
		const mmap = (flags: number) => on(memory, "mmap", 0, 0, 0, flags);
		expect([mmap(0x22), mmap(0x32), mmap(0x100032)]).toEqual([false, true, false]);
	});

	it("stop polls, which may name a file with events", () => {
		const poll = pollFilter(arch);
		expect([on(poll, "ppoll", 0, 1), on(poll, "poll", 0, 1) ?? true, on(poll, "read", 3)]).toEqual([true, true, false]);
	});

	it("decide by the number alone for all other calls, which the kernel then no longer filters", () => {
		const ours = new Set(arch.numbers.values());
		for (const program of [baseFilter(arch), fileFilter(arch, 7), filesFilter(arch, 7), memoryFilter(arch), pollFilter(arch)])
			for (let nr = 0; nr < 500; nr++) if (!ours.has(nr)) expect(run(program, arch.audit, nr)).toBe(ALLOW);
		const base = baseFilter(arch);
		for (const name of ["read", "write", "close", "fcntl", "ppoll", "mmap", "munmap"] as const)
			expect(run(base, arch.audit, arch.numbers.get(name) as number)).toBe(ALLOW);
		expect(run(base, arch.audit, arch.numbers.get("ioctl") as number)).toBe(ARGUMENTS);
	});

	it("leave another architecture's calls alone", () => {
		expect(run(baseFilter(arch), 0x40000003, 54, [5, 0x3b81])).toBe(ALLOW);
	});
});
