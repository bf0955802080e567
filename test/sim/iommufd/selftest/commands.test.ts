/** Tests the selftest's commands, IOAS_MAP_FILE and DMA-bufs. */
import { describe, expect, test } from "vitest";
import { EBADE, EBADF, EBADFD, EFAULT, EINVAL, ENODEV, ENOENT, ENOMEM, EOPNOTSUPP, EOVERFLOW } from "../../../../src/kernel/errno.js";
import { explains } from "../../../../src/kernel/why.js";
import { mock_flags_access, iommu_test_op as OP, mock_access_rw as RW } from "../../../../structs/index.js";
import { APERTURE, MAX, must, PAGE, Program, rc } from "../../kernel-under-test.js";

const BASE = APERTURE.start;

describe("the commands of an access", () => {
	test("are EBADFD if the file is not an access or is not open", () => {
		const program = new Program();
		const memfd = program.kernel.memfd("test", PAGE);
		for (const id of [program.fd, memfd, 777, 0xffffffff]) {
			expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id, access_pages: { length: PAGE } })).toBe(-EBADFD);
			expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id, access_rw: { length: 8n } })).toBe(-EBADFD);
			expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, id })).toBe(-EBADFD);
			expect(program.test({ op: OP.IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, id })).toBe(-EBADFD);
		}
		// Checks of the numbers alone come first.
		expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id: 777, access_rw: { length: 1n << 40n } })).toBe(-ENOMEM);
		expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id: 777, access_rw: { flags: 0x80 } })).toBe(-EOPNOTSUPP);
	});

	test("ACCESS_PAGES is EBADE if other pages are at the address, EFAULT if there are none", () => {
		const program = new Program();
		const ioas = program.ioas();
		const memory = program.memory(2n * PAGE);
		program.map(ioas, 0x10000n, memory);
		const id = program.access(ioas);
		const pages = (uptr: bigint) =>
			program.test({ op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id, access_pages: { iova: 0x10000n, length: PAGE, uptr } });
		expect([pages(memory), pages(memory + PAGE), pages(0x1000n)]).toEqual([0, -EBADE, -EFAULT]);
		// The end of the last page is 2^64, which no look-up gets past.
		expect([pages(MAX - 0xfffn), pages(MAX - 0x1fffn)]).toEqual([-EOVERFLOW, -EFAULT]);
	});
});

describe("a slow copy of an access", () => {
	const SLOW = RW.MOCK_ACCESS_RW_SLOW_PATH;

	/** Two pages of threes at 0x10000, without a page table. */
	function threes() {
		const program = new Program();
		const ioas = program.ioas();
		const memory = program.place(new Uint8Array(0x2000).fill(3));
		program.map(ioas, 0x10000n, memory, 2n * PAGE);
		const id = program.access(ioas);
		const uptr = program.place(new Uint8Array(16).fill(9));
		const copy = (iova: bigint, flags: number) =>
			program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id, access_rw: { iova, length: 16n, uptr, flags: SLOW | flags } });
		return { program, memory, id, uptr, copy };
	}

	test("of several pages copies nothing where one of them is gone", () => {
		const { program, memory, copy } = threes();
		program.kernel.munmap(memory + PAGE, PAGE);
		expect(copy(0x10ff8n, RW.MOCK_ACCESS_RW_WRITE)).toBe(-EFAULT);
		expect([...program.peek(memory + 0xff8n, 8)]).toEqual(new Array(8).fill(3));
	});

	test("within one page goes to what is at the address now, of several to what is pinned", () => {
		const { program, memory, id, uptr, copy } = threes();
		const pin = { iova: 0x10000n, length: 2n * PAGE };
		expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id, access_pages: pin })).toBe(0);
		program.kernel.munmap(memory, PAGE);
		expect(copy(0x10000n, 0)).toBe(-EFAULT);
		expect(program.memory(PAGE, memory)).toBe(memory);
		expect([copy(0x10000n, 0), ...program.peek(uptr, 2)]).toEqual([0, 0, 0]);
		expect([copy(0x10ff8n, 0), ...program.peek(uptr, 2)]).toEqual([0, 3, 3]);
	});
});

