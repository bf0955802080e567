/** Tests how failing checks are noted, and explained when somebody asks. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL, ENOENT } from "../../../src/kernel/errno.js";
import { check, checks, hook } from "../../../src/sim/why/check.js";
import { inOrder } from "../../../src/sim/why/contract.js";
import { callId, Reasons } from "../../../src/sim/why/reasons.js";

const inner = checks("section 2", {
	pageFault: check(EFAULT, "page {page:x} is {state}", "the page must be mapped"),
});
const group = checks("section 1", {
	badLength: check(EINVAL, "length is {length}, not a multiple of {alignment}", "length must be aligned", { since: "6.6" }),
	inner,
	driver: hook("attach"),
	noObject: check(ENOENT, "no object has the ID {id}", "the ID must be that of an object", { source: "section 3" }),
});

describe("a check that failed", () => {
	test("answers minus its errno, and is explained with the call, the values by name, the rule and the source", () => {
		const reasons = new Reasons();
		reasons.begin("IOMMU_IOAS_MAP");
		expect(reasons.fail(group.badLength, 0x1001n, 0x1000n)).toBe(-EINVAL);
		expect(reasons.why(-EINVAL)).toEqual({
			check: "ioas-map.bad-length",
			text: "length is 0x1001, not a multiple of 0x1000",
			rule: "length must be aligned",
			values: { length: "0x1001", alignment: "0x1000" },
			source: "section 1",
		});
	});

	test("is not the reason of another errno, nor of the next call", () => {
		const reasons = new Reasons();
		reasons.begin("open");
		reasons.fail(group.noObject, 3);
		expect(reasons.why(-EINVAL)).toBeUndefined();
		expect(reasons.why(BigInt(-ENOENT))?.check).toBe("open.no-object");
		reasons.begin("open");
		expect(reasons.why(-ENOENT)).toBeUndefined();
	});

	test("can have a cause, whose errno it takes over", () => {
		const reasons = new Reasons();
		reasons.begin("read");
		const rc = reasons.fail(inner.pageFault, 5, () => "gone");
		expect(reasons.because(rc, group.noObject, 7)).toBe(-EFAULT);
		expect(reasons.why(-EFAULT)).toMatchObject({
			check: "read.no-object",
			because: { check: "read.page-fault", text: "page 0x5 is gone", source: "section 2" },
		});
	});

	test("costs no text until somebody asks", () => {
		const reasons = new Reasons();
		let asked = 0;
		reasons.fail(inner.pageFault, 1, () => `asked ${++asked}`);
		expect(asked).toBe(0);
		expect(reasons.why(-EFAULT)?.text).toBe("page 0x1 is asked 1");
	});
});

test("what is no errno is noted beside the reason, up to a bound", () => {
	const reasons = new Reasons();
	reasons.begin("IOMMU_DESTROY");
	for (let i = 0; i < 1000; i++) reasons.note(group.noObject, i);
	expect(reasons.notes()).toHaveLength(64);
	expect(reasons.notes()[1].text).toBe("no object has the ID 1");
	reasons.begin("IOMMU_DESTROY");
	expect(reasons.notes()).toEqual([]);
});

test("the checks of a group come in order, nested groups and the vendors' in their place", () => {
	const vendors = [
		{ vendor: "one", hooks: { attach: checks("spec", { busy: check(EINVAL, "busy", "not busy") }) } },
		{ vendor: "two", hooks: {} },
	];
	expect([...inOrder(group, vendors)].map(({ check, vendor }) => [check.name, vendor, check.since, check.source])).toEqual([
		["bad-length", undefined, "6.6", "section 1"],
		["page-fault", undefined, undefined, "section 2"],
		["busy", "one", undefined, "spec"],
		["no-object", undefined, undefined, "section 3"],
	]);
});

test.each([
	["IOMMU_IOAS_MAP", "ioas-map"],
	["VFIO_DEVICE_BIND_IOMMUFD", "vfio-device-bind-iommufd"],
	["read", "read"],
])("%s is %s in IDs", (call, id) => expect(callId(call)).toBe(id));

test("every number is shown as its kind wants: bigints in hex, numbers in decimal unless :x", () => {
	const both = checks("", { it: check(EINVAL, "{a} {b} {c:x}", "") });
	fc.assert(
		fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(), fc.nat(), (a, b, c) => {
			const reasons = new Reasons();
			reasons.fail(both.it, a, b, c);
			expect(reasons.why(-EINVAL)?.text).toBe(`0x${a.toString(16)} ${b} 0x${c.toString(16)}`);
		}),
	);
});
