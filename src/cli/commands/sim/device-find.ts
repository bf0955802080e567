/** `device find`: the file of a device that is described, whatever its number on this machine. */
import { ENODEV } from "../../../kernel/errno.js";
import { showIo } from "../../call/io-result.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import type { Outcome } from "../../frame/exit.js";
import { controlOf } from "./control.js";

async function find(inv: Invocation): Promise<Outcome> {
	const { sim } = await controlOf(inv);
	const { describedDevice, offersText } = await import("../../../sim/index.js");
	const found = describedDevice(sim, inv.args);
	const command = { command: "device find", call: "find" };
	if (found === undefined) {
		const lines = [`no device is ${inv.args.join(" and ")}: ${offersText(sim)}`];
		return await showIo(inv, { ...command, ret: -1, errno: ENODEV, lines });
	}
	const { node, name, kind, role } = found;
	return await showIo(inv, {
		...command,
		ret: 0,
		errno: 0,
		headline: `${node} is ${name}${role === undefined ? "" : ` (${role})`}${kind === undefined ? "" : `, ${kind}`}`,
		json: { node, name, kind: kind ?? null, role: role ?? null },
		value: Number(node.slice("vfio".length)),
	});
}

export const deviceFindCommand: CommandSpec = {
	name: "find",
	summary: "the number of a device's file, by what the device is",
	details:
		"The first device that all words describe. So a script runs on every machine that has such a device. Only the simulated kernel knows.",
	args: [
		{
			name: "WHAT",
			doc: "a kind of IOMMU or an extension (tegra241), a role (machine show), or a name: smmuv3 svm, siov0, 0000:00:12.0",
			variadic: true,
		},
	],
	groups: ["kernel", "expect", "quiet"],
	examples: [
		["device find smmuv3 svm", "`svm = device find smmuv3 svm`, then `device bind vfio$svm`"],
		["device find siov0", "a virtual device by its name"],
	],
	run: find,
};