describe("the other test commands", () => {
	test("MD_CHECK_MAP looks up the object first", () => {
		const program = new Program();
		const ioas = program.ioas();
		const check = (id: number, iova: bigint) => program.test({ op: OP.IOMMU_TEST_OP_MD_CHECK_MAP, id, check_map: { iova, length: 1n } });
		expect([check(99, 1n), check(ioas, 1n), check(program.mock(ioas).hwpt, 1n)]).toEqual([-ENOENT, -ENOENT, -EINVAL]);
	});

	test("MD_CHECK_MAP of the last page of all is EOVERFLOW", () => {
		const program = new Program();
		const { hwpt } = program.mock(program.ioas());
		const check = (uptr: bigint) =>
			program.test({ op: OP.IOMMU_TEST_OP_MD_CHECK_MAP, id: hwpt, check_map: { iova: BASE, length: 0x800n, uptr } });
		expect([check(MAX - 0xfffn), check(MAX - 0x1fffn)]).toEqual([-EOVERFLOW, -EFAULT]);
	});

	test("SET_TEMP_MEMORY_LIMIT is EINVAL below 12", () => {
		const program = new Program();
		const limit = (value: number) => program.test({ op: OP.IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT, memory_limit: { limit: value } });
		expect([limit(0), limit(11), limit(12), limit(65536)]).toEqual([-EINVAL, -EINVAL, 0, 0]);
	});

	test("ADD_RESERVED checks the range before the object", () => {
		const program = new Program();
		const reserve = (start: bigint, length: bigint) =>
			program.test({ op: OP.IOMMU_TEST_OP_ADD_RESERVED, id: 99, add_reserved: { start, length } });
		expect([reserve(0x1000n, 0n), reserve(MAX, 2n), reserve(MAX, 1n)]).toEqual([-EINVAL, -EOVERFLOW, -ENOENT]);
	});

	test("DIRTY counts the bits that are set, mapped or not, and checks the limit of 2^27 before the object", () => {
		const program = new Program();
		const { dev } = program.mock(program.ioas());
		const ioas = program.ioas();
		const id = program.hwpt(dev, ioas, 2);
		program.iommu.hwptSetDirtyTracking({ hwpt_id: id, flags: 1 });
		program.map(ioas, BASE, program.memory());
		const uptr = program.place(Uint8Array.of(0xff, 0xff));
		const mark = (length: bigint, page_size: bigint, of = id) =>
			program.iommu.testCmd({ op: OP.IOMMU_TEST_OP_DIRTY, id: of, dirty: { iova: BASE, length, page_size, uptr } });
		expect(must(mark(16n * PAGE, PAGE)).dirty.out_nr_dirty).toBe(16n);
		expect(rc(mark((1n << 27n) + 1n, 1n, 99))).toBe(-EOVERFLOW);
		expect(rc(mark(1n << 27n, 1n, 99))).toBe(-ENOENT);
	});
});

describe("IOAS_COPY with the test driver's SYZ flag", () => {
	const SYZ = mock_flags_access.MOCK_FLAGS_ACCESS_SYZ;

	test("counts areas and returns the address in the struct, with the flag cleared", () => {
		const program = new Program();
		const [from, to] = [program.ioas(), program.ioas()];
		program.map(from, 0x80000n, program.memory(16n * PAGE), 16n * PAGE);
		const copy = (src_iova: bigint, more = {}) =>
			program.iommu.ioasCopy({ flags: 6 | SYZ, dst_ioas_id: to, src_ioas_id: from, length: PAGE, src_iova, ...more });
		expect(must(copy(0x1000n << 32n))).toMatchObject({ flags: 6, src_iova: 0x81000n, dst_iova: 0x1000n });
		expect(rc(copy(1n))).toBe(-ENOENT);
		expect(rc(copy(0n, { src_ioas_id: 99 }))).toBe(-ENOENT);
		expect(rc(program.iommu.ioasMap({ ioas_id: from, flags: 6 | SYZ, length: PAGE, user_va: program.memory() }))).toBe(-EOPNOTSUPP);
	});
});

