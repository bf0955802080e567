/** Tests the rules by which releases answer otherwise: that they are named, documented, and decide. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { EINVAL, ENOENT, ENOTTY, EOPNOTSUPP, EOVERFLOW } from "../../../src/kernel/errno.js";
import { createSim } from "../../../src/sim/index.js";
import { rules } from "../../../src/sim/uapi/rules.js";
import { answered, flags, growth, testDevices, testOps, values } from "../../../src/sim/uapi/table.js";
import {
	defines,
	ioctls,
	iommu_hwpt_alloc,
	iommu_hwpt_invalidate,
	iommu_ioas_alloc,
	iommu_ioas_map,
	iommu_test_cmd,
	iommufd_hwpt_alloc_flags,
	iommu_test_op as OP,
	RELEASES,
} from "../../../structs/index.js";

/** A program on the selftest's mock devices, on a kernel of the release. */
function program(release: string) {
	const process = createSim({ uapi: [release] }).newProcess();
	const fd = process.open("/dev/iommu");
	const call = (name: keyof typeof ioctls, bytes: Uint8Array): number => process.ioctl(fd, ioctls[name].request, bytes);
	const test = (fields: Parameters<typeof iommu_test_cmd.encode>[0]) => {
		const bytes = iommu_test_cmd.encode({ size: iommu_test_cmd.size, ...fields });
		return { ret: call("IOMMU_TEST_CMD", bytes), ...iommu_test_cmd.decode(bytes) };
	};
	const ioas = iommu_ioas_alloc.encode({ size: 12 });
	call("IOMMU_IOAS_ALLOC", ioas);
	return { process, fd, call, test, ioas: iommu_ioas_alloc.decode(ioas).out_ioas_id };
}

const names = (kernel: { takeRules(): readonly { readonly name: string }[] }): string[] => kernel.takeRules().map(({ name }) => name);

