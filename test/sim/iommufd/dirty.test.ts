/** Tests dirty tracking on mock devices. */
import { describe, expect, test } from "vitest";
import { EINVAL, ENOENT, EOPNOTSUPP, EOVERFLOW } from "../../../src/kernel/errno.js";
import {
	iommufd_hwpt_alloc_flags as HWPT,
	iommu_test_op as OP,
	iommufd_option as OPTION,
	iommufd_option_ops as OPTION_OP,
} from "../../../structs/index.js";
import { APERTURE, MAX, must, PAGE, Program, rc } from "../kernel-under-test.js";

const BASE = APERTURE.start;

/** A table that tracks dirty pages, with 64 pages mapped. */
function tracking() {
	const program = new Program();
	const ioas = program.ioas();
	// A leaf gets dirty as a whole, and its size follows from which memory is in one piece: leaves of one page.
	const small = { option_id: OPTION.IOMMU_OPTION_HUGE_PAGES, op: OPTION_OP.IOMMU_OPTION_OP_SET, object_id: ioas, val64: 0n };
	expect(rc(program.iommu.option(small))).toBe(0);
	const { dev } = program.mock(ioas);
	const hwpt = program.hwpt(dev, ioas, HWPT.IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	expect(program.map(ioas, BASE, program.memory(64n * PAGE), 64n * PAGE)).toBe(0);
	const set = (flags: number) => rc(program.iommu.hwptSetDirtyTracking({ hwpt_id: hwpt, flags }));
	const get = (fields: object) =>
		rc(
			program.iommu.hwptGetDirtyBitmap({
				hwpt_id: hwpt,
				iova: BASE,
				length: 64n * PAGE,
				page_size: PAGE,
				data: program.memory(),
				...fields,
			}),
		);
	/** The device writes to these pages. */
	const dirty = (pages: number[], iova = BASE) => {
		const bits = new Uint8Array(8);
		for (const page of pages) bits[page >> 3] |= 1 << (page & 7);
		const answer = program.iommu.testCmd({
			op: OP.IOMMU_TEST_OP_DIRTY,
			id: hwpt,
			dirty: { iova, length: 64n * PAGE, page_size: PAGE, uptr: program.place(bits) },
		});
		return answer.ret < 0 ? rc(answer) : Number(must(answer).dirty.out_nr_dirty);
	};
	/** The numbers of the bits that are set in the bitmap. */
	const bitmap = (fields: { page_size?: bigint; iova?: bigint; length?: bigint; flags?: number; data?: bigint } = {}) => {
		const data = program.memory();
		expect(get({ data, ...fields })).toBe(0);
		const bytes = program.peek(fields.data ?? data, 32);
		return Array.from({ length: 256 }, (_, i) => i).filter((i) => (bytes[i >> 3] >> (i & 7)) & 1);
	};
	return { program, ioas, dev, hwpt, set, get, dirty, bitmap };
}

describe("a dirty bitmap over a range", () => {
	test("that is not mapped at its first byte is empty, and nothing is cleared", () => {
		const { dirty, bitmap, set } = tracking();
		set(1);
		dirty([0, 3]);
		expect(bitmap({ iova: BASE - PAGE, length: 64n * PAGE })).toEqual([]);
		expect(bitmap({ iova: 0n, length: BASE + 64n * PAGE })).toEqual([]);
		expect(bitmap()).toEqual([0, 3]);
	});

	test("with a hole shows only bits before the hole, and clears only those", () => {
		const { program, ioas, dirty, bitmap, set } = tracking();
		set(1);
		expect(program.map(ioas, BASE + 64n * PAGE, program.memory())).toBe(0);
		expect(program.map(ioas, BASE + 66n * PAGE, program.memory())).toBe(0);
		dirty([1]);
		dirty([0, 2], BASE + 64n * PAGE);
		expect(bitmap({ length: 128n * PAGE })).toEqual([1, 64]);
		expect(bitmap({ length: 128n * PAGE })).toEqual([]);
		expect(bitmap({ iova: BASE + 66n * PAGE, length: PAGE })).toEqual([0]);
	});
});

describe("dirty tracking", () => {
	test("reports each page written while it was on, once", () => {
		const { set, dirty, bitmap } = tracking();
		expect(dirty([1])).toBe(-EINVAL);
		expect(set(1)).toBe(0);
		expect(dirty([1, 5, 63])).toBe(3);
		expect(bitmap({ flags: 1 })).toEqual([1, 5, 63]);
		expect(bitmap()).toEqual([1, 5, 63]);
		expect(bitmap()).toEqual([]);
	});

	test("starts over when it is turned on", () => {
		const { set, dirty, bitmap } = tracking();
		set(1);
		dirty([2]);
		expect(set(1)).toBe(0);
		expect(bitmap()).toEqual([]);
	});

	test("forgets unmapped pages", () => {
		const { program, ioas, set, dirty, bitmap } = tracking();
		set(1);
		dirty([2, 3]);
		program.unmap(ioas, BASE, 64n * PAGE);
		program.map(ioas, BASE, program.memory(64n * PAGE), 64n * PAGE);
		expect(bitmap()).toEqual([]);
	});

	test("works at other page sizes and on parts of the range", () => {
		const { set, dirty, bitmap } = tracking();
		set(1);
		dirty([0, 9, 33]);
		expect(bitmap({ flags: 1, page_size: 2048n, length: 32n * PAGE })).toEqual([0, 1, 18, 19]);
		expect(bitmap({ flags: 1, page_size: 8n * PAGE })).toEqual([0, 1, 4]);
		expect(bitmap({ iova: BASE + 32n * PAGE, length: 32n * PAGE })).toEqual([1]);
		expect(bitmap()).toEqual([0, 9]);
	});

	test("sets bits but never clears any", () => {
		const { program, set, dirty, bitmap } = tracking();
		set(1);
		dirty([3]);
		expect(bitmap({ data: program.place(new Uint8Array([0x80])) })).toEqual([3, 7]);
	});

	test("refuses requests that make no sense", () => {
		const { program, ioas, dev, set, get } = tracking();
		expect(set(2)).toBe(-EOPNOTSUPP);
		const plain = program.hwpt(dev, ioas);
		expect(rc(program.iommu.hwptSetDirtyTracking({ hwpt_id: plain, flags: 1 }))).toBe(-EOPNOTSUPP);
		expect(rc(program.iommu.hwptSetDirtyTracking({ hwpt_id: 999, flags: 1 }))).toBe(-ENOENT);
		expect(get({ flags: 2 })).toBe(-EOPNOTSUPP);
		expect(get({ hwpt_id: ioas })).toBe(-ENOENT);
		expect(get({ length: 0n })).toBe(-EINVAL);
		expect(get({ page_size: 0n })).toBe(-EINVAL);
		expect(get({ iova: MAX - PAGE + 1n, length: 2n * PAGE })).toBe(-EOVERFLOW);
		expect(get({ iova: BASE + 1n })).toBe(-EINVAL);
		expect(get({ hwpt_id: plain })).toBe(-EOPNOTSUPP);
	});
});
