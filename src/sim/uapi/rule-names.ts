/** The names of all rules by which releases answer otherwise. */
import { ioctls, iommu_test_op } from "../../../structs/index.js";
import { rules } from "./rules.js";
import { answered, flags, testDevices, testOps, values, vfio } from "./table.js";

/** Every name that a rule of some release may have, as findings and comparisons have it. */
export function ruleNames(): ReadonlySet<string> {
	const operations = Object.entries(iommu_test_op).filter(([, op]) => testOps.has(op));
	return new Set([
		...rules.map(({ name }) => name),
		// A call is not there, or its struct is shorter.
		...Object.keys(ioctls),
		...flags.map(({ names }) => names.join(" and ")),
		...values.flatMap(({ names }) => names),
		...answered.map(({ call, field }) => `${call}.${field}`),
		...operations.map(([name]) => name),
		...testDevices.map(({ name }) => name),
		...Object.values(vfio.names),
	]);
}