describe("a DMA-buf of the selftest", () => {
	/** The descriptor of a new one. Linux answers 0: the file is at the lowest free descriptor. */
	function dmabuf(program: Program, length = 0x4000) {
		const lowest = program.kernel.memfd("probe", 1n);
		program.kernel.close(lowest);
		expect(program.test({ op: OP.IOMMU_TEST_OP_DMABUF_GET, dmabuf_get: { length } })).toBe(0);
		return lowest;
	}

	test("whose number the call does not return, which a note says", () => {
		const program = new Program();
		const fd = dmabuf(program);
		if (!explains(program.kernel)) return;
		expect(program.kernel.notes().map(({ check, text }) => [check, text])).toEqual([
			["test-dmabuf-get.descriptor-not-told", `the DMA-buf is fd ${fd}, and the call returned 0`],
		]);
	});

	const revoke = (program: Program, dmabuf_fd: number, revoked: number) =>
		program.test({ op: OP.IOMMU_TEST_OP_DMABUF_REVOKE, dmabuf_revoke: { dmabuf_fd, revoked } });
	const mapFile = (program: Program, ioas_id: number, fd: number, iova: bigint, length = 0x4000n) =>
		rc(program.iommu.ioasMapFile({ flags: 7, ioas_id, fd, iova, length }));

	test("is opened at the lowest free descriptor, and DMABUF_REVOKE needs one", () => {
		const program = new Program();
		for (const length of [0, (4 << 20) + 1])
			expect(program.test({ op: OP.IOMMU_TEST_OP_DMABUF_GET, dmabuf_get: { length } })).toBe(-EINVAL);
		const fd = dmabuf(program);
		expect([revoke(program, fd, 1), revoke(program, program.fd, 1), revoke(program, 777, 1)]).toEqual([0, -EINVAL, -EBADF]);
	});

	test("can be mapped until it is revoked, and used by tables but not by accesses", () => {
		const program = new Program();
		const ioas = program.ioas();
		const fd = dmabuf(program);
		expect(mapFile(program, ioas, fd, BASE)).toBe(0);
		expect(mapFile(program, ioas, fd, BASE + 0x10000n, 0x5000n)).toBe(-EINVAL);
		expect(revoke(program, fd, 1)).toBe(0);
		expect(mapFile(program, ioas, fd, BASE + 0x10000n)).toBe(-ENODEV);
		expect(program.mock(ioas).hwpt).toBeGreaterThan(0);
		expect(revoke(program, fd, 0)).toBe(0);
		expect(mapFile(program, ioas, fd, BASE + 0x10000n)).toBe(0);
		const id = program.access(ioas);
		const rw = { iova: BASE, length: 8n, uptr: program.memory(), flags: RW.MOCK_ACCESS_RW_WRITE };
		expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id, access_rw: rw })).toBe(-EINVAL);
		expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id, access_pages: { iova: BASE, length: PAGE } })).toBe(-EINVAL);
		expect(rc(program.iommu.ioasChangeProcess({}))).toBe(-EINVAL);
		program.kernel.close(fd);
		expect(program.unmap(ioas, 0n, MAX)).toBe(0);
	});
});

