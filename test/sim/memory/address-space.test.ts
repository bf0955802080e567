/** Tests the memory of a simulated process. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EEXIST, EFAULT, EINVAL, ENOMEM } from "../../../src/kernel/errno.js";
import { AddressSpace } from "../../../src/sim/memory/address-space.js";
import { PhysicalMemory } from "../../../src/sim/memory/physical-memory.js";
import { Reasons } from "../../../src/sim/why/reasons.js";
import { APERTURE, FIXED, Program, READ, WRITE } from "../kernel-under-test.js";

const PAGE = 0x1000n;
const PAGES = 12;

describe("a process's memory", () => {
	test("shows the latest mapping at each address; bytes stay with their memory", () => {
		const step = fc.record({
			kind: fc.constantFrom("map", "unmap", "write", "write"),
			page: fc.nat(PAGES - 1),
			count: fc.integer({ min: 1, max: 4 }),
			byte: fc.nat(255),
		});
		fc.assert(
			fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
				const physical = new PhysicalMemory();
				const memory = new AddressSpace(new Reasons());
				const model = new Map<number, number>();
				for (const { kind, page, count, byte } of steps) {
					const addr = BigInt(page) * PAGE + 0x10000n;
					const touched = Array.from({ length: count }, (_, i) => page + i);
					if (kind === "map") {
						const taken = touched.some((each) => model.has(each));
						expect(memory.map(addr, count, physical.newObject(count, "anonymous"), 0, 3)).toBe(taken ? BigInt(-EEXIST) : addr);
						if (!taken) for (const each of touched) model.set(each, 0);
					} else if (kind === "unmap") {
						expect(memory.unmap(addr, BigInt(count) * PAGE)).toBe(0);
						for (const each of touched) model.delete(each);
					} else {
						expect(memory.write(addr, new Uint8Array([byte]))).toBe(model.has(page) ? 0 : -EFAULT);
						if (model.has(page)) model.set(page, byte);
					}
				}
				for (let page = 0; page < PAGES + 4; page++) {
					const bytes = new Uint8Array(1);
					expect(memory.read(BigInt(page) * PAGE + 0x10000n, bytes)).toBe(model.has(page) ? 0 : -EFAULT);
					expect(bytes[0]).toBe(model.get(page) ?? 0);
				}
			}),
		);
	});

	test("everything before a bad page is copied", () => {
		const memory = new AddressSpace(new Reasons());
		memory.map(0x10000n, 1, new PhysicalMemory().newObject(1, "anonymous"), 0, 3);
		expect(memory.write(0x10ffen, new Uint8Array([1, 2, 3, 4]))).toBe(-EFAULT);
		const bytes = new Uint8Array(4);
		expect(memory.read(0x10ffen, bytes)).toBe(-EFAULT);
		expect([...bytes]).toEqual([1, 2, 0, 0]);
	});

	test("finds room by itself, even for a terabyte, and refuses impossible mappings", () => {
		const physical = new PhysicalMemory();
		const memory = new AddressSpace(new Reasons());
		const place = (pages: number) => memory.map(0n, pages, physical.newObject(pages, "anonymous"), 0, 3);
		const [small, large] = [place(1), place(2 ** 28)];
		expect(small).toBeGreaterThan(0n);
		expect(large).toBeGreaterThan(0n);
		expect(large + (1n << 40n) <= small || small + PAGE <= large).toBe(true);
		expect(place(2 ** 36)).toBe(BigInt(-ENOMEM));
		expect(place(0)).toBe(BigInt(-EINVAL));
		expect(memory.map(0x123n, 1, physical.newObject(1, "anonymous"), 0, 3)).toBe(BigInt(-EINVAL));
		expect(memory.unmap(0x123n, PAGE)).toBe(-EINVAL);
	});

	test("read-only memory is written only if forced", () => {
		const memory = new AddressSpace(new Reasons());
		memory.map(0x10000n, 1, new PhysicalMemory().newObject(1, "anonymous"), 0, 1);
		expect(memory.write(0x10000n, new Uint8Array([1]))).toBe(-EFAULT);
		expect(memory.write(0x10000n, new Uint8Array([1]), true)).toBe(0);
		expect(memory.extents(0x10, 1, true)).toEqual([]);
		expect(memory.extents(0x10, 2, false)).toHaveLength(1);
	});

	test("write-only memory can be read, and pinned for reading where it was used before", () => {
		const program = new Program();
		const ioas = program.ioas();
		program.mock(ioas);
		const writeOnly = () => program.kernel.mmap({ addr: 0n, length: PAGE, prot: 2 });
		const [used, fresh] = [writeOnly(), writeOnly()];
		expect(program.kernel.poke(used, Uint8Array.of(7))).toBe(0);
		expect([...program.peek(used, 1)]).toEqual([7]);
		expect(program.map(ioas, APERTURE.start, used, PAGE, FIXED | READ)).toBe(0);
		expect(program.map(ioas, APERTURE.start + PAGE, fresh, PAGE, FIXED | READ)).toBe(-EFAULT);
		expect(program.map(ioas, APERTURE.start + PAGE, fresh, PAGE, FIXED | READ | WRITE)).toBe(0);
		expect(program.map(ioas, APERTURE.start + 2n * PAGE, fresh, PAGE, FIXED | READ)).toBe(0);
	});

	test.each(["anonymous", "a file's"])("write-only memory that was pinned for writing and let go counts as used: %s", (kind) => {
		const program = new Program();
		const { kernel } = program;
		const ioas = program.ioas();
		program.mock(ioas);
		const file = kind === "anonymous" ? {} : { fd: kernel.memfd("m", 8n * PAGE) };
		const writeOnly = () => kernel.mmap({ addr: 0n, length: 4n * PAGE, prot: 2, ...file });
		const memory = writeOnly();
		const pin = (pages: bigint, flags: number) => {
			const ret = program.map(ioas, APERTURE.start, memory, pages * PAGE, FIXED | flags);
			if (ret === 0) program.unmap(ioas, APERTURE.start, pages * PAGE);
			return ret;
		};
		expect(pin(1n, READ)).toBe(-EFAULT);
		expect(pin(2n, READ | WRITE)).toBe(0);
		expect(pin(2n, READ)).toBe(0);
		expect(pin(3n, READ)).toBe(-EFAULT);
		// what was used through one mapping is not there in another, nor in a new one at the same place
		expect(program.map(ioas, APERTURE.start, writeOnly(), PAGE, FIXED | READ)).toBe(-EFAULT);
		expect(kernel.munmap(memory, 4n * PAGE)).toBe(0);
		expect(kernel.mmap({ addr: memory, length: 4n * PAGE, prot: 2, ...file })).toBe(memory);
		expect(pin(1n, READ)).toBe(-EFAULT);
	});

	test("reading makes a page of a file's write-only memory present, but not one of anonymous memory", () => {
		const program = new Program();
		const { kernel } = program;
		const ioas = program.ioas();
		program.mock(ioas);
		const fd = kernel.memfd("m", PAGE);
		const [anonymous, shared] = [{}, { fd }].map((file) => kernel.mmap({ addr: 0n, length: PAGE, prot: 2, ...file }));
		for (const memory of [anonymous, shared]) program.peek(memory, 4);
		expect(program.map(ioas, APERTURE.start, anonymous, PAGE, FIXED | READ)).toBe(-EFAULT);
		expect(program.map(ioas, APERTURE.start, shared, PAGE, FIXED | READ)).toBe(0);
		// zeroes that are written are a use
		kernel.poke(anonymous, new Uint8Array(1));
		expect(program.map(ioas, APERTURE.start + PAGE, anonymous, PAGE, FIXED | READ)).toBe(0);
	});
});
