/** `ioas show` in the command tree; the code is loaded when it runs. */
import type { CommandSpec } from "../../../frame/command.js";

export const showIoas: CommandSpec = {
	name: "show",
	summary: "the IOVA space of an IOAS drawn to scale",
	details: [
		"Areas, holes, reserved and allowed ranges, as bars to scale where something is, and as a list. The simulated kernel shows",
		"all of it. The real one only says what can be mapped (the rest is reserved); areas and allowed ranges are then those",
		"that were made in this script or session by iommufd's own calls.",
	].join("\n"),
	args: [{ name: "IOAS", value: { id: "ioas_id" }, doc: "the IOAS's ID" }],
	options: () => [{ flags: "--all", doc: "every range, however many there are" }],
	groups: ["kernel", "fd"],
	examples: [["ioas show 1", "in a script or a session: what is mapped where"]],
	run: async (inv) => (await import("./show.js")).show(inv),
};
