/** `device`: VFIO devices, and what a context knows of them. */
import { readdirSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { iommu_hw_info_type } from "../../../../structs/index.js";
import { hwInfoPayloads, payloadOfType } from "../../../client/payloads.js";
import { ENODEV } from "../../../kernel/errno.js";
import type { Kernel } from "../../../kernel/kernel.js";
import { callCommand } from "../../call/command.js";
import { deviceFolder, devicePath } from "../../call/device-path.js";
import type { Draft } from "../../call/draft.js";
import { parseNumber, parseUuid } from "../../call/natural.js";
import { describeBytes, describePayload } from "../../call/payload.js";
import { type CallSpec, callSpec, type Details, type Made } from "../../call/spec.js";
import { announce } from "../../frame/announce.js";
import type { Argument, Family, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import type { KernelHandle } from "../../frame/kernel-choice.js";
import { table } from "../../frame/text.js";
import { deviceFindCommand } from "../sim/device-find.js";
import { logged, logLength } from "../sim/log-hint.js";

import { irqCommands } from "./device-irqs.js";
import { regionCommands } from "./device-regions.js";

export { devicePath } from "../../call/device-path.js";

const deviceArg: Argument = {
	name: "DEVICE",
	value: "device",
	doc: "a VFIO device: vfio0, the path of its file, or the ID that bind gave it",
};

/** VFIO_DEVICE_ATTACH_PASID and VFIO_DEVICE_DETACH_PASID */
function fillPasidFlag(draft: Draft): void {
	if (draft.given("pasid")) draft.imply("flags", 1);
}

/** The path of the device's file, by its name or by the ID that bind gave it. @throws UsageError */
function pathOf({ context, args }: Invocation): string {
	const [text] = args;
	if (!/^\d/.test(text)) return devicePath(text);
	const id = Number(parseNumber(text, "DEVICE"));
	for (const [path, bound] of context.deviceIds) if (bound === id) return path;
	throw new UsageError(`DEVICE: no device with the ID ${id} was bound here`, "name it by its file, for example vfio0");
}

const target = (inv: Invocation): Promise<number> => inv.context.deviceFile(pathOf(inv));

/** The search for devices ends after this many missing names in a row. */
const gap = 8;

function deviceNames(kernel: Kernel): string[] {
	if (kernel.kind === "real") {
		try {
			return readdirSync(deviceFolder).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
		} catch {
			return [];
		}
	}
	// A simulated kernel cannot list a folder: the names are tried one after another.
	const found: string[] = [];
	for (let at = 0, missed = 0; missed < gap; at++) {
		const fd = kernel.open(`${deviceFolder}/vfio${at}`);
		if (fd >= 0) kernel.close(fd);
		missed = fd >= 0 || fd === -ENODEV ? 0 : missed + 1;
		if (missed === 0) found.push(`vfio${at}`);
	}
	return found;
}

/** The device's name on its bus: 0000:00:10.0, or a virtual device's name. null if it is not known. */
function busName({ kernel, sim }: KernelHandle, name: string): string | null {
	if (kernel.kind === "sim") return sim?.vfio?.devices.get(name)?.name ?? null;
	try {
		return basename(readlinkSync(`/sys/class/vfio-dev/${name}/device`));
	} catch {
		return null;
	}
}

async function list(inv: Invocation): Promise<Outcome> {
	await announce(inv);
	const handle = await inv.context.handle();
	const { kernel, which } = handle;
	const devices = deviceNames(kernel).map((name) => {
		const path = devicePath(name);
		return { name, path, device: busName(handle, name), id: inv.context.deviceIds.get(path) ?? null };
	});
	if (inv.common.json) {
		inv.io.stdout.write(
			`${JSON.stringify({ schema: "iommuctl.devices", version: 1, kernel: kernel.kind, kernelDetail: which, devices })}\n`,
		);
		return done;
	}
	const rows = devices.map(({ name, device, id }) => [name, device ?? "", id === null ? "" : `bound, ID ${id}`]);
	for (const line of table(rows)) {
		const at = line.indexOf(" ");
		inv.io.stdout.write(`${inv.out.name(line.slice(0, at))}${line.slice(at).trimEnd()}\n`);
	}
	if (devices.length === 0)
		inv.io.stderr.write(`no VFIO device in ${deviceFolder}; to make a mock device: iommuctl selftest mock-domain\n`);
	return done;
}

/** Room for the hardware's own data (bytes). */
const infoRoom = 64;

function infoFetched({ draft, answer }: Made): Details | undefined {
	if (answer.errno !== 0) return undefined;
	const type = draft.read(answer.after, "out_data_type");
	const told = Number(draft.read(answer.after, "data_len"));
	const length = Math.min(told, Number(draft.read(answer.before, "data_len")));
	if (length === 0 || length > 1 << 16) return undefined;
	const bytes = draft.placer.fetch(draft.read(answer.after, "data_uptr"), length);
	if (!bytes) return undefined;
	const payload = payloadOfType(hwInfoPayloads, Number(type));
	return payload && Number(type) !== iommu_hw_info_type.IOMMU_HW_INFO_TYPE_NONE
		? describePayload(payload, bytes)
		: describeBytes(bytes, type);
}

const specs: readonly CallSpec[] = [
	callSpec({
		name: "bind",
		summary: "put a VFIO device into the context",
		details: "The device's file stays open for the rest of a script; closing it (device close) takes the device out again.",
		ioctl: "VFIO_DEVICE_BIND_IOMMUFD",
		args: [deviceArg],
		target,
		extra: () => [{ flags: "--token <uuid>", doc: "the token of a virtual function; sets the flag" }],
		async prepare(draft) {
			if (!draft.given("iommufd")) draft.fill("iommufd", draft.dry ? 3n : BigInt(await draft.inv.context.iommu()));
			const token = draft.inv.options.token as string | undefined;
			if (token !== undefined) {
				draft.imply("flags", 1);
				draft.fill("token_uuid_ptr", draft.placer.place(parseUuid(token, "--token")));
			}
			return await logLength(draft);
		},
		after(made) {
			const { inv, draft, answer } = made;
			if (answer.errno !== 0) return logged(made, made.prepared);
			inv.context.deviceIds.set(pathOf(inv), Number(draft.read(answer.after, "out_devid")));
			return undefined;
		},
		examples: [["device bind vfio0", "prints the device's ID in the context"]],
	}),
	{
		name: "attach",
		summary: "attach a VFIO device to an IOAS or page table, or move it there",
		ioctl: "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
		args: [deviceArg],
		positional: [{ name: "PT", doc: "an IOAS or a page table", field: "pt_id" }],
		newId: "pt_id",
		target,
		prepare: fillPasidFlag,
		examples: [
			["device attach vfio0 1", "to IOAS 1; prints the page table"],
			["device attach vfio0 5 --pasid 3", "only PASID 3"],
		],
	},
	{
		name: "detach",
		summary: "detach a VFIO device",
		ioctl: "VFIO_DEVICE_DETACH_IOMMUFD_PT",
		args: [deviceArg],
		target,
		prepare: fillPasidFlag,
		examples: [["device detach vfio0", ""]],
	},
	{
		name: "info",
		summary: "which IOMMU is behind a device, and what it can do",
		ioctl: "IOMMU_GET_HW_INFO",
		positional: [{ name: "ID", doc: "the device's ID in the context, or the name of a device that was bound here", field: "dev_id" }],
		prepare(draft) {
			if (draft.given("in_data_type")) draft.imply("flags", 1);
			draft.fill("data_len", BigInt(infoRoom));
			const room = draft.get("data_len");
			if (room > 0n) draft.fill("data_uptr", draft.placer.place(new Uint8Array(Number(room < 1n << 20n ? room : BigInt(infoRoom)))));
		},
		after: infoFetched,
		examples: [
			["device info 4", "hardware type, registers, capabilities"],
			["device info 4 --in-data-type SELFTEST", "asks for that type of data"],
		],
	},
	{
		name: "vfio-info",
		summary: "what a VFIO device has: regions, interrupts",
		ioctl: "VFIO_DEVICE_GET_INFO",
		args: [deviceArg],
		target,
		examples: [["device vfio-info vfio0", ""]],
	},
];

const family: Family = {
	name: "device",
	details: "VFIO devices are files in /dev/vfio/devices. `iommuctl selftest mock-domain` makes a mock device of the selftest driver.",
	commands: [
		{ name: "list", summary: "list the VFIO devices", groups: ["kernel"], examples: [["device list", ""]], run: list },
		deviceFindCommand,
		...specs.map((spec) => callCommand("device", spec)),
		...regionCommands(deviceArg, pathOf),
		...irqCommands(deviceArg, pathOf),
		{
			name: "close",
			summary: "close a device's file, which detaches it and takes it out of the context",
			args: [deviceArg],
			groups: ["kernel", "expect"],
			examples: [["device close vfio0", "in a script, after `device bind vfio0`"]],
			async run(inv) {
				const path = pathOf(inv);
				await announce(inv);
				const ret = await inv.context.closeDevice(path);
				if (ret === undefined) throw new UsageError(`${path} is not open here`, "only the script that bound it has it open");
				const { showIo } = await import("../../call/io-result.js");
				return await showIo(inv, {
					command: "device close",
					call: "close",
					ret: ret < 0 ? -1 : 0,
					errno: ret < 0 ? -ret : 0,
					headline: `${path} closed`,
				});
			},
		},
	],
};
export default family;
