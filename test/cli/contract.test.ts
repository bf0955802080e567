/** `contract`: what it shows of checks and calls. */
import { describe, expect, test } from "vitest";
import { iommuctl } from "./cli.js";

describe("contract", () => {
	test("of a call lists its checks in order, with errno, rule, source and witnesses", () => {
		const { status, stdout } = iommuctl(["contract", "destroy"]);
		expect(status).toBe(0);
		const names = [...stdout.matchAll(/^ *\d+ {2}(\S+) +([\w-]+): /gm)].map(([, errno, name]) => `${errno} ${name}`);
		expect(names.slice(0, 3)).toEqual(["EFAULT size-unreadable", "ENOTTY too-new", "EINVAL size-too-small"]);
		expect(names.slice(-2)).toEqual(["ENOENT no-object", "EBUSY in-use"]);
		expect(stdout).toMatch(/uAPI: iommu_destroy; [\d,]+ recorded answers\n$/);
	});

	test.each([["IOMMU_IOAS_MAP"], ["ioas-map"], ["ioas", "map"], ["ioas_map"]])("takes a call by any of its names: %s", (...words) => {
		expect(iommuctl(["contract", ...words]).stdout).toMatch(/^IOMMU_IOAS_MAP \(ioas-map\): \d+ checks/);
	});

	test("of a call that there is not: one line, and what was meant", () => {
		const { status, stderr } = iommuctl(["contract", "ioas", "mop"]);
		expect(status).toBe(2);
		expect(stderr).toBe('error: no call is named "ioas mop"\n  did you mean ioas-map or ioas-copy?\n');
	});

	test("of all calls in JSON is complete, and every check has a rule and a source", () => {
		const { stdout } = iommuctl(["contract", "--json"]);
		const { schema, version, calls } = JSON.parse(stdout);
		expect([schema, version]).toEqual(["iommuctl.contract", 1]);
		expect(calls.length).toBeGreaterThan(80);
		const checks = calls.flatMap((call: { checks: object[] }) => call.checks);
		for (const check of checks) {
			expect(check).toMatchObject({
				check: expect.stringMatching(/^[a-z0-9-]+\.[a-z0-9-]+$/),
				rule: expect.stringMatching(/./),
				source: expect.stringMatching(/./),
			});
		}
		const map = calls.find(({ id }: { id: string }) => id === "ioas-map").checks;
		expect(map.find(({ check }: { check: string }) => check === "ioas-map.iova-reserved")).toMatchObject({
			errno: "EINVAL",
			vendor: null,
			witnesses: { answers: expect.any(Number), test: expect.any(Boolean) },
		});
	});
});
