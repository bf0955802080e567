/** Tests of memory on the real kernel: mmap, munmap, peek, poke. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EEXIST, EFAULT, EINVAL, ENOMEM } from "../../../src/kernel/errno.js";
import { PROT_READ, PROT_WRITE } from "../../../src/kernel/kernel.js";
import { program } from "./support.js";

const rw = PROT_READ | PROT_WRITE;
// Above Node's own heap, which begins somewhere in the first GiB.
const at = 0x2_2000_0000n;

describe("memory", () => {
	it("is mapped exactly at the requested address, and never over something else", () => {
		const kernel = program();
		expect(kernel.mmap({ addr: at, length: 8192n, prot: rw })).toBe(at);
		expect(kernel.mmap({ addr: at + 4096n, length: 8192n, prot: rw })).toBe(BigInt(-EEXIST));
		expect(kernel.munmap(at + 4096n, 4096n)).toBe(0);
		expect(kernel.mmap({ addr: at + 4096n, length: 1n, prot: rw })).toBe(at + 4096n);
	});

	it("is zero, keeps what is poked, and loses it when unmapped", () => {
		const kernel = program();
		const addr = kernel.mmap({ addr: 0n, length: 4096n, prot: rw });
		const seen = new Uint8Array(4).fill(9);
		expect(kernel.peek(addr, seen)).toBe(0);
		expect([...seen]).toEqual([0, 0, 0, 0]);
		expect(kernel.poke(addr, Uint8Array.of(1, 2, 3, 4))).toBe(0);
		expect(kernel.peek(addr, seen)).toBe(0);
		expect([...seen]).toEqual([1, 2, 3, 4]);
		expect(kernel.munmap(addr, 4096n)).toBe(0);
		expect(kernel.peek(addr, seen)).toBe(-EFAULT);
		expect([...seen]).toEqual([1, 2, 3, 4]);
	});

	it("answers an errno to what cannot be mapped", () => {
		const kernel = program();
		expect(kernel.mmap({ addr: 0n, length: 0n, prot: rw })).toBe(BigInt(-EINVAL));
		expect(kernel.mmap({ addr: at + 1n, length: 4096n, prot: rw })).toBe(BigInt(-EINVAL));
		expect(kernel.mmap({ addr: 0n, length: 1n << 63n, prot: rw })).toBe(BigInt(-ENOMEM));
		expect(kernel.mmap({ addr: 0n, length: 1n << 50n, prot: rw })).toBe(BigInt(-ENOMEM));
		expect(kernel.mmap({ addr: 1n << 60n, length: 4096n, prot: rw })).toBe(BigInt(-ENOMEM));
	});

	it("answers EFAULT at bad addresses, and the process lives on", () => {
		const kernel = program();
		for (const addr of [0n, 1n, 0x1000n, 0x7fff_ffff_f000n, 0x8000_0000_0000n, 1n << 63n, (1n << 64n) - 1n, (1n << 64n) - 4096n]) {
			expect(kernel.peek(addr, new Uint8Array(8)), addr.toString(16)).toBe(-EFAULT);
			expect(kernel.poke(addr, new Uint8Array(8)), addr.toString(16)).toBe(-EFAULT);
		}
	});

	it("of no bytes can be copied at any address", () => {
		const kernel = program();
		expect(kernel.poke(0x1121_368b_2eab_03bbn, new Uint8Array(0))).toBe(0);
		expect(kernel.peek(0x1121_368b_2eab_03bbn, new Uint8Array(0))).toBe(0);
		kernel.mmap({ addr: at, length: 8192n, prot: 0 });
		expect(kernel.poke(at + 4096n, new Uint8Array(0))).toBe(0);
	});

	it("copies nothing if a range goes beyond what is mapped", () => {
		const kernel = program();
		kernel.mmap({ addr: at, length: 4096n, prot: rw });
		kernel.poke(at + 4090n, Uint8Array.of(1, 2, 3, 4, 5, 6));
		const seen = new Uint8Array(8).fill(9);
		expect(kernel.peek(at + 4090n, seen)).toBe(-EFAULT);
		expect([...seen]).toEqual(Array(8).fill(9));
		expect(kernel.poke(at + 4090n, seen)).toBe(-EFAULT);
		expect(kernel.peek(at + 4090n, seen.subarray(0, 6))).toBe(0);
		expect([...seen.subarray(0, 6)]).toEqual([1, 2, 3, 4, 5, 6]);
	});

	it("restores the old contents when a copy ends half-way", () => {
		const kernel = program();
		const fd = kernel.memfd("short", 4096n);
		// The second page of the mapping lies beyond the file's end.
		kernel.mmap({ addr: at, length: 8192n, prot: rw, fd });
		kernel.poke(at + 4094n, Uint8Array.of(5, 6));
		expect(kernel.poke(at + 4094n, Uint8Array.of(1, 2, 3, 4))).toBe(-EFAULT);
		const seen = new Uint8Array(2);
		expect(kernel.peek(at + 4094n, seen)).toBe(0);
		expect([...seen]).toEqual([5, 6]);
	});

	it("that the program may only read can be poked, and stays read-only", () => {
		const kernel = program();
		kernel.mmap({ addr: at, length: 8192n, prot: PROT_READ });
		expect(kernel.poke(at + 4094n, Uint8Array.of(1, 2, 3, 4))).toBe(0);
		const seen = new Uint8Array(4);
		expect(kernel.peek(at + 4094n, seen)).toBe(0);
		expect([...seen]).toEqual([1, 2, 3, 4]);
		const fd = kernel.memfd("source", 4n);
		expect(kernel.pread(fd, { addr: at, length: 4 }, 0n)).toBe(-EFAULT);
	});

	it("that may not be touched answers EFAULT", () => {
		const kernel = program();
		kernel.mmap({ addr: at, length: 4096n, prot: 0 });
		expect(kernel.peek(at, new Uint8Array(1))).toBe(-EFAULT);
		expect(kernel.poke(at, new Uint8Array(1))).toBe(-EFAULT);
	});

	it("of a file is shared with it, from an offset", () => {
		const kernel = program();
		const fd = kernel.memfd("shared", 8192n);
		const addr = kernel.mmap({ addr: 0n, length: 4096n, prot: rw, fd, offset: 4096n });
		kernel.poke(addr + 5n, Uint8Array.of(42));
		const seen = new Uint8Array(1);
		expect(kernel.pread(fd, seen, 4101n)).toBe(1);
		expect(seen[0]).toBe(42);
		expect(kernel.mmap({ addr: 0n, length: 4096n, prot: rw, fd, offset: 1n })).toBe(BigInt(-EINVAL));
	});

	it("of Node is neither unmapped nor poked", () => {
		const kernel = program();
		const heap = /^([0-9a-f]+)-([0-9a-f]+) rw-p .*\[heap\]$/m.exec(readFileSync("/proc/self/maps", "utf8"));
		expect(heap).not.toBeNull();
		const start = BigInt(`0x${heap?.[1]}`);
		const length = BigInt(`0x${heap?.[2]}`) - start;
		expect(kernel.munmap(start, length)).toBe(0);
		expect(kernel.poke(start, new Uint8Array(16))).toBe(-EFAULT);
		expect(kernel.peek(start, new Uint8Array(16))).toBe(0);
	});

	it("is unmapped by pages, and a wrong range is EINVAL", () => {
		const kernel = program();
		kernel.mmap({ addr: at, length: 3n * 4096n, prot: rw });
		expect(kernel.munmap(at + 1n, 4096n)).toBe(-EINVAL);
		expect(kernel.munmap(at, 0n)).toBe(-EINVAL);
		expect(kernel.munmap(at + 4096n, 1n)).toBe(0);
		const one = new Uint8Array(1);
		expect([0n, 4096n, 8192n].map((offset) => kernel.peek(at + offset, one))).toEqual([0, -EFAULT, 0]);
		expect(kernel.munmap(at, 1n << 40n)).toBe(0);
		expect(kernel.peek(at + 8192n, one)).toBe(-EFAULT);
	});

	it("behaves like a model of it", () => {
		const kernel = program();
		const size = 3 * 4096;
		kernel.mmap({ addr: at, length: BigInt(size), prot: rw });
		const model = new Uint8Array(size);
		const step = fc.record({
			poke: fc.boolean(),
			offset: fc.integer({ min: 0, max: size + 10 }),
			data: fc.uint8Array({ maxLength: 5000 }),
		});
		fc.assert(
			fc.property(step, ({ poke, offset, data }) => {
				const inside = data.length === 0 || offset + data.length <= size;
				const addr = at + BigInt(offset);
				if (poke) {
					expect(kernel.poke(addr, data)).toBe(inside ? 0 : -EFAULT);
					if (inside) model.set(data.subarray(0, Math.max(0, size - offset)), Math.min(offset, size));
				}
				const seen = new Uint8Array(data.length);
				expect(kernel.peek(addr, seen)).toBe(inside ? 0 : -EFAULT);
				if (inside) expect(Buffer.compare(seen, model.subarray(offset, offset + data.length))).toBe(0);
			}),
			{ numRuns: 300 },
		);
	});

	it("is copied in big pieces too", () => {
		const kernel = program();
		const length = 5 * 1024 * 1024 + 3;
		const addr = kernel.mmap({ addr: 0n, length: BigInt(length), prot: rw });
		const data = Uint8Array.from({ length }, (_, i) => i * 31);
		expect(kernel.poke(addr, data)).toBe(0);
		const seen = new Uint8Array(length);
		expect(kernel.peek(addr, seen)).toBe(0);
		expect(Buffer.compare(seen, data)).toBe(0);
	});
});
