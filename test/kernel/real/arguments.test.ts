/** Every prepared call writes all of its arguments, all 64 bits of each, so that nothing of an earlier call is left. */
import { describe, expect, it, onTestFinished } from "vitest";
import { PROT_READ, PROT_WRITE } from "../../../src/kernel/kernel.js";
import { type FfiBindings, requireFfi } from "../../../src/kernel/real/ffi.js";
import { RealKernel } from "../../../src/kernel/real/real-kernel.js";
import { startSystem } from "../../../src/kernel/real/system.js";
import { program, TIOCGPTN, terminal } from "./support.js";

const POISON = 0x5a5a_5a5a;

/** The real libc, but after each call both halves of all arguments are overwritten; `left` has the arguments of the calls that followed. */
function spoiling(): { kernel: RealKernel; left: string[]; calls: () => number } {
	const left: string[] = [];
	let calls = 0;
	const { ref, bindings } = requireFfi();
	const ffi_call: FfiBindings["ffi_call"] = (cif, fn, result, pointers) => {
		calls++;
		// libffi's ffi_cif: an ABI, then the count of arguments
		const count = new Uint32Array(cif.buffer, cif.byteOffset, 2)[1];
		const words = new Uint32Array(pointers.buffer, 0, 12);
		for (let i = 0; i < 2 * count; i++) if (words[i] === POISON) left.push(`call ${calls}: word ${i} of ${2 * count}`);
		bindings.ffi_call(cif, fn, result, pointers);
		words.fill(POISON);
	};
	const kernel = new RealKernel(startSystem(() => ({ ref, bindings: Object.assign(Object.create(bindings), { ffi_call }) })));
	onTestFinished(() => kernel.exit());
	return { kernel, left, calls: () => calls };
}

describe("arguments", () => {
	it("are written whole by every call", () => {
		const { kernel, left, calls } = spoiling();
		const before = calls();
		const fd = terminal(kernel);
		const word = new Uint8Array(4);
		const memory = kernel.mmap({ addr: 0n, length: 8192n, prot: PROT_READ | PROT_WRITE });
		expect(memory).toBeGreaterThan(0n);
		expect(kernel.ioctl(fd, TIOCGPTN, word)).toBe(0);
		expect(kernel.ioctl(fd, TIOCGPTN, word)).toBe(0);
		expect(kernel.ioctl(fd, TIOCGPTN, memory)).toBe(0);
		expect(kernel.ioctl(fd, TIOCGPTN, new Uint8Array(0x20000))).toBe(0);
		expect(kernel.poll([{ fd, events: 1, revents: 0 }], 0)).toBe(0);
		const memfd = kernel.memfd("arguments", 4096n);
		expect(kernel.write(memfd, Uint8Array.of(1, 2, 3))).toBe(3);
		expect(kernel.read(memfd, word)).toBe(4);
		expect(kernel.pwrite(memfd, { addr: memory, length: 8 }, 4n)).toBe(8);
		expect(kernel.pread(memfd, word, 0n)).toBe(4);
		expect([...word]).toEqual([1, 2, 3, 0]);
		expect(kernel.poke(memory + 4094n, Uint8Array.of(1, 2, 3, 4))).toBe(0);
		expect(kernel.peek(memory + 4094n, word)).toBe(0);
		expect([...word]).toEqual([1, 2, 3, 4]);
		const shared = kernel.mmap({ addr: 0n, length: 4096n, prot: PROT_READ, fd: memfd });
		expect(kernel.poke(shared, Uint8Array.of(9))).toBe(0);
		expect(kernel.adopt(fd)).toBe(fd);
		expect(kernel.munmap(memory, 8192n)).toBe(0);
		expect(kernel.close(fd)).toBe(0);
		kernel.exit();
		expect(calls() - before).toBeGreaterThan(20);
		expect(left).toEqual([]);
	});

	it("of a call with an address do not affect the protection that writing read-only memory needs", () => {
		const kernel = program();
		const fd = terminal(kernel);
		const addr = kernel.mmap({ addr: 0n, length: 4096n, prot: PROT_READ });
		expect(kernel.ioctl(fd, TIOCGPTN, new Uint8Array(4))).toBe(0);
		expect(kernel.poke(addr, Uint8Array.of(7))).toBe(0);
		const seen = new Uint8Array(1);
		expect(kernel.peek(addr, seen)).toBe(0);
		expect(seen[0]).toBe(7);
	});
});
