/** Tests that the contracts of VFIO's calls and of files have every check once. */
import { expect, test } from "vitest";
import { proposalChecks } from "../../../src/sim/extensions/contract.js";
import { fileContract } from "../../../src/sim/system/contract.js";
import { noIommuChecks, vfioContract } from "../../../src/sim/vfio/contract.js";
import type { Check, Group } from "../../../src/sim/why/check.js";
import { inOrder } from "../../../src/sim/why/contract.js";

test.each(Object.entries<Group>({ ...vfioContract, ...fileContract }))("%s: a name stands for one check", (_, group) => {
	const byName = new Map<string, Check>();
	for (const { check } of inOrder(group, [noIommuChecks, proposalChecks])) {
		expect(byName.get(check.name) ?? check).toBe(check);
		byName.set(check.name, check);
	}
	expect(byName.size).toBeGreaterThan(0);
});
