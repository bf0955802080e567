/** Bugs planted in a simulated kernel are found, and reduced to a few steps. */
import { describe, expect, test } from "vitest";
import { signatureKey } from "../../src/fuzz/index.js";
import { EEXIST, EINVAL } from "../../src/kernel/errno.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import type { SimProcess } from "../../src/sim/index.js";
import { HwptPaging } from "../../src/sim/iommufd/hwpt.js";
import { ioctls, iommu_test_cmd, iommu_test_op } from "../../structs/index.js";
import { firstFinding, side } from "./support.js";

type Ioctl = SimProcess["ioctl"];
const planted = (make: (process: SimProcess) => Ioctl) => side("planted", (process) => wrapKernel(process, { ioctl: make(process) }));

const { IOMMU_IOAS_MAP, IOMMU_IOAS_UNMAP, IOMMU_HWPT_ALLOC, IOMMU_TEST_CMD } = ioctls;

describe("a planted bug is found from seed 1 and reduced to at most 5 steps:", () => {
	test("one errno is another one", async () => {
		const wrong = planted((process) => (fd, request, arg) => {
			const ret = process.ioctl(fd, request, arg);
			return request === IOMMU_IOAS_MAP.request && ret === -EEXIST ? -EINVAL : ret;
		});
		const { finding, programs } = await firstFinding(wrong);
		expect(finding?.signature).toEqual({
			kind: "answer",
			call: "IOMMU_IOAS_MAP",
			left: "EEXIST",
			right: "EINVAL",
			check: "ioas-map.iova-mapped",
		});
		expect(finding?.steps.length).toBeLessThanOrEqual(5);
		expect(finding?.difference?.left.why?.rule).toBe("nothing may be mapped in the range");
		expect(programs).toBeLessThan(100);
	});

	test("a reference is lost", async () => {
		// The page table that a device gets does not hold its IOAS, which can be destroyed under it.
		const lost = planted((process) => (fd, request, arg) => {
			const ret = process.ioctl(fd, request, arg);
			if (request !== IOMMU_TEST_CMD.request || ret < 0 || typeof arg === "bigint") return ret;
			const { op, mock_domain } = iommu_test_cmd.decode(arg);
			if (op !== iommu_test_op.IOMMU_TEST_OP_MOCK_DOMAIN) return ret;
			for (const { objects } of process.system.contexts)
				for (const made of objects) if (made instanceof HwptPaging && made.id === mock_domain?.out_hwpt_id) made.ioas.users--;
			return ret;
		});
		const { finding, programs } = await firstFinding(lost);
		expect(finding?.signature).toMatchObject({ call: "IOMMU_DESTROY", left: "EBUSY", right: "ok" });
		expect(finding?.steps.length).toBeLessThanOrEqual(5);
		expect(programs).toBeLessThan(400);
	});

	test("an unmap is off by one", async () => {
		const short = planted((process) => (fd, request, arg) => {
			if (request !== IOMMU_IOAS_UNMAP.request || typeof arg === "bigint" || arg.length < 24) return process.ioctl(fd, request, arg);
			const view = new DataView(arg.buffer, arg.byteOffset);
			const length = view.getBigUint64(16, true);
			view.setBigUint64(16, length - 1n, true);
			const ret = process.ioctl(fd, request, arg);
			if (ret < 0) view.setBigUint64(16, length, true);
			return ret;
		});
		const { finding, programs } = await firstFinding(short);
		expect(finding?.signature).toMatchObject({ call: "IOMMU_IOAS_UNMAP" });
		expect(finding?.steps.length).toBeLessThanOrEqual(5);
		expect(programs).toBeLessThan(100);
	});
});

test("a kernel that throws is a finding, not the end of the run", async () => {
	const throwing = planted((process) => (fd, request, arg) => {
		const ret = process.ioctl(fd, request, arg);
		if (request === IOMMU_HWPT_ALLOC.request && ret === 0) throw new TypeError("planted");
		return ret;
	});
	const { finding } = await firstFinding(throwing);
	expect(finding?.signature).toMatchObject({ call: "IOMMU_HWPT_ALLOC", left: "ok", right: "crash" });
});

test("without a bug nothing is found", async () => {
	expect(await firstFinding(side("other"), 1, 25)).toEqual({ programs: 25 });
});

test("signatures differ by what differs, and not by values", () => {
	const one = { kind: "answer", call: "IOMMU_IOAS_MAP", left: "EEXIST", right: "EINVAL" } as const;
	expect(signatureKey(one)).toBe(signatureKey({ ...one }));
	expect(signatureKey(one)).not.toBe(signatureKey({ ...one, right: "ok" }));
	expect(signatureKey(one)).not.toBe(signatureKey({ ...one, fields: ["iova"] }));
});
