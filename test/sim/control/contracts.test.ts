/** Tests the contract against the uAPI and the page that is made of it; test/trace/golden.test.ts compares it with recorded answers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { contractShare } from "../../../src/sim/control/contract-page.js";
import { contracts } from "../../../src/sim/control/contracts.js";
import { vendors } from "../../../src/sim/vendors/registry.js";
import { ioctls } from "../../../structs/index.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const calls = contracts(vendors);
/** /dev/iommu answers them as it does any number that it does not know: ioctl.unknown-command. */
const unknownThere = ["VFIO_IOMMU_ENABLE", "VFIO_IOMMU_DISABLE", "VFIO_IOMMU_DIRTY_PAGES"];

describe("the contract", () => {
	test("has every call of the uAPI", () => {
		const have = new Set(calls.map(({ call }) => call));
		expect(Object.keys(ioctls).filter((name) => !have.has(name))).toEqual(unknownThere);
	});

	test.each(calls.map((call) => [call.call, call] as const))(
		"%s: no two checks of the core have one name, nor two of a vendor",
		(_, { checks }) => {
			const names = checks.map(({ check, vendor = "" }) => `${check} ${vendor}`);
			expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
			for (const { rule, text, source } of checks) for (const words of [rule, text, source]) expect(words).not.toBe("");
		},
	);

	test("is witnessed to at least 97 %, and its page is as it is", () => {
		const { page, checks, witnessed } = contractShare();
		expect(witnessed / checks).toBeGreaterThanOrEqual(0.97);
		expect(readFileSync(join(root, "docs/contract.md"), "utf8")).toBe(page);
	});
});
