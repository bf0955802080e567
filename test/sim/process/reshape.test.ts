/** mprotect, madvise and mremap: on the simulated kernel as on this machine's own. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL, ENOMEM } from "../../../src/kernel/errno.js";
import {
	type Kernel,
	MADV_DONTNEED,
	MADV_POPULATE_READ,
	MADV_POPULATE_WRITE,
	PROT_READ,
	PROT_WRITE,
	type ReshapeCapable,
} from "../../../src/kernel/kernel.js";
import { createSim } from "../../../src/sim/index.js";
import { program } from "../../kernel/real/support.js";

type Reshaping = Kernel & ReshapeCapable;
const rw = PROT_READ | PROT_WRITE;
const base = 0x2_3000_0000n;
const page = 4096n;
/** Pages that the programs use, from `base`. */
const room = 12;

type Step =
	| { op: "mmap"; at: number; pages: number; prot: number }
	| { op: "munmap"; at: number; pages: number }
	| { op: "mprotect"; at: number; pages: number; prot: number; odd: boolean }
	| { op: "madvise"; at: number; pages: number; advice: number }
	| { op: "mremap"; at: number; pages: number; after: number; to: number }
	| { op: "poke"; at: number; byte: number };

const at = fc.integer({ min: 0, max: room - 1 });
const pages = fc.integer({ min: 1, max: 4 });
const prot = fc.constantFrom(0, PROT_READ, rw);
const step: fc.Arbitrary<Step> = fc.oneof(
	fc.record({ op: fc.constant("mmap" as const), at, pages, prot: fc.constantFrom(rw, rw, 0) }),
	fc.record({ op: fc.constant("munmap" as const), at, pages }),
	fc.record({ op: fc.constant("mprotect" as const), at, pages, prot, odd: fc.constantFrom(false, false, false, true) }),
	fc.record({ op: fc.constant("madvise" as const), at, pages, advice: fc.constantFrom(MADV_DONTNEED, 0, 999) }),
	fc.record({ op: fc.constant("mremap" as const), at, pages, after: pages, to: at }),
	fc.record({ op: fc.constant("poke" as const), at, byte: fc.integer({ min: 1, max: 255 }) }),
);

const place = (index: number): bigint => base + BigInt(index) * page;

/** What a step answers. */
function answer(kernel: Reshaping, one: Step): bigint {
	switch (one.op) {
		case "mmap":
			return kernel.mmap({ addr: place(one.at), length: BigInt(one.pages) * page, prot: one.prot });
		case "munmap":
			return BigInt(kernel.munmap(place(one.at), BigInt(one.pages) * page));
		case "mprotect":
			return BigInt(kernel.mprotect(place(one.at) + (one.odd ? 1n : 0n), BigInt(one.pages) * page, one.prot));
		case "madvise":
			return BigInt(kernel.madvise(place(one.at), BigInt(one.pages) * page, one.advice));
		case "mremap":
			return kernel.mremap(place(one.at), BigInt(one.pages) * page, BigInt(one.after) * page, place(one.to));
		case "poke":
			return BigInt(kernel.poke(place(one.at), Uint8Array.of(one.byte)));
	}
}

/** The first byte of every page, or that it cannot be read. */
const contents = (kernel: Kernel): (number | string)[] =>
	Array.from({ length: room + 8 }, (_, index) => {
		const byte = new Uint8Array(1);
		return kernel.peek(place(index), byte) < 0 ? "-" : byte[0];
	});

describe("memory that is changed", () => {
	test("answers and holds the same on the simulated kernel and on this machine's", () => {
		fc.assert(
			fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
				const sim = createSim().newProcess();
				const real = program() as unknown as Reshaping;
				try {
					for (const one of steps) {
						// Of several mappings, or a range with a hole, releases answer differently.
						if (one.op === "mremap" && sim.memory.pieces(Number(place(one.at) >> 12n), one.pages) === undefined) continue;
						expect(answer(sim, one), JSON.stringify(one)).toBe(answer(real, one));
						expect(contents(sim), JSON.stringify(one)).toEqual(contents(real));
					}
				} finally {
					real.exit();
				}
			}),
			{ numRuns: 150 },
		);
	});

	test("by dontneed keeps what is pinned, and gives the program new pages", () => {
		const process = createSim().newProcess();
		const addr = process.mmap({ addr: base, length: 2n * page, prot: rw });
		process.poke(addr, Uint8Array.of(7));
		const [extent] = process.memory.extents(Number(addr >> 12n), 1, true);
		expect(process.madvise(addr, page, MADV_DONTNEED)).toBe(0);
		const old = new Uint8Array(1);
		extent.object.readAt(extent.page, 0, old, 0, 1);
		const now = new Uint8Array(1);
		expect(process.peek(addr, now)).toBe(0);
		expect([old[0], now[0]]).toEqual([7, 0]);
	});

	test("by populate costs no time for each page, so a terabyte is as quick as a page", () => {
		const process = createSim().newProcess();
		const length = 1n << 40n;
		const addr = process.mmap({ addr: 1n << 44n, length, prot: rw });
		process.mmap({ addr: addr + length, length: page, prot: PROT_READ });
		const start = performance.now();
		expect(process.madvise(addr, length, MADV_POPULATE_WRITE)).toBe(0);
		expect(process.madvise(addr, length + page, MADV_POPULATE_READ)).toBe(0);
		expect(process.madvise(addr, length + page, MADV_POPULATE_WRITE)).toBe(-EFAULT);
		expect(process.madvise(addr, length + 2n * page, MADV_POPULATE_READ)).toBe(-ENOMEM);
		expect(performance.now() - start).toBeLessThan(1000);
	});

	test("of the process itself is not the program's", () => {
		const real = program() as unknown as Reshaping;
		expect(real.mprotect(0x1000n, page, 0)).toBeLessThan(0);
		expect(real.mremap(0x1000n, page, page, base)).toBe(BigInt(-EFAULT));
		expect(real.mremap(0x1001n, page, page, base)).toBe(BigInt(-EINVAL));
	});
});