describe("IOAS_MAP_FILE", () => {
	const mapFile = (program: Program, ioas_id: number, fd: number, fields = {}) =>
		rc(program.iommu.ioasMapFile({ flags: 6, ioas_id, fd, length: PAGE, ...fields }));

	test("takes any file, even the context's own, and checks it only when pinning", () => {
		const program = new Program();
		const [mine, other] = [program.ioas(), program.ioas()];
		expect(mapFile(program, mine, program.fd)).toBe(0);
		const access = program.access(mine);
		const pin = { iova: PAGE, length: PAGE };
		expect(program.test({ op: OP.IOMMU_TEST_OP_ACCESS_PAGES, id: access, access_pages: pin })).toBe(-EINVAL);
		program.mock(other);
		expect(mapFile(program, other, program.fd)).toBe(-EINVAL);
		expect(rc(program.iommu.ioasChangeProcess({}))).toBe(0);
		// Otherwise the context would never be closed.
		expect(program.unmap(mine, PAGE)).toBe(0);
	});

	test("keeps the file open: its object stays in use until it is unmapped", () => {
		const program = new Program();
		const ioas = program.ioas();
		const { out_fault_id, out_fault_fd } = must(program.iommu.faultQueueAlloc({}));
		expect(mapFile(program, ioas, out_fault_fd, { flags: 7, iova: 0x10000n })).toBe(0);
		const copy = { flags: 7, dst_ioas_id: ioas, src_ioas_id: ioas, length: PAGE, src_iova: 0x10000n, dst_iova: 0x20000n };
		expect(rc(program.iommu.ioasCopy(copy))).toBe(0);
		program.kernel.close(out_fault_fd);
		expect(program.unmap(ioas, 0x10000n)).toBe(0);
		expect(program.destroy(out_fault_id)).toBeLessThan(0);
		expect(program.unmap(ioas, 0x20000n)).toBe(0);
		expect(program.destroy(out_fault_id)).toBe(0);
	});

	test("checks the length, then the end, then the file", () => {
		const program = new Program();
		const ioas = program.ioas();
		expect(mapFile(program, ioas, 777, { length: 0n })).toBe(-EINVAL);
		expect(mapFile(program, ioas, 777, { start: MAX - 0xfffn, length: 2n * PAGE })).toBe(-EOVERFLOW);
		expect(mapFile(program, ioas, 777)).toBe(-EBADF);
		expect(mapFile(program, ioas, program.kernel.memfd("test", PAGE), { start: MAX - 0xfffn })).toBe(0);
	});

	test("beyond the file's end is EINVAL when pinned, and so is a page that the file fills only in part", () => {
		const program = new Program();
		const ioas = program.ioas();
		const fd = program.kernel.memfd("test", 5000n);
		const access = program.access(ioas);
		expect(mapFile(program, ioas, fd, { flags: 7, iova: 0x10000n, length: 2n * PAGE })).toBe(0);
		const uptr = program.memory();
		const read = (iova: bigint) => program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id: access, access_rw: { iova, length: 8n, uptr } });
		expect([read(0x10000n), read(0x11000n)]).toEqual([0, -EINVAL]);
		program.kernel.pwrite(fd, Uint8Array.of(1), 8191n);
		expect(read(0x11000n)).toBe(0);
	});
});

describe("a mapping's length", () => {
	test("when the kernel places it is checked against the alignment first", () => {
		const program = new Program();
		const ioas = program.ioas();
		program.mock(ioas);
		expect(rc(program.iommu.ioasMap({ ioas_id: ioas, flags: 6, length: (1n << 63n) + 1n, user_va: 0n }))).toBe(-EINVAL);
		expect(rc(program.iommu.ioasMap({ ioas_id: ioas, flags: 6, length: 1n << 63n, user_va: 0n }))).toBe(-EOVERFLOW);
	});

	test("is at most all memory but a page, which is seen after the file", () => {
		const program = new Program();
		const ioas = program.ioas();
		const fd = program.kernel.memfd("test", PAGE);
		const mapFile = (length: bigint, of = fd) => rc(program.iommu.ioasMapFile({ flags: 7, ioas_id: ioas, fd: of, length }));
		expect([mapFile(MAX - 0xfffn), mapFile(MAX - 1n), mapFile(MAX - 1n, 777)]).toEqual([-EINVAL, -EINVAL, -EBADF]);
		expect(program.map(ioas, 0n, 0n, MAX - 0xfffn)).toBe(-EINVAL);
		expect(program.map(ioas, 0n, 0n, MAX - 0x1fffn)).toBe(0);
	});

	test("that ends in the last page of all is EOVERFLOW when it is pinned", () => {
		const program = new Program();
		const ioas = program.ioas();
		expect(program.map(ioas, 0x10000n, MAX - 0xfffn, 0x800n)).toBe(0);
		expect(program.map(ioas, 0x20000n, MAX - 0x1fffn, 0x800n)).toBe(0);
		expect(program.map(ioas, 0x30000n, MAX - 0x1fffn, 0x1800n)).toBe(0);
		const id = program.access(ioas, 0);
		const uptr = program.memory();
		const read = (iova: bigint, length: bigint) =>
			program.test({ op: OP.IOMMU_TEST_OP_ACCESS_RW, id, access_rw: { iova, length, uptr, flags: RW.MOCK_ACCESS_RW_SLOW_PATH } });
		// A copy within one page looks that page up and pins nothing.
		expect([read(0x10000n, 8n), read(0x20000n, 8n), read(0x30ff8n, 16n)]).toEqual([-EFAULT, -EFAULT, -EOVERFLOW]);
	});
});
