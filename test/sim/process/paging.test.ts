/** Seals, truncation, huge pages and userfaultfd: on the simulated kernel as on this machine's own. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EBADF, EBUSY, EFAULT, EINVAL, ENOENT, ENOMEM } from "../../../src/kernel/errno.js";
import {
	F_SEAL_WRITE,
	type Kernel,
	MADV_DONTNEED,
	type PagingCapable,
	PROT_READ,
	PROT_WRITE,
	type ReshapeCapable,
} from "../../../src/kernel/kernel.js";
import { createSim } from "../../../src/sim/index.js";
import { LocalObject, PagePool } from "../../../src/sim/memory/memory-object.js";
import { UFFD_API, userfaultCalls } from "../../../structs/index.js";
import { program } from "../../kernel/real/support.js";

type Paging = Kernel & ReshapeCapable & PagingCapable;
const rw = PROT_READ | PROT_WRITE;
const base = 0x2_4000_0000n;
const page = 4096n;
/** Pages that the programs use, from `base`. */
const room = 8;
const place = (index: number): bigint => base + BigInt(index) * page;
const at = fc.integer({ min: 0, max: room - 1 });
const pages = fc.integer({ min: 1, max: 4 });

/** Makes an ioctl of a userfaultfd. @returns the answer and the words that it left */
function uffd(kernel: Kernel, fd: number, request: number, ...words: bigint[]): { ret: number; words: bigint[] } {
	const given = BigUint64Array.from(words.map((word) => BigInt.asUintN(64, word)));
	const ret = kernel.ioctl(fd, request, new Uint8Array(given.buffer));
	return { ret, words: [...given] };
}
const { UFFDIO_API, UFFDIO_REGISTER, UFFDIO_UNREGISTER, UFFDIO_COPY, UFFDIO_ZEROPAGE } = userfaultCalls;

