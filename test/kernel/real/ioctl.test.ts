/** Tests of the ioctl call and its memory. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EBADF, EFAULT, ENOTTY } from "../../../src/kernel/errno.js";
import { program, TIOCGPTN, TIOCGWINSZ, TIOCSWINSZ, terminal } from "./support.js";

/** struct winsize: rows, columns and two more 16-bit numbers */
const size = (...numbers: number[]) => new Uint8Array(Uint16Array.from(numbers).buffer);

describe("ioctl", () => {
	it("answers ENOTTY if the file does not know the request", () => {
		const kernel = program();
		const fd = kernel.open("/dev/null");
		expect(kernel.ioctl(fd, 0x3b80, new Uint8Array(8))).toBe(-ENOTTY);
		expect(kernel.ioctl(fd, 0xffff_ffff, new Uint8Array(8))).toBe(-ENOTTY);
		expect(kernel.ioctl(fd, 0x3b80, 0n)).toBe(-ENOTTY);
	});

	it("passes bytes both ways", () => {
		const kernel = program();
		const fd = terminal(kernel);
		expect(kernel.ioctl(fd, TIOCSWINSZ, size(24, 80, 1, 2))).toBe(0);
		const got = new Uint8Array(8);
		expect(kernel.ioctl(fd, TIOCGWINSZ, got)).toBe(0);
		expect(got).toEqual(size(24, 80, 1, 2));
	});

	it("passes request numbers with the top bit set", () => {
		const kernel = program();
		const number = new Uint8Array(4).fill(0xff);
		expect(kernel.ioctl(terminal(kernel), TIOCGPTN, number)).toBe(0);
		expect(new Uint32Array(number.buffer)[0]).toBeLessThan(1 << 20);
	});

	it("passes a 64-bit address as it is", () => {
		const kernel = program();
		const fd = terminal(kernel);
		const addr = kernel.mmap({ addr: 0x3_2000_0000n, length: 4096n, prot: 3 });
		kernel.ioctl(fd, TIOCSWINSZ, size(3, 4, 5, 6));
		expect(kernel.ioctl(fd, TIOCGWINSZ, addr + 4088n)).toBe(0);
		const got = new Uint8Array(8);
		kernel.peek(addr + 4088n, got);
		expect(got).toEqual(size(3, 4, 5, 6));
		expect(kernel.ioctl(fd, TIOCGWINSZ, addr + 4089n)).toBe(-EFAULT);
		for (const bad of [0n, 8n, addr + 4096n, 1n << 63n, (1n << 64n) - 1n]) expect(kernel.ioctl(fd, TIOCGWINSZ, bad)).toBe(-EFAULT);
	});

	it("passes on new contents when the same array is used again and again", () => {
		const kernel = program();
		const fd = terminal(kernel);
		const set = new Uint8Array(8);
		const get = new Uint8Array(8);
		for (let i = 0; i < 20; i++) {
			set.set(size(i, i + 1, 0xffff - i, 0x8000));
			expect(kernel.ioctl(fd, TIOCSWINSZ, set)).toBe(0);
			expect(kernel.ioctl(fd, TIOCSWINSZ, set)).toBe(0);
			for (let again = 0; again < 3; again++) {
				get.fill(0xee);
				expect(kernel.ioctl(fd, TIOCGWINSZ, get)).toBe(0);
				expect(get).toEqual(set);
			}
		}
	});

	it("takes an array of any length and offset", () => {
		const kernel = program();
		const fd = terminal(kernel);
		fc.assert(
			fc.property(
				fc.constantFrom(8, 12, 16, 40, 255, 256, 257, 300, 4096, 65536, 65537, 300_000),
				fc.nat(9),
				fc.uint8Array({ minLength: 8, maxLength: 8 }),
				fc.integer({ min: 1, max: 3 }),
				(length, offset, numbers, times) => {
					const whole = new Uint8Array(length + offset + 5).fill(0xaa);
					const arg = whole.subarray(offset, offset + length);
					for (let i = 0; i < times; i++) {
						arg.set(numbers);
						expect(kernel.ioctl(fd, TIOCSWINSZ, arg)).toBe(0);
					}
					for (let i = 0; i < times; i++) {
						arg.fill(0x55, 0, 8);
						expect(kernel.ioctl(fd, TIOCGWINSZ, arg)).toBe(0);
					}
					expect([...arg.subarray(0, 8)]).toEqual([...numbers]);
					expect(whole.every((byte, i) => (i >= offset && i < offset + 8) || byte === 0xaa)).toBe(true);
				},
			),
			{ numRuns: 150 },
		);
	});

	it("shows the kernel zeroes after a struct that is too short, whatever was there before", () => {
		const kernel = program();
		const fd = terminal(kernel);
		const got = new Uint8Array(8);
		// Longer structs before it, and ones that the kernel writes beyond.
		for (const before of [8, 40, 256, 300, 5000, 2, 0]) {
			const earlier = new Uint8Array(before).fill(0x77);
			kernel.ioctl(fd, TIOCSWINSZ, new Uint8Array(8).fill(0x77));
			kernel.ioctl(fd, TIOCGWINSZ, earlier);
			expect(kernel.ioctl(fd, TIOCSWINSZ, size(1))).toBe(0);
			expect(kernel.ioctl(fd, TIOCGWINSZ, got)).toBe(0);
			expect(got, `after ${before} bytes`).toEqual(size(1, 0, 0, 0));
		}
	});

	it("never writes beyond the array it was given", () => {
		const kernel = program();
		const fd = terminal(kernel);
		kernel.ioctl(fd, TIOCSWINSZ, size(1, 2, 3, 4));
		const whole = new Uint8Array(64).fill(0xaa);
		for (let i = 0; i < 3; i++) expect(kernel.ioctl(fd, TIOCGWINSZ, whole.subarray(8, 12))).toBe(0);
		expect([...whole.subarray(6, 14)]).toEqual([0xaa, 0xaa, 1, 0, 2, 0, 0xaa, 0xaa]);
		expect(kernel.ioctl(fd, TIOCGWINSZ, new Uint8Array(0))).toBe(0);
	});

	it("survives an array whose memory was taken away", () => {
		const kernel = program();
		const fd = terminal(kernel);
		const arg = size(1, 2, 3, 4);
		for (let i = 0; i < 3; i++) expect(kernel.ioctl(fd, TIOCSWINSZ, arg)).toBe(0);
		structuredClone(arg, { transfer: [arg.buffer] });
		expect(arg.length).toBe(0);
		for (let i = 0; i < 3; i++) expect(kernel.ioctl(fd, TIOCSWINSZ, arg)).toBe(0);
		const got = size(9, 9, 9, 9);
		kernel.ioctl(fd, TIOCGWINSZ, got);
		expect(got).toEqual(size(0, 0, 0, 0));
	});

	it("follows an array whose length changes", () => {
		const kernel = program();
		const fd = terminal(kernel);
		// Newer than the type library that this project is checked with.
		const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize(length: number): void };
		const buffer = new Resizable(8, { maxByteLength: 64 });
		const arg = new Uint8Array(buffer);
		for (const length of [8, 8, 8, 64, 64, 64, 3, 3, 16]) {
			buffer.resize(length);
			arg.set([length]);
			expect(kernel.ioctl(fd, TIOCSWINSZ, arg)).toBe(0);
			expect(kernel.ioctl(fd, TIOCGWINSZ, arg)).toBe(0);
			expect(arg[0]).toBe(length);
		}
	});

	it("answers EBADF for a closed file, not what an earlier call answered", () => {
		const kernel = program();
		const fd = terminal(kernel);
		expect(kernel.ioctl(fd, 0x3b80, new Uint8Array(8))).toBe(-ENOTTY);
		kernel.close(fd);
		expect(kernel.ioctl(fd, 0x3b80, new Uint8Array(8))).toBe(-EBADF);
	});
});
