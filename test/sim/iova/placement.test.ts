/** Tests where mappings go in an IOAS, and its reserved and allowed ranges. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EADDRINUSE, EBUSY, EEXIST, EFAULT, EINVAL, EMSGSIZE, ENOENT, ENOSPC, EOVERFLOW, EPERM } from "../../../src/kernel/errno.js";
import { iommu_iova_range, iommu_test_op as OP } from "../../../structs/index.js";
import { APERTURE, FIXED, MAX, must, PAGE, Program, READ, rc, WRITE } from "../kernel-under-test.js";

interface Range {
	readonly start: bigint;
	readonly last: bigint;
}

function allow(program: Program, ioas_id: number, ranges: readonly Range[]): number {
	const allowed_iovas = program.place(iommu_iova_range.encodeArray(ranges));
	return rc(program.iommu.ioasAllowIovas({ ioas_id, num_iovas: ranges.length, allowed_iovas }));
}

function ranges(program: Program, ioas_id: number, room = 8): { rc: number; count: number; ranges: Range[]; alignment: bigint } {
	const allowed_iovas = program.memory();
	const answer = program.iommu.ioasIovaRanges({ ioas_id, num_iovas: room, allowed_iovas });
	const count = answer.decoded.num_iovas;
	const bytes = program.peek(allowed_iovas, Math.min(room, count) * iommu_iova_range.size);
	return { rc: rc(answer), count, ranges: iommu_iova_range.decodeArray(bytes), alignment: answer.decoded.out_iova_alignment };
}

function reserve(program: Program, id: number, start: bigint, length: bigint): number {
	return program.test({ op: OP.IOMMU_TEST_OP_ADD_RESERVED, id, add_reserved: { start, length } });
}

describe("MAP at a fixed IOVA", () => {
	test("reports errors in this order: misaligned, wrapping, reserved, taken", () => {
		const program = new Program();
		const ioas = program.ioas();
		program.mock(ioas);
		const memory = program.memory(4n * PAGE);
		expect(program.map(ioas, 0x100_0001n, memory)).toBe(-EINVAL);
		expect(program.map(ioas, MAX - PAGE + 1n, memory, 2n * PAGE)).toBe(-EOVERFLOW);
		expect(program.map(ioas, APERTURE.start - PAGE, memory)).toBe(-EINVAL);
		expect(program.map(ioas, APERTURE.start, memory)).toBe(0);
		expect(program.map(ioas, APERTURE.start, memory)).toBe(-EEXIST);
		expect(program.map(ioas, APERTURE.start - PAGE, memory, 2n * PAGE)).toBe(-EINVAL);
	});

	test("lengths of 0 and beyond everything", () => {
		const program = new Program();
		const ioas = program.ioas();
		const memory = program.memory();
		expect(program.map(ioas, 0n, memory, 0n)).toBe(-EINVAL);
		expect(program.map(ioas, 0n, memory, MAX)).toBe(-EOVERFLOW);
		expect(program.map(ioas, 0n, MAX, PAGE)).toBe(-EOVERFLOW);
		expect(rc(program.iommu.ioasMap({ ioas_id: ioas, flags: FIXED, user_va: memory, length: PAGE }))).toBe(-EINVAL);
	});

	test("a bad address is found when pages are pinned", () => {
		const program = new Program();
		const ioas = program.ioas();
		expect(program.map(ioas, 0x100_0000n, 0x1000n)).toBe(0);
		expect(rc(program.iommu.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN, id: ioas }))).toBe(-EFAULT);
		expect(program.unmap(ioas, 0x100_0000n)).toBe(0);
		program.mock(ioas);
		expect(program.map(ioas, 0x100_0000n, 0x1000n)).toBe(-EFAULT);
	});
});

describe("MAP anywhere", () => {
	test("starts above page 0 and fills the lowest hole with the alignment of length and memory", () => {
		const program = new Program();
		const ioas = program.ioas();
		const memory = program.alignedMemory(64n * PAGE);
		expect(program.mapAnywhere(ioas, memory)).toBe(PAGE);
		expect(program.mapAnywhere(ioas, memory, 4n * PAGE)).toBe(4n * PAGE);
		expect(program.mapAnywhere(ioas, memory + PAGE, 2n * PAGE)).toBe(2n * PAGE);
		expect(program.mapAnywhere(ioas, memory, 3n * PAGE)).toBe(8n * PAGE);
		// The offset in the page is that of the user address.
		expect(program.mapAnywhere(ioas, memory + 0x10n, 16n)).toBe(11n * PAGE + 0x10n);
		expect(program.unmap(ioas, 2n * PAGE, 2n * PAGE)).toBe(0);
		expect(program.mapAnywhere(ioas, memory, 2n * PAGE)).toBe(2n * PAGE);
	});

	test("stays outside reserved ranges and inside allowed ones, and fails when there is no room", () => {
		const program = new Program();
		const ioas = program.ioas();
		const memory = program.memory(4n * PAGE);
		expect(reserve(program, ioas, 0n, 5n * PAGE)).toBe(0);
		expect(program.mapAnywhere(ioas, memory)).toBe(5n * PAGE);
		const allowed = [
			{ start: 0x10000n, last: 0x10fffn },
			{ start: 0x20000n, last: 0x21fffn },
		];
		expect(allow(program, ioas, allowed)).toBe(0);
		expect(program.mapAnywhere(ioas, memory, 2n * PAGE)).toBe(0x20000n);
		expect(program.mapAnywhere(ioas, memory)).toBe(0x10000n);
		expect(rc(program.iommu.ioasMap({ ioas_id: ioas, flags: READ, user_va: memory, length: PAGE }))).toBe(-ENOSPC);
		// At a fixed IOVA, allowed ranges do not matter.
		expect(program.map(ioas, 0x50000n, memory)).toBe(0);
		expect(allow(program, ioas, [])).toBe(0);
		expect(program.mapAnywhere(ioas, memory)).toBe(6n * PAGE);
	});

	test("may go across allowed ranges that touch", () => {
		const program = new Program();
		const ioas = program.ioas();
		const touching = [
			{ start: 6n * PAGE, last: 7n * PAGE - 1n },
			{ start: PAGE, last: 6n * PAGE - 1n },
		];
		expect(allow(program, ioas, touching)).toBe(0);
		expect(program.mapAnywhere(ioas, program.alignedMemory(3n * PAGE), 3n * PAGE)).toBe(4n * PAGE);
	});

	test("in any space: inside allowed ranges, outside reserved ones, clear of other areas, lowest", () => {
		const page = fc.bigInt(1n, 40n).map((n) => n * PAGE);
		const range = fc.tuple(page, fc.bigInt(1n, 6n)).map(([start, count]) => ({ start, last: start + count * PAGE - 1n }));
		const apart = (list: readonly Range[]) => list.every((a, i) => list.every((b, j) => i === j || a.last < b.start || b.last < a.start));
		fc.assert(
			fc.property(
				fc.array(range, { maxLength: 3 }).filter(apart),
				fc.array(range, { maxLength: 2 }),
				fc.array(fc.bigInt(1n, 5n), { maxLength: 12 }),
				(allowed, reserved, counts) => {
					const program = new Program();
					const ioas = program.ioas();
					const memory = program.alignedMemory(8n * PAGE);
					for (const { start, last } of reserved) reserve(program, ioas, start, last - start + 1n);
					const limited = allow(program, ioas, allowed) === 0 && allowed.length > 0;
					// Ranges that touch are one.
					const within = (start: bigint, last: bigint): boolean => {
						const each = allowed.find((one) => one.start <= start && one.last >= start);
						return each !== undefined && (each.last >= last || within(each.last + 1n, last));
					};
					const taken: Range[] = [];
					const fits = (start: bigint, last: bigint) =>
						(!limited || within(start, last)) && [...reserved, ...taken].every((each) => each.last < start || each.start > last);
					for (const count of counts) {
						const length = count * PAGE;
						const answer = program.iommu.ioasMap({ ioas_id: ioas, flags: READ, user_va: memory, length });
						const step = count === 1n ? 1n : count === 2n ? 2n : count <= 4n ? 4n : 8n;
						let lowest = step;
						while (lowest < 100n && !fits(lowest * PAGE, lowest * PAGE + length - 1n)) lowest += step;
						expect(rc(answer)).toBe(lowest < 100n ? 0 : -ENOSPC);
						if (answer.ret < 0) continue;
						expect(answer.decoded.iova).toBe(lowest * PAGE);
						taken.push({ start: answer.decoded.iova, last: answer.decoded.iova + length - 1n });
					}
				},
			),
			{ numRuns: 60 },
		);
	});
});

describe("UNMAP", () => {
	test("takes whole areas: one that extends beyond the range is ENOENT, and those before it are gone", () => {
		const program = new Program();
		const ioas = program.ioas();
		const memory = program.memory(4n * PAGE);
		program.map(ioas, 0x10000n, memory, PAGE);
		program.map(ioas, 0x11000n, memory, 2n * PAGE);
		expect(program.unmap(ioas, 0x10000n, 2n * PAGE)).toBe(-ENOENT);
		expect(program.map(ioas, 0x10000n, memory, PAGE)).toBe(0);
		expect(must(program.iommu.ioasUnmap({ ioas_id: ioas, iova: 0xf000n, length: 16n * PAGE })).length).toBe(3n * PAGE);
		expect(program.unmap(ioas, 0x10000n)).toBe(-ENOENT);
	});

	test("of everything always succeeds and reports the bytes", () => {
		const program = new Program();
		const ioas = program.ioas();
		const memory = program.memory();
		const all = () => must(program.iommu.ioasUnmap({ ioas_id: ioas, iova: 0n, length: MAX })).length;
		expect(all()).toBe(0n);
		for (let i = 1n; i < 100n; i++) program.map(ioas, i * 2n * PAGE, memory);
		expect(all()).toBe(99n * PAGE);
		expect(program.unmap(ioas, 0n, 0n)).toBe(-EINVAL);
		expect(program.unmap(ioas, PAGE, MAX)).toBe(-EOVERFLOW);
	});
});

describe("COPY", () => {
	test("needs a fully mapped source, and write access if it requests it", () => {
		const program = new Program();
		const ioas = program.ioas();
		const target = program.ioas();
		const memory = program.memory(4n * PAGE);
		const copy = (src_iova: bigint, length: bigint, flags: number = FIXED | READ) =>
			rc(program.iommu.ioasCopy({ src_ioas_id: ioas, dst_ioas_id: target, flags, src_iova, dst_iova: 0x40000n, length }));
		program.map(ioas, 0x10000n, memory, PAGE);
		program.map(ioas, 0x11000n, memory + PAGE, PAGE, FIXED | READ);
		expect(copy(0x10000n, 3n * PAGE)).toBe(-ENOENT);
		expect(copy(0x10000n, 2n * PAGE, FIXED | READ | WRITE)).toBe(-EPERM);
		expect(copy(0x10000n, 2n * PAGE)).toBe(0);
		expect(copy(0x10000n, PAGE)).toBe(-EEXIST);
		expect(must(program.iommu.ioasUnmap({ ioas_id: target, iova: 0n, length: MAX })).length).toBe(2n * PAGE);
	});
});

describe("reserved and allowed ranges", () => {
	test("IOVA_RANGES returns the gaps; an array that is too small is filled as far as possible", () => {
		const program = new Program();
		const ioas = program.ioas();
		expect(ranges(program, ioas)).toEqual({ rc: 0, count: 1, ranges: [{ start: 0n, last: MAX }], alignment: 1n });
		program.mock(ioas);
		expect(ranges(program, ioas)).toEqual({ rc: 0, count: 1, ranges: [APERTURE], alignment: 2048n });
		reserve(program, ioas, 0x200_0000n, PAGE);
		const gaps = [
			{ start: APERTURE.start, last: 0x1ff_ffffn },
			{ start: 0x200_1000n, last: APERTURE.last },
		];
		expect(ranges(program, ioas).ranges).toEqual(gaps);
		expect(ranges(program, ioas, 1)).toEqual({ rc: -EMSGSIZE, count: 2, ranges: gaps.slice(0, 1), alignment: 2048n });
	});

	test("a conflict is EADDRINUSE, in both directions", () => {
		const program = new Program();
		const ioas = program.ioas();
		program.map(ioas, 0x10000n, program.memory());
		expect(reserve(program, ioas, 0x10000n, PAGE)).toBe(-EADDRINUSE);
		expect(rc(program.iommu.testCmd({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN, id: ioas }))).toBe(-EADDRINUSE);
		expect(allow(program, ioas, [{ start: 0x20000n, last: 0x20fffn }])).toBe(0);
		expect(reserve(program, ioas, 0x20000n, PAGE)).toBe(-EADDRINUSE);
		expect(reserve(program, ioas, 0x30000n, PAGE)).toBe(0);
		expect(allow(program, ioas, [{ start: 0x30000n, last: 0x30fffn }])).toBe(-EADDRINUSE);
		expect(allow(program, ioas, [{ start: 5n, last: 5n }])).toBe(-EINVAL);
	});

	test("a table's ranges are removed with it", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { stdev } = program.mock(ioas);
		expect(ranges(program, ioas).ranges).toEqual([APERTURE]);
		expect(program.destroy(stdev)).toBe(0);
		expect(ranges(program, ioas).ranges).toEqual([{ start: 0n, last: MAX }]);
		expect(program.destroy(ioas)).toBe(0);
	});

	test("an IOAS in use is EBUSY", () => {
		const program = new Program();
		const ioas = program.ioas();
		program.mock(ioas);
		expect(program.destroy(ioas)).toBe(-EBUSY);
	});
});

describe("MAP_FILE", () => {
	test("maps a memory file; its length is checked when pages are pinned", () => {
		const program = new Program();
		const ioas = program.ioas();
		const fd = program.kernel.memfd("memory", 2n * PAGE);
		const map = (start: bigint, length: bigint, iova: bigint) =>
			rc(program.iommu.ioasMapFile({ ioas_id: ioas, flags: FIXED | READ, fd, start, length, iova }));
		expect(map(0n, 2n * PAGE, 0x100_0000n)).toBe(0);
		program.mock(ioas);
		expect(map(PAGE, 2n * PAGE, 0x200_0000n)).toBe(-EINVAL);
		expect(rc(program.iommu.ioasMapFile({ ioas_id: ioas, flags: FIXED | READ, fd: 99, length: PAGE, iova: 0x200_0000n }))).toBe(-9);
		const shown = program.kernel.mmap({ addr: 0n, length: 2n * PAGE, prot: 3, fd });
		expect(program.pinned(shown, 1, 2n * PAGE)).toBe(0);
		expect(rc(program.iommu.ioasChangeProcess())).toBe(0);
	});
});
