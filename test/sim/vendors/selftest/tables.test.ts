/** The page-table types of the selftest driver: sizes, apertures, dirty pages. */
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { defines, iommu_hwpt_selftest, mock_iommupt, iommu_test_op as OP } from "../../../../structs/index.js";
import { MAX, must, PAGE, Program, rc } from "../../kernel-under-test.js";

const TYPE = defines.IOMMU_HWPT_DATA_SELFTEST;

function setup() {
	const program = new Program();
	const { dev } = program.mock(program.ioas());
	const ioas = program.ioas();
	const alloc = (pt_id: number, fields: object) => {
		const answer = program.iommu.hwptAlloc({ dev_id: dev, pt_id, data_type: TYPE, data_len: iommu_hwpt_selftest.size, ...fields });
		return answer.ret < 0 ? rc(answer) : answer.decoded.out_hwpt_id;
	};
	const data = (pagetable_type: number) => program.place(iommu_hwpt_selftest.encode({ pagetable_type }));
	return { program, dev, ioas, alloc, data };
}

describe("mock page tables", () => {
	test("of type HUGE have pages of 4096 bytes, and an aperture of 38 bits from 0", () => {
		const { program, ioas, alloc, data } = setup();
		const hwpt = alloc(ioas, { data_uptr: data(mock_iommupt.MOCK_IOMMUPT_HUGE) });
		const allowed_iovas = program.memory();
		const ranges = must(program.iommu.ioasIovaRanges({ ioas_id: ioas, num_iovas: 4, allowed_iovas }));
		expect(ranges).toMatchObject({ num_iovas: 1, out_iova_alignment: PAGE });
		const bytes = Buffer.from(program.peek(allowed_iovas, 16));
		expect([bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(8)]).toEqual([0n, (1n << 38n) - 1n]);
		const memory = program.memory(2n * PAGE);
		expect(program.map(ioas, 0x2000n, memory, 2n * PAGE)).toBe(0);
		const check = (iova: bigint, length: bigint, uptr: bigint) =>
			program.test({ op: OP.IOMMU_TEST_OP_MD_CHECK_MAP, id: hwpt, check_map: { iova, length, uptr } });
		expect([check(0x2000n, 2n * PAGE, memory), check(0x2800n, 0x800n, memory + 0x800n)]).toEqual([0, -EINVAL]);
	});

	test("take data of their own length: less and more is EINVAL, zeroes or not, and no address EFAULT", () => {
		const { ioas, alloc, data } = setup();
		const data_uptr = data(0);
		for (const data_len of [3, 9, 16, 4096]) expect(alloc(ioas, { data_uptr, data_len })).toBe(-EINVAL);
		expect(alloc(ioas, { data_uptr: 0n })).toBe(-EFAULT);
		expect(alloc(ioas, { data_uptr })).toBeGreaterThan(0);
		expect(alloc(ioas, { data_uptr: MAX })).toBe(-EFAULT);
	});

	test("in a virtual IOMMU of another type of data are EOPNOTSUPP", () => {
		const { program, dev, ioas, alloc, data } = setup();
		const viommu = program.viommu(dev, program.hwpt(dev, ioas, 1));
		for (const data_type of [1, 2]) expect(alloc(viommu, { data_type, data_len: 24, data_uptr: data(0) })).toBe(-EOPNOTSUPP);
		expect(alloc(viommu, { data_uptr: data(0), data_len: 9 })).toBe(-EINVAL);
	});
});
