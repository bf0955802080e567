/** `vdevice find`: which device a guest means. */
import { ENOENT } from "../../../kernel/errno.js";
import { showIo } from "../../call/io-result.js";
import { parseNumber } from "../../call/natural.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { hex } from "../../frame/text.js";
import { controlOf } from "./control.js";

/** From the guest's ID to the device, or back. */
async function find(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	if ((options.virtId === undefined) === (options.device === undefined))
		throw new UsageError(
			"the ID to look up is missing, or given twice",
			"--virt-id N finds the device; --device ID finds the ID that the guest knows it by",
		);
	const control = await controlOf(inv);
	const { kernel } = await inv.context.handle();
	const { findVdevice } = await import("../../../sim/index.js");
	const viommu = Number(parseNumber(args[0], "VIOMMU"));
	const wanted = {
		virtId: options.virtId === undefined ? undefined : parseNumber(options.virtId as string, "--virt-id"),
		device: options.device === undefined ? undefined : Number(parseNumber(options.device as string, "--device")),
	};
	const found = findVdevice(control.sim, kernel, await inv.context.iommu(), viommu, wanted);
	if (typeof found === "string") {
		return await showIo(inv, { command: "vdevice find", call: "find", ret: -1, errno: ENOENT, lines: [found] });
	}
	const { vdevice, device, virtId, name } = found;
	return await showIo(inv, {
		command: "vdevice find",
		call: "find",
		ret: 0,
		errno: 0,
		headline: `${hex(virtId)} in virtual IOMMU ${viommu} is device ${device} (${name}), through virtual device ${vdevice}`,
		json: { viommu, vdevice, device, name, virtId: hex(virtId) },
		value: wanted.device === undefined ? device : virtId,
		fields: { vdevice, device, virt_id: virtId },
	});
}

export const findCommand: CommandSpec = {
	name: "find",
	summary: "which device a guest means by an ID, or which ID it has for a device",
	details: "The look-up that a kernel makes for every command and event, in both directions. Only the simulated kernel shows it.",
	args: [{ name: "VIOMMU", value: { id: "viommu_id" }, doc: "the virtual IOMMU's ID" }],
	options: () => [
		{ flags: "--virt-id <n>", doc: "the guest's ID" },
		{ flags: "--device <id>", value: { id: "dev_id" }, doc: "the device's ID" },
	],
	groups: ["kernel", "fd", "expect", "quiet"],
	examples: [
		["vdevice find 6 --virt-id 0x99", "prints the device's ID"],
		["vdevice find 6 --device 4", "prints the guest's ID"],
	],
	run: find,
};
