/** `destroy`: objects of every kind, by ID. */
import { callCommand } from "../../call/command.js";
import type { Family } from "../../frame/command.js";

const family: Family = {
	name: "destroy",
	commands: [
		callCommand("destroy", {
			name: "",
			summary: "destroy an object by its ID",
			details: "EBUSY while another object or an open file uses it. A queue's file is closed by `fault close` or `veventq close`.",
			ioctl: "IOMMU_DESTROY",
			positional: [{ name: "ID", doc: "the object's ID", field: "id" }],
			examples: [
				["destroy 1", ""],
				["destroy 99 --expect ENOENT", ""],
			],
		}),
	],
};
export default family;