describe("a memory file", () => {
	type Step =
		| { op: "seal"; seals: number }
		| { op: "truncate"; bytes: number }
		| { op: "write"; offset: number; count: number }
		| { op: "mmap"; at: number; pages: number; prot: number }
		| { op: "munmap"; at: number; pages: number }
		| { op: "protect"; at: number; pages: number; prot: number };
	const bytes = fc.integer({ min: 0, max: 5 * 4096 });
	const prot = fc.constantFrom(PROT_READ, rw);
	const step: fc.Arbitrary<Step> = fc.oneof(
		fc.record({ op: fc.constant("seal" as const), seals: fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 12, 0) }),
		fc.record({ op: fc.constant("truncate" as const), bytes }),
		fc.record({ op: fc.constant("write" as const), offset: bytes, count: fc.integer({ min: 0, max: 6000 }) }),
		fc.record({ op: fc.constant("mmap" as const), at, pages, prot }),
		fc.record({ op: fc.constant("munmap" as const), at, pages }),
		fc.record({ op: fc.constant("protect" as const), at, pages, prot }),
	);
	const answer = (kernel: Paging, fd: number, one: Step): bigint => {
		switch (one.op) {
			case "seal":
				return BigInt(kernel.addSeals(fd, one.seals));
			case "truncate":
				return BigInt(kernel.truncate(fd, BigInt(one.bytes)));
			case "write":
				return BigInt(kernel.pwrite(fd, new Uint8Array(one.count).fill(7), BigInt(one.offset)));
			case "mmap":
				return kernel.mmap({ addr: place(one.at), length: BigInt(one.pages) * page, prot: one.prot, fd });
			case "munmap":
				return BigInt(kernel.munmap(place(one.at), BigInt(one.pages) * page));
			case "protect":
				return BigInt(kernel.mprotect(place(one.at), BigInt(one.pages) * page, one.prot));
		}
	};
	const contents = (kernel: Kernel, fd: number): string => {
		const all = new Uint8Array(8 * 4096);
		const count = kernel.pread(fd, all, 0n);
		return `${count} ${Buffer.from(all).toString("latin1").lastIndexOf("\u0007")}`;
	};

	test("takes seals, and answers and holds the same as this machine's", () => {
		fc.assert(
			fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
				const sim: Paging = createSim().newProcess();
				const real: Paging = program();
				try {
					const files = [sim, real].map((kernel) => kernel.memfd("paging", 2n * page));
					let growSealed = false;
					for (const one of steps) {
						const size = Number(contents(sim, files[0]).split(" ")[0]);
						// Up to the end, releases write page by page, or nothing (7.3.4).
						if (growSealed && one.op === "write" && one.offset < size && one.offset + one.count > size) continue;
						const told = answer(sim, files[0], one);
						if (one.op === "seal" && told === 0n && (one.seals & 36) !== 0) growSealed = true;
						expect(told, JSON.stringify(one)).toBe(answer(real, files[1], one));
						expect(contents(sim, files[0]), JSON.stringify(one)).toBe(contents(real, files[1]));
					}
				} finally {
					real.exit();
				}
			}),
			{ numRuns: 150 },
		);
	});

	test("is the only file with seals and a length to change", () => {
		const sim = createSim().newProcess();
		const iommu = sim.open("/dev/iommu");
		expect([sim.addSeals(iommu, 4), sim.truncate(iommu, 0n)]).toEqual([-EINVAL, -EINVAL]);
		expect([sim.addSeals(99, 4), sim.truncate(99, 0n)]).toEqual([-EBADF, -EBADF]);
		const fd = sim.memfd("plain", page);
		expect([sim.truncate(fd, -1n), sim.memfd("huge", page, 0x10000)]).toEqual([-EINVAL, -EINVAL]);
		const user = sim.userfaultfd();
		expect(uffd(sim, user, UFFDIO_API.request, UFFD_API, 0n, 0n).ret).toBe(0);
		expect(sim.ioctl(user, 0x1234, new Uint8Array(8))).toBe(-EINVAL);
		expect(sim.ioctl(user, UFFDIO_COPY.request, 0x1000n)).toBe(-EFAULT);
		const registers = new LocalObject(1, "device" as never, 0x90_0000, new PagePool());
		const at = sim.memory.map(0n, 1, registers, 0, rw);
		expect(uffd(sim, user, UFFDIO_REGISTER.request, at, page, 1n, 0n).ret).toBe(-EINVAL);
		sim.failNth(1);
		expect(sim.userfaultfd()).toBe(-ENOMEM);
	});

	test("that is pinned is not sealed against writing, until what is pinned is cut off", () => {
		const sim = createSim().newProcess();
		const fd = sim.memfd("pinned", 2n * page);
		const object = sim.file(fd)?.memory;
		object?.pins.add(1, 2, 1);
		expect(sim.addSeals(fd, F_SEAL_WRITE)).toBe(-EBUSY);
		expect(sim.truncate(fd, page)).toBe(0);
		expect(sim.addSeals(fd, F_SEAL_WRITE)).toBe(0);
	});
});

