/** Tests accesses, by the selftest's commands. */
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL, ENOENT, EOPNOTSUPP, EPERM } from "../../../src/kernel/errno.js";
import { iommu_test_op as OP, mock_access_rw as RW } from "../../../structs/index.js";
import { FIXED, must, PAGE, Program, READ, rc } from "../kernel-under-test.js";

function mapped(flags = 1) {
	const program = new Program();
	const ioas = program.ioas();
	const memory = program.memory(4n * PAGE);
	program.map(ioas, 0x10000n, memory, 4n * PAGE);
	const access = program.access(ioas, flags);
	const pin = (iova: bigint, length = PAGE, more = {}) =>
		program.iommu.testCmd({
			op: OP.IOMMU_TEST_OP_ACCESS_PAGES,
			id: access,
			access_pages: { iova, length, uptr: memory + iova - 0x10000n, ...more },
		});
	const unpin = (access_pages_id: number) =>
		program.test({ op: OP.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, id: access, destroy_access_pages: { access_pages_id } });
	const copy = (iova: bigint, length: bigint, uptr: bigint, copyFlags: number) =>
		program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id: access, access_rw: { iova, length, uptr, flags: copyFlags } });
	return { program, ioas, memory, access, pin, unpin, copy };
}

describe("an access", () => {
	test("pins each page as often as requested", () => {
		const { program, memory, pin, unpin } = mapped();
		expect(program.pinned(memory, 0, 4n * PAGE)).toBe(0);
		const first = must(pin(0x10000n, 2n * PAGE)).access_pages.out_access_pages_id;
		const second = must(pin(0x11000n)).access_pages.out_access_pages_id;
		expect(program.pinned(memory, 1, 2n * PAGE)).toBe(0);
		expect(program.pinned(memory + 2n * PAGE, 0, 2n * PAGE)).toBe(0);
		expect(unpin(first)).toBe(0);
		expect(unpin(first)).toBe(-ENOENT);
		expect([program.pinned(memory, 0), program.pinned(memory + PAGE, 1)]).toEqual([0, 0]);
		expect(unpin(second)).toBe(0);
		expect(program.pinned(memory, 0, 4n * PAGE)).toBe(0);
	});

	test("is notified of an unmap and drops its pins", () => {
		const { program, ioas, memory, pin, unpin } = mapped();
		const id = must(pin(0x10000n, 2n * PAGE)).access_pages.out_access_pages_id;
		expect(program.unmap(ioas, 0x10000n, 4n * PAGE)).toBe(0);
		expect(program.pinned(memory, 0, 4n * PAGE)).toBe(0);
		expect(unpin(id)).toBe(-ENOENT);
	});

	test("without pinning cannot pin, and needs no alignment", () => {
		const { program, ioas, pin } = mapped(0);
		expect(rc(pin(0x10000n))).toBe(-EOPNOTSUPP);
		expect(must(program.iommu.ioasIovaRanges({ ioas_id: ioas, num_iovas: 1, allowed_iovas: program.memory() })).out_iova_alignment).toBe(
			1n,
		);
	});

	test("pins nothing if it cannot pin everything", () => {
		const { program, memory, pin } = mapped();
		expect(rc(pin(0x13000n, 2n * PAGE))).toBe(-ENOENT);
		expect(rc(pin(0x10000n, 0n))).toBe(-EINVAL);
		expect(rc(pin(0x10000n, PAGE, { flags: 2 }))).toBe(-EOPNOTSUPP);
		expect(program.pinned(memory, 0, 4n * PAGE)).toBe(0);
	});

	test("needs a writable mapping to write", () => {
		const { program, ioas, memory, pin, copy } = mapped();
		program.map(ioas, 0x20000n, memory, PAGE, FIXED | READ);
		expect(rc(pin(0x20000n, PAGE, { flags: 1, uptr: 0n }))).toBe(-EPERM);
		expect(copy(0x20000n, 8n, program.memory(), RW.MOCK_ACCESS_RW_WRITE)).toBe(-EPERM);
	});

	test.each([
		["directly", 0],
		["by pages", RW.MOCK_ACCESS_RW_SLOW_PATH],
	])("copies %s, across page boundaries", (_name, path) => {
		const { program, memory, copy } = mapped();
		const bytes = new TextEncoder().encode("over the edge of a page");
		const buffer = program.place(bytes);
		expect(copy(0x10ff8n, BigInt(bytes.length), buffer, path | RW.MOCK_ACCESS_RW_WRITE)).toBe(0);
		expect(program.peek(memory + 0xff8n, bytes.length)).toEqual(bytes);
		const back = program.memory();
		expect(copy(0x10ff8n, BigInt(bytes.length), back, path)).toBe(0);
		expect(program.peek(back, bytes.length)).toEqual(bytes);
		expect(copy(0x10ff8n, 8n, 0x1000n, path)).toBe(-EFAULT);
		expect(copy(0x50000n, 8n, back, path)).toBe(-ENOENT);
	});

	test("moves to another IOAS without its pins", () => {
		const { program, memory, access, pin } = mapped();
		must(pin(0x10000n));
		const other = program.ioas();
		const replace = (ioas_id: number) =>
			program.test({ op: OP.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, id: access, access_replace_ioas: { ioas_id } });
		expect(replace(other)).toBe(0);
		expect(program.pinned(memory, 0)).toBe(0);
		expect(rc(pin(0x10000n))).toBe(-ENOENT);
		expect(replace(999)).toBe(-ENOENT);
	});

	test("is destroyed with its file", () => {
		const { program, ioas, memory, access, pin } = mapped();
		must(pin(0x10000n));
		program.kernel.close(access);
		expect(program.pinned(memory, 0)).toBe(0);
		expect(program.destroy(ioas)).toBe(0);
	});
});

describe("pins", () => {
	test("are taken once per mapping, however many tables and copies share it", () => {
		const program = new Program();
		const [ioas, other] = [program.ioas(), program.ioas()];
		const memory = program.memory(2n * PAGE);
		program.map(ioas, 0x100_0000n, memory, 2n * PAGE);
		const { stdev, dev } = program.mock(ioas);
		program.hwpt(dev, ioas);
		expect(program.pinned(memory, 1, 2n * PAGE)).toBe(0);
		const copied = { src_ioas_id: ioas, dst_ioas_id: other, flags: FIXED | READ, src_iova: 0x100_0000n, length: PAGE };
		expect(rc(program.iommu.ioasCopy({ ...copied, dst_iova: 0x200_0000n }))).toBe(0);
		const mate = program.mock(other);
		expect(program.pinned(memory, 1, 2n * PAGE)).toBe(0);
		program.destroy(stdev);
		// A second MAP of the same memory takes its own pins.
		expect(program.map(other, 0x300_0000n, memory)).toBe(0);
		expect(program.pinned(memory, 2)).toBe(0);
		program.destroy(mate.stdev);
		expect(program.pinned(memory, 1)).toBe(0);
	});
});