describe("every rule", () => {
	const page = readFileSync(new URL("../../../docs/releases.md", import.meta.url), "utf8");
	/** the part of the page about a release */
	const about = (release: string): string => page.split(/^## /m).find((part) => part.startsWith(`Linux ${release}\n`)) ?? "";

	test("has a release, and its line in docs/releases.md", () => {
		for (const { name, since, before } of rules) {
			expect(RELEASES, name).toContain(since);
			expect(before).not.toBe("");
			expect(about(since as string), `${name} in Linux ${since}`).toContain(`\`${name}\``);
		}
	});

	test("of the tables has its line there, too", () => {
		const rows: [string, string | undefined][] = [
			...Object.values(ioctls).flatMap(({ name, since }): [string, string | undefined][] => (since ? [[name, since]] : [])),
			...[...flags, ...values].flatMap(({ names, since }) => names.map((name): [string, string | undefined] => [name, since])),
			...growth.flatMap(({ call, sizes }) => sizes.map(([since]): [string, string] => [call, since])),
			...answered.map(({ field, since }): [string, string | undefined] => [field, since]),
			...testDevices.map(({ name, since }): [string, string] => [name, since]),
			...[...testOps].map(([op, since]): [string, string] => [Object.entries(OP).find(([, value]) => value === op)?.[0] ?? "", since]),
		];
		for (const [name, since] of rows) if (since !== undefined) expect(about(since), `${name} in Linux ${since}`).toContain(`\`${name}\``);
	});
});

describe("a kernel of another release", () => {
	test("names the rule where it answers otherwise than 7.3, once", () => {
		const old = program("6.12");
		expect(names(old.process)).toEqual([]);
		expect(old.call("IOMMU_IOAS_CHANGE_PROCESS", new Uint8Array(8).fill(8, 0, 1))).toBe(-ENOTTY);
		expect(names(old.process)).toEqual(["IOMMU_IOAS_CHANGE_PROCESS"]);
		expect(names(old.process)).toEqual([]);
		expect(old.test({ op: OP.IOMMU_TEST_OP_PASID_DETACH }).ret).toBe(-EOPNOTSUPP);
		expect(names(old.process)).toEqual(["IOMMU_TEST_OP_PASID_DETACH"]);
		const now = program("7.3");
		expect(now.call("IOMMU_IOAS_CHANGE_PROCESS", new Uint8Array(8).fill(8, 0, 1))).toBe(0);
		expect(names(now.process)).toEqual([]);
	});

	test.each([
		["6.12", -ENOENT, ["hwpt-invalidate.wrong-type"]],
		["6.13", -EINVAL, []],
	])("%s answers %i to an invalidation of an IOAS", (release, expected, noted) => {
		const { process, call, ioas } = program(release);
		const bytes = iommu_hwpt_invalidate.encode({ size: 32, hwpt_id: ioas, data_type: 0 });
		expect(call("IOMMU_HWPT_INVALIDATE", bytes)).toBe(expected);
		expect(names(process)).toEqual(noted);
	});

	test.each([
		["6.2", 2n ** 64n - 4096n, 0x2000n, 0, ["map.address-end"]],
		["6.12", 2n ** 64n - 4096n, 0x2000n, -EOVERFLOW, []],
		["6.12", 0x1000n, 2n ** 64n - 2n, -EINVAL, ["map.length-first"]],
		["6.13", 0x1000n, 2n ** 64n - 2n, -EOVERFLOW, []],
	])("%s maps %i with %i bytes: %i", (release, user_va, length, expected, noted) => {
		const { process, call, ioas } = program(release);
		const bytes = iommu_ioas_map.encode({ size: 40, flags: 7, ioas_id: ioas, user_va, length, iova: 0x100000n });
		expect(call("IOMMU_IOAS_MAP", bytes)).toBe(expected);
		expect(names(process)).toEqual(noted);
	});

	test.each([
		["6.12", 4, 0, []],
		["6.12", 8, -EINVAL, ["selftest.page-tables"]],
		["6.19", 8, 0, []],
	])("%s takes %i bytes of a mock nested table's data with %i", (release, data_len, expected, noted) => {
		const { process, call, test, ioas } = program(release);
		const { mock_domain } = test({ op: OP.IOMMU_TEST_OP_MOCK_DOMAIN, id: ioas });
		const dev_id = mock_domain?.out_idev_id ?? 0;
		const parent = iommu_hwpt_alloc.encode({ size: 48, flags: iommufd_hwpt_alloc_flags.IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id, pt_id: ioas });
		expect(call("IOMMU_HWPT_ALLOC", parent)).toBe(0);
		const addr = process.mmap({ addr: 0n, length: 0x1000n, prot: 3 });
		const pt_id = iommu_hwpt_alloc.decode(parent).out_hwpt_id;
		const data = { data_type: defines.IOMMU_HWPT_DATA_SELFTEST, data_len, data_uptr: addr };
		process.takeRules();
		expect(call("IOMMU_HWPT_ALLOC", iommu_hwpt_alloc.encode({ size: 48, dev_id, pt_id, ...data }))).toBe(expected);
		expect(names(process)).toEqual(noted);
	});

	test("that is newer than 7.3: DMABUF_GET returns the file from 7.4 on", () => {
		expect(program("7.3").test({ op: OP.IOMMU_TEST_OP_DMABUF_GET, dmabuf_get: { length: 4096 } }).ret).toBe(0);
		const next = program("7.4");
		const { ret } = next.test({ op: OP.IOMMU_TEST_OP_DMABUF_GET, dmabuf_get: { length: 4096 } });
		expect(names(next.process)).toEqual(["selftest.dmabuf-get"]);
		expect(ret).toBeGreaterThan(next.fd);
		expect(next.process.close(ret)).toBe(0);
	});
});

describe("the header of a trace", () => {
	const header = { trace: "iommufd", version: 1, uapi: "6.12" };

	test("says the release, unless --uapi does", () => {
		expect(createSim({ header }).release?.name).toBe("6.12");
		expect(createSim({ header, uapi: ["6.8"] }).release?.name).toBe("6.8");
		expect(createSim().release).toBeUndefined();
	});

	test("with a release that is not known is refused", () => {
		expect(() => createSim({ header: { ...header, uapi: "9.9" } })).toThrow(
			'uapi in the trace\'s header: "9.9" is not a release with iommufd; those are 6.2 to 6.19 and 7.0 to 7.4',
		);
	});
});
