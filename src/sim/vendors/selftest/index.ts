/** Registers the selftest's mock IOMMU, whose devices IOMMU_TEST_CMD makes. */
import type { Vendor } from "../vendor.js";
import * as checks from "./checks.js"; // deferred

export const selftest: Vendor = {
	kind: "selftest",
	title: "selftest",
	get checks() {
		return checks.mockChecks;
	},
	parse: (_fields, base) => base,
	file: () => ({}),
	describe: () => "selftest: mock devices are made by ioctl",
	builtin: {
		about: "no devices but the mock ones of iommufd's selftest",
		arch: "x86-64",
		iommu: { name: "mock" },
		mixed: "the selftest's",
	},
};
