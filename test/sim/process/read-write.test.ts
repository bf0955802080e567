/** Tests reading and writing of memfds and other files. */
import { describe, expect, test } from "vitest";
import { EBADF, EFAULT, EINVAL, ESPIPE } from "../../../src/kernel/errno.js";
import { must, Program } from "../kernel-under-test.js";

const BEYOND = { addr: 0xffff_8000_0000_0000n, length: 40 };
const NOTHING = { addr: 0x10n, length: 40 };

function memfd(length = 10n) {
	const program = new Program();
	const { kernel } = program;
	const fd = kernel.memfd("test", length);
	const read = (count: number) => {
		const bytes = new Uint8Array(count);
		const done = kernel.read(fd, bytes);
		return done < 0 ? done : [...bytes.subarray(0, done)];
	};
	/** the length of the file, at most 20000 bytes */
	const size = () => kernel.pread(fd, new Uint8Array(20_000), 0n);
	return { program, kernel, fd, read, size };
}

describe("a memfd", () => {
	test("is written and read at its position, which both advance", () => {
		const { kernel, fd, read } = memfd();
		expect(kernel.write(fd, Uint8Array.of(1, 2, 3, 4))).toBe(4);
		expect(read(4)).toEqual([0, 0, 0, 0]);
		expect(read(40)).toEqual([0, 0]);
		expect(read(40)).toEqual([]);
		const start = new Uint8Array(5);
		expect(kernel.pread(fd, start, 0n)).toBe(5);
		expect([...start]).toEqual([1, 2, 3, 4, 0]);
	});

	test("is extended by a write beyond its end", () => {
		const { kernel, fd, size } = memfd();
		expect(kernel.pwrite(fd, Uint8Array.of(7, 8), 5000n)).toBe(2);
		expect(size()).toBe(5002);
		const bytes = new Uint8Array(10);
		expect(kernel.pread(fd, bytes, 4995n)).toBe(7);
		expect([...bytes.subarray(0, 7)]).toEqual([0, 0, 0, 0, 0, 7, 8]);
		expect(kernel.write(fd, new Uint8Array(20))).toBe(20);
		expect(size()).toBe(5002);
	});

	test("shows new pages in existing mappings, and to those who pin them", () => {
		const { program, kernel, fd } = memfd(0x1000n);
		const view = kernel.mmap({ addr: 0n, length: 0x2000n, prot: 3, fd });
		expect(kernel.peek(view + 0x1000n, new Uint8Array(1))).toBe(-EFAULT);
		expect(kernel.pwrite(fd, new Uint8Array(0x1000).fill(5), 0x1000n)).toBe(0x1000);
		expect([...program.peek(view + 0x1000n, 2)]).toEqual([5, 5]);
	});

	test("takes every byte that can be copied, and is extended accordingly", () => {
		const { program, kernel, fd, size } = memfd();
		const end = program.memory(0x1000n, 0x6_0000_0000n) + 0x1000n;
		expect(kernel.pwrite(fd, { addr: end - 16n, length: 64 }, 4090n)).toBe(16);
		expect(size()).toBe(4106);
		expect(kernel.pread(fd, { addr: end - 16n, length: 64 }, 0n)).toBe(16);
		expect(kernel.pwrite(fd, NOTHING, 9000n)).toBe(-EFAULT);
		expect(size()).toBe(9000);
		expect(kernel.pread(fd, NOTHING, 9000n)).toBe(0);
	});

	test("cannot have bytes whose end has no valid offset", () => {
		const { kernel, fd } = memfd();
		const last = (1n << 63n) - 1n;
		expect(kernel.pwrite(fd, new Uint8Array(8), last - 7n)).toBe(-EINVAL);
		expect(kernel.pread(fd, new Uint8Array(8), last - 7n)).toBe(-EINVAL);
		expect(kernel.pwrite(fd, new Uint8Array(0), last)).toBe(0);
	});
});

describe("read and write", () => {
	test("with a negative offset are EINVAL before the descriptor is checked", () => {
		const { kernel } = new Program();
		expect(kernel.pread(777, new Uint8Array(4), -1n)).toBe(-EINVAL);
		expect(kernel.pwrite(777, new Uint8Array(4), -1n)).toBe(-EINVAL);
		expect(kernel.pwrite(777, new Uint8Array(4), 0n)).toBe(-EBADF);
	});

	test("on /dev/iommu are EINVAL whatever the buffer is, and so are pread and pwrite", () => {
		const { kernel, fd } = new Program();
		for (const buffer of [new Uint8Array(4), BEYOND]) {
			expect([kernel.read(fd, buffer), kernel.write(fd, buffer)]).toEqual([-EINVAL, -EINVAL]);
			expect([kernel.pread(fd, buffer, 0n), kernel.pwrite(fd, buffer, 0n)]).toEqual([-EINVAL, -EINVAL]);
		}
	});

	test("on an access are EINVAL, and ESPIPE with an offset", () => {
		const program = new Program();
		const access = program.access(program.ioas());
		expect([program.kernel.read(access, BEYOND), program.kernel.write(access, new Uint8Array(4))]).toEqual([-EINVAL, -EINVAL]);
		expect([program.kernel.pread(access, BEYOND, 0n), program.kernel.pwrite(access, new Uint8Array(4), 0n)]).toEqual([-ESPIPE, -ESPIPE]);
	});

	test("with a buffer beyond user space are EFAULT before a fault queue checks the length", () => {
		const program = new Program();
		const { kernel } = program;
		const queue = must(program.iommu.faultQueueAlloc({})).out_fault_fd;
		expect(kernel.read(queue, { ...BEYOND, length: 3 })).toBe(-EFAULT);
		expect(kernel.write(queue, { ...BEYOND, length: 3 })).toBe(-EFAULT);
		expect(kernel.read(queue, { ...NOTHING, length: 3 })).toBe(-ESPIPE);
		expect(kernel.read(queue, NOTHING)).toBe(0);
		expect(kernel.pread(queue, BEYOND, 0n)).toBe(-ESPIPE);
	});
});