describe("a userfaultfd", () => {
	type Step =
		| { op: "register" | "unregister" | "zero" | "munmap" | "dontneed" | "other"; at: number; pages: number }
		| { op: "copy"; at: number; pages: number; odd: number }
		| { op: "poke" | "peek"; at: number };
	const ranged = fc.constantFrom(
		"register" as const,
		"unregister" as const,
		"zero" as const,
		"munmap" as const,
		"dontneed" as const,
		"other" as const,
	);
	const step: fc.Arbitrary<Step> = fc.oneof(
		fc.record({ op: ranged, at, pages }),
		fc.record({ op: fc.constant("copy" as const), at, pages, odd: fc.constantFrom(0, 0, 0, 1) }),
		fc.record({ op: fc.constantFrom("poke" as const, "peek" as const), at }),
	);
	const source = base + 0x100_0000n;
	const answer = (kernel: Paging, [fd, other]: readonly number[], one: Step): unknown => {
		const addr = place(one.at);
		const length = "pages" in one ? BigInt(one.pages) * page : page;
		switch (one.op) {
			case "register":
				return uffd(kernel, fd, UFFDIO_REGISTER.request, addr, length, 1n, 0n).ret;
			case "other":
				return uffd(kernel, other, UFFDIO_REGISTER.request, addr, length, 1n, 0n).ret;
			case "unregister":
				return uffd(kernel, fd, UFFDIO_UNREGISTER.request, addr, length).ret;
			case "zero":
				return uffd(kernel, fd, UFFDIO_ZEROPAGE.request, addr, length, 0n, 5n);
			case "copy":
				return uffd(kernel, fd, UFFDIO_COPY.request, addr + BigInt(one.odd), source, length, 0n, 5n);
			case "munmap":
				return kernel.munmap(addr, length);
			case "dontneed":
				return kernel.madvise(addr, length, MADV_DONTNEED);
			case "poke":
				return kernel.poke(addr, Uint8Array.of(9));
			case "peek": {
				const byte = new Uint8Array(1);
				return [kernel.peek(addr, byte), byte[0]];
			}
		}
	};
	const open = (kernel: Paging): number[] =>
		[0, 1].map(() => {
			const fd = kernel.userfaultfd();
			if (fd >= 0) expect(uffd(kernel, fd, UFFDIO_API.request, UFFD_API, 0n, 0n).ret).toBe(0);
			return fd;
		});
	/** A page that is touched before it is registered makes Linux keep its area apart, and pages that lie in two areas cannot be filled at once. */
	const refused = (got: unknown): boolean => (got as { ret?: number }).ret === -ENOENT;
	const setUp = (kernel: Paging): number[] => {
		kernel.mmap({ addr: base, length: BigInt(room) * page, prot: rw });
		kernel.mmap({ addr: source, length: 4n * page, prot: rw });
		// Memory that was read only would be there too, but the simulated kernel does not note reads.
		for (let index = 0; index < 4; index++) kernel.poke(source + BigInt(index) * page, Uint8Array.of(index + 1));
		return open(kernel);
	};

	test("serves pages, and answers and holds the same as this machine's", (context) => {
		const probe: Paging = program();
		context.skip(probe.userfaultfd() < 0, "this machine has no userfaultfd for this user");
		fc.assert(
			fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
				const sim = createSim().newProcess();
				const real: Paging = program();
				try {
					const files = [sim, real].map(setUp);
					for (const one of steps) {
						const before = sim.memory.find(Number(place(one.at) >> 12n));
						// Of a page that was only read, nothing is noted.
						if (one.op === "peek" && before !== undefined && before.server === undefined) continue;
						const told = answer(sim, files[0], one);
						// The real one would wait for ever.
						if (sim.waits() !== undefined) continue;
						const got = answer(real, files[1], one);
						if ("pages" in one && one.pages > 1 && refused(got) && !refused(told)) return;
						expect(told, JSON.stringify(one)).toEqual(got);
					}
				} finally {
					real.exit();
				}
			}),
			{ numRuns: 150 },
		);
	});

	test("refuses arguments as this machine's does", (context) => {
		const real: Paging = program();
		context.skip(real.userfaultfd() < 0, "this machine has no userfaultfd for this user");
		const far = 1n << 47n;
		const calls: readonly (readonly [{ readonly request: number }, ...bigint[]])[] = [
			[UFFDIO_API, UFFD_API, 0n, 0n],
			[UFFDIO_REGISTER, base, page, 0n, 0n],
			[UFFDIO_REGISTER, base, page, 1n << 20n, 0n],
			[UFFDIO_REGISTER, base + 1n, page, 1n, 0n],
			[UFFDIO_REGISTER, base, 0n, 1n, 0n],
			[UFFDIO_REGISTER, far, page, 1n, 0n],
			[UFFDIO_REGISTER, base + 0x200_0000n, page, 1n, 0n],
			[UFFDIO_UNREGISTER, far, page],
			[UFFDIO_UNREGISTER, base + 0x200_0000n, page],
			[UFFDIO_REGISTER, base, page, 1n, 0n],
			[UFFDIO_COPY, base, source, page, 1n << 20n, 5n],
			[UFFDIO_COPY, base, source, 0n, 0n, 5n],
			[UFFDIO_COPY, base, -page, 2n * page, 0n, 5n],
			[UFFDIO_COPY, base, base + 0x200_0000n, page, 0n, 5n],
			[UFFDIO_COPY, base + page, source, page, 0n, 5n],
			[UFFDIO_ZEROPAGE, base, page, 1n << 20n, 5n],
			[UFFDIO_ZEROPAGE, base + 1n, page, 0n, 5n],
			[userfaultCalls.UFFDIO_WAKE, base, page],
			[userfaultCalls.UFFDIO_WAKE, base, 0n],
			[UFFDIO_COPY, base, source + 1n, page, 0n, 5n],
		];
		const answers = (kernel: Paging): unknown[] => {
			const [fd] = setUp(kernel);
			const none = kernel.userfaultfd();
			const told: unknown[] = calls.map(([{ request }, ...words]) => uffd(kernel, fd, request, ...words).ret);
			// Before the first of all calls, and with a version or features that nobody has.
			told.push(uffd(kernel, none, UFFDIO_REGISTER.request, base, page, 1n, 0n).ret, kernel.read(none, new Uint8Array(32)));
			told.push(uffd(kernel, none, UFFDIO_API.request, 0xabn, 0n, 0n), uffd(kernel, none, UFFDIO_API.request, UFFD_API, 1n << 60n, 0n));
			const file = kernel.memfd("sealed", page);
			kernel.addSeals(file, F_SEAL_WRITE);
			const sealed = kernel.mmap({ addr: 0n, length: page, prot: PROT_READ, fd: file });
			told.push(uffd(kernel, fd, UFFDIO_REGISTER.request, sealed, page, 1n, 0n).ret);
			told.push(kernel.read(fd, new Uint8Array(10)), kernel.read(fd, new Uint8Array(32)), kernel.write(fd, new Uint8Array(8)));
			told.push(kernel.mmap({ addr: 0n, length: page, prot: PROT_READ, fd }));
			return told;
		};
		expect(answers(createSim().newProcess())).toEqual(answers(real));
	});

	const served = () => {
		const sim = createSim().newProcess();
		const [fd] = setUp(sim);
		expect(uffd(sim, fd, UFFDIO_REGISTER.request, base, BigInt(room) * page, 1n, 0n)).toMatchObject({
			ret: 0,
			words: [base, 8n * page, 1n, 0x13cn],
		});
		return { sim, fd };
	};

	test("makes accesses of missing pages wait, which the kernel tells and explains", () => {
		const { sim, fd } = served();
		expect(sim.poke(base + page + 5n, Uint8Array.of(1))).toBe(-EFAULT);
		expect(sim.waits()).toBe(base + page);
		expect(sim.why(-EFAULT)?.text).toContain("is missing until it is served");
		expect(uffd(sim, fd, UFFDIO_COPY.request, base + page, source, page, 0n, 0n)).toMatchObject({ ret: 0, words: { 4: page } });
		expect(sim.poke(base + page + 5n, Uint8Array.of(1))).toBe(0);
		expect(sim.waits()).toBeUndefined();
		expect(sim.memory.extents(Number(base >> 12n), 2, true)).toEqual([]);
		expect(sim.waits()).toBe(base);
	});

	test("serves nobody once it is closed, and never a child", () => {
		const { sim, fd } = served();
		const child = sim.fork();
		expect(child.poke(base, Uint8Array.of(1))).toBe(0);
		// Its copy of the file keeps it open.
		child.exit();
		expect(sim.poke(base, Uint8Array.of(1))).toBe(-EFAULT);
		expect(sim.close(fd)).toBe(0);
		expect(sim.poke(base, Uint8Array.of(1))).toBe(0);
	});
});

