/** Tests the contract against the recorded answers of real kernels, and against the page that is made of it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { contractShare } from "../../../src/sim/control/contract-page.js";
import { contracts } from "../../../src/sim/control/contracts.js";
import witnesses from "../../../src/sim/control/witnesses.json" with { type: "json" };
import { createSim } from "../../../src/sim/index.js";
import { vendors } from "../../../src/sim/vendors/registry.js";
import { answersByCheck } from "../../../src/trace/tools/witnesses.js";
import { ioctls } from "../../../structs/index.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const golden = join(root, "test/fixtures/golden");
const calls = contracts(vendors);
const known = new Set(
	calls.flatMap(({ id, checks }) => checks.map(({ check, errno }) => (errno === 0 ? `notes${check.slice(id.length)}` : check))),
);
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

	test("explains every errno that the golden traces contain, with checks that it lists, as often as is written", async () => {
		const names = readdirSync(golden, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".gz"));
		const files = names.sort().map((name) => join(golden, name));
		const answers = await answersByCheck(files, (header) => {
			const sim = createSim({ header });
			return () => sim.newProcess();
		});
		expect(answers.get("") ?? 0).toBe(0);
		expect([...answers.keys()].filter((check) => !known.has(check))).toEqual([]);
		// npm run contract writes the counts.
		expect(Object.fromEntries(answers)).toEqual(witnesses.answers);
	}, 120_000);

	test("is witnessed to at least 97 %, and its page is as it is", () => {
		const { page, checks, witnessed } = contractShare();
		expect(witnessed / checks).toBeGreaterThanOrEqual(0.97);
		expect(readFileSync(join(root, "docs/contract.md"), "utf8")).toBe(page);
	});
});
