/** `option`: IOMMU_OPTION's get and set. */
import { iommufd_option_ops } from "../../../../structs/index.js";
import { callCommand } from "../../call/command.js";
import type { Family } from "../../frame/command.js";

const option = { name: "OPTION", doc: "RLIMIT_MODE or HUGE_PAGES", field: "option_id" };
const object = { name: "OBJECT", doc: "the object's ID; 0 is the context", field: "object_id", optional: true };

const family: Family = {
	name: "option",
	details:
		"RLIMIT_MODE (context): 0 accounts locked memory to the user, 1 to the process. HUGE_PAGES (IOAS): whether huge pages may be used.",
	commands: [
		callCommand("option", {
			name: "get",
			summary: "read an option",
			ioctl: "IOMMU_OPTION",
			positional: [option, object],
			fixed: { op: BigInt(iommufd_option_ops.IOMMU_OPTION_OP_GET) },
			newId: "val64",
			examples: [["option get HUGE_PAGES 1", "of IOAS 1"]],
		}),
		callCommand("option", {
			name: "set",
			summary: "change an option",
			ioctl: "IOMMU_OPTION",
			positional: [option, { name: "VALUE", doc: "the new value", field: "val64" }, object],
			fixed: { op: BigInt(iommufd_option_ops.IOMMU_OPTION_OP_SET) },
			examples: [
				["option set HUGE_PAGES 0 1", "IOAS 1 uses small pages only"],
				["option set RLIMIT_MODE 1", "of the context"],
			],
		}),
	],
};
export default family;
