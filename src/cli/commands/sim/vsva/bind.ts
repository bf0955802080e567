/** `vsva bind`, `vsva unbind` and `vsva list`: guests' whole PASID tables. */
import type { SimControl } from "../../../../sim/index.js";
import { showIo } from "../../../call/io-result.js";
import { parseNumber } from "../../../call/natural.js";
import type { Invocation } from "../../../frame/command.js";
import { done, type Outcome, UsageError } from "../../../frame/exit.js";
import { hex, plural } from "../../../frame/text.js";
import { changing, controlOf, printDocument } from "../control.js";

type Table = NonNullable<ReturnType<SimControl["guestTables"]["get"]>>;

/** Binds a guest's table to devices; each argument is `DEVICE` or `DEVICE=GUEST_RID`. */
export async function bind(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	if (options.base === undefined || options.size === undefined)
		throw new UsageError("--base or --size is missing", "the table's guest-physical address, and its number of PASIDs");
	const base = parseNumber(options.base as string, "--base");
	const size = Number(parseNumber(options.size as string, "--size"));
	const control = await changing(inv);
	const { parseBdf, ridOf } = await import("../../../../sim/index.js");
	const devices = new Map(
		args.map((text) => {
			const [name, guest] = text.split("=");
			const device = control.device(name);
			const bdf = guest === undefined ? undefined : parseBdf(guest);
			const rid = guest === undefined ? device.requester.wire : bdf === undefined ? Number(parseNumber(guest, text)) : ridOf(bdf);
			return [device, rid] as const;
		}),
	);
	const table = control.guestTables.bind(devices, base, size);
	return await showIo(inv, {
		command: "vsva bind",
		call: "bind",
		ret: table.id,
		errno: 0,
		headline: `table ${table.id}: ${plural(size, "PASID")} at ${hex(base)}, for ${plural(devices.size, "device")}`,
		json: tableDocument(table),
		value: table.id,
	});
}

export async function unbind(inv: Invocation): Promise<Outcome> {
	const control = await changing(inv);
	const id = Number(parseNumber(inv.args[0], "the table's ID"));
	if (!control.guestTables.unbind(id)) throw new UsageError(`there is no bound table ${id}`, "vsva list shows them");
	return await showIo(inv, { command: "vsva unbind", call: "unbind", ret: 0, errno: 0, headline: `table ${id} unbound` });
}

export async function list(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const tables = [...control.guestTables.all];
	if (inv.common.json) printDocument(inv, "iommuctl.vsva.tables", { tables: tables.map(tableDocument) });
	else if (tables.length === 0) inv.io.stdout.write("no guest's PASID table is bound\n");
	else
		for (const { id, kind, base, size, devices } of tables)
			inv.io.stdout.write(
				`${id}  ${kind}  ${plural(size, "PASID")} at ${hex(base)}  ${[...devices].map(([device, rid]) => `${device.name}=${hex(rid)}`).join(" ")}\n`,
			);
	return { ...done, fields: { tables: tables.length } };
}

function tableDocument({ id, kind, base, size, devices }: Table): Record<string, unknown> {
	return {
		table: id,
		vendor: kind,
		base: hex(base),
		size,
		devices: [...devices].map(([device, rid]) => ({ device: device.name, guestRequesterId: hex(rid) })),
	};
}