describe("huge pages", () => {
	const size = 0x20_0000;
	const huge = BigInt(size);
	// As Linux 7.3.4 answers in a machine with such pages.
	test("are mapped, cut, changed and moved as a whole", () => {
		const sim = createSim().newProcess();
		const addr = sim.mmap({ addr: 0n, length: 1n, prot: rw, pageSize: size });
		expect(addr % huge).toBe(0n);
		expect(sim.munmap(addr, page)).toBe(-EINVAL);
		expect(sim.munmap(addr + page, huge - page)).toBe(-EINVAL);
		expect(sim.mprotect(addr, page, PROT_READ)).toBe(-EINVAL);
		expect(sim.mprotect(addr, huge, rw)).toBe(0);
		expect([page, huge].map((length) => sim.madvise(addr, length, MADV_DONTNEED))).toEqual([0, 0]);
		expect(sim.madvise(addr + page, page, MADV_DONTNEED)).toBe(-EINVAL);
		expect(sim.madvise(addr, huge, 8)).toBe(-EINVAL);
		expect(sim.mremap(addr, huge, 2n * huge, 0n)).toBe(BigInt(-EINVAL));
		expect(sim.mremap(addr, page, 2n * page, 0n)).toBe(addr);
		expect(sim.mremap(addr, huge, huge, 0x4000_0000_0000n)).toBe(0x4000_0000_0000n);
		expect(sim.mmap({ addr: 0x4100_0000_1000n, length: huge, prot: rw, pageSize: size })).toBe(BigInt(-EINVAL));
		expect(sim.mmap({ addr: 0n, length: huge, prot: rw, pageSize: 0x10000 })).toBe(BigInt(-EINVAL));
		expect(sim.munmap(0x4000_0000_0000n, huge)).toBe(0);
	});

	test("of a file are whole, and written through mappings", () => {
		const sim = createSim().newProcess();
		expect(sim.memfd("huge", page, size)).toBe(-EINVAL);
		const fd = sim.memfd("huge", huge, size);
		expect(sim.truncate(fd, page)).toBe(-EINVAL);
		expect(sim.write(fd, Uint8Array.of(1))).toBe(-EINVAL);
		expect(sim.read(fd, new Uint8Array(8))).toBe(8);
		expect(sim.mmap({ addr: 0n, length: huge, prot: rw, fd, offset: page })).toBe(BigInt(-EINVAL));
		const addr = sim.mmap({ addr: 0n, length: page, prot: rw, fd });
		expect(addr % huge).toBe(0n);
		expect(sim.poke(addr + huge - 1n, Uint8Array.of(1))).toBe(0);
		expect(sim.addSeals(fd, F_SEAL_WRITE)).toBe(-EBUSY);
	});

	test("are served as a whole, and not with zeroes", () => {
		const sim = createSim().newProcess();
		const fd = sim.userfaultfd();
		uffd(sim, fd, UFFDIO_API.request, UFFD_API, 0n, 0n);
		const addr = sim.mmap({ addr: 0n, length: huge, prot: rw, pageSize: size });
		const from = sim.mmap({ addr: 0n, length: huge, prot: rw });
		expect(uffd(sim, fd, UFFDIO_REGISTER.request, addr, page, 1n, 0n).ret).toBe(-EINVAL);
		expect(uffd(sim, fd, UFFDIO_REGISTER.request, addr, huge, 1n, 0n)).toMatchObject({ ret: 0, words: { 3: 0x10cn } });
		expect(uffd(sim, fd, UFFDIO_COPY.request, addr, from, page, 0n, 0n).words[4]).toBe(BigInt.asUintN(64, BigInt(-EINVAL)));
		expect(uffd(sim, fd, UFFDIO_ZEROPAGE.request, addr, huge, 0n, 0n).ret).toBe(-EINVAL);
		expect(uffd(sim, fd, UFFDIO_COPY.request, addr, from, huge, 0n, 0n)).toMatchObject({ ret: 0, words: { 4: huge } });
		expect(sim.poke(addr + huge - 1n, Uint8Array.of(1))).toBe(0);
	});
});
