/** `vsva bind`, `vsva unbind` and `vsva list`: guests' whole PASID tables. */
import type { SimControl } from "../../../../sim/index.js";
import { showIo } from "../../../call/io-result.js";
import { parseNumber } from "../../../call/natural.js";
import type { Invocation } from "../../../frame/command.js";
import { done, type Outcome, UsageError } from "../../../frame/exit.js";
import { hex, plural } from "../../../frame/text.js";
import { addressOf, changing, controlOf, printDocument } from "../control.js";

type Table = ReturnType<SimControl["guestTables"]["get"]>;
type HwDevice = ReturnType<SimControl["device"]>;

/** Binds a guest's table to devices, or gives them one that is bound; each argument is `DEVICE` or `DEVICE=GUEST_RID`. */
export async function bind(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	const joined = numberOf(inv, "table");
	if (joined === undefined && (options.base === undefined || options.size === undefined))
		throw new UsageError("--base or --size is missing", "the table's guest-physical address, and its number of PASIDs; or --table ID");
	const given = ["base", "size", "faultId"].find((name) => options[name] !== undefined);
	if (joined !== undefined && given !== undefined)
		throw new UsageError(`--table names a table that has its ${given === "faultId" ? "fault queue" : given} already`);
	const base = joined === undefined ? addressOf(options.base as string, "--base") : 0n;
	const size = numberOf(inv, "size") ?? 0;
	const control = await changing(inv);
	const devices = await devicesOf(control, args);
	const { guestTables } = control;
	const table = joined === undefined ? guestTables.bind(devices, base, size, numberOf(inv, "faultId")) : guestTables.join(joined, devices);
	return await showIo(inv, {
		command: "vsva bind",
		call: "bind",
		ret: table.id,
		errno: 0,
		headline: `table ${table.id}: ${plural(table.size, "PASID")} at ${hex(table.base)}, for ${plural(table.devices.size, "device")}`,
		json: tableDocument(table),
		value: table.id,
	});
}

const numberOf = ({ options }: Invocation, name: string): number | undefined =>
	options[name] === undefined ? undefined : Number(parseNumber(options[name] as string, `--${name === "faultId" ? "fault-id" : name}`));

async function devicesOf(control: SimControl, args: readonly string[]): Promise<Map<HwDevice, number>> {
	const { parseBdf, ridOf } = await import("../../../../sim/index.js");
	return new Map(
		args.map((text) => {
			const [name, guest] = text.split("=");
			const device = control.device(name);
			const bdf = guest === undefined ? undefined : parseBdf(guest);
			const rid = guest === undefined ? device.requester.wire : bdf === undefined ? Number(parseNumber(guest, text)) : ridOf(bdf);
			return [device, rid] as const;
		}),
	);
}

/** Takes a table away from the devices that are named, or from all. */
export async function unbind(inv: Invocation): Promise<Outcome> {
	const control = await changing(inv);
	const [text, ...names] = inv.args;
	const id = Number(parseNumber(text, "the table's ID"));
	const table = control.guestTables.unbind(id, names.length === 0 ? undefined : names.map((name) => control.device(name)));
	const left = table.devices.size;
	return await showIo(inv, {
		command: "vsva unbind",
		call: "unbind",
		ret: 0,
		errno: 0,
		headline: left === 0 ? `table ${id} unbound` : `table ${id} has ${plural(left, "device")} left`,
		json: { table: id, devices: left },
	});
}

export async function list(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const tables = [...control.guestTables.all];
	const notifiers = [...control.guestTables.notifiers.all];
	if (inv.common.json)
		printDocument(inv, "iommuctl.vsva.tables", {
			tables: tables.map(tableDocument),
			notifiers: notifiers.map(({ id, vendor, table, told }) => ({ notifier: id, vendor, table: table ?? null, told })),
		});
	else if (tables.length === 0) inv.io.stdout.write("no guest's PASID table is bound\n");
	else
		for (const { id, kind, base, size, devices } of tables)
			inv.io.stdout.write(
				`${id}  ${kind}  ${plural(size, "PASID")} at ${hex(base)}  ${[...devices].map(([device, rid]) => `${device.name}=${hex(rid)}`).join(" ")}\n`,
			);
	if (!inv.common.json)
		for (const { id, vendor, table, told } of notifiers)
			inv.io.stdout.write(
				`notifier ${id}  ${vendor}  ${table === undefined ? "invalidation arrays" : `table ${table}`}  ${plural(told, "descriptor")}\n`,
			);
	return { ...done, fields: { tables: tables.length, notifiers: notifiers.length } };
}

function tableDocument({ id, kind, base, size, devices, queue }: Table): Record<string, unknown> {
	return {
		table: id,
		vendor: kind,
		base: hex(base),
		size,
		faultQueue: queue?.id ?? null,
		devices: [...devices].map(([device, rid]) => ({ device: device.name, guestRequesterId: hex(rid) })),
	};
}
