/** `vsva register`, `vsva unregister` and `vsva queue`: what a guest's queue gets, forwarded as it comes. */
import { queueVendors, type Targets } from "../../../../sim/index.js";
import { showIo } from "../../../call/io-result.js";
import { parseNumber } from "../../../call/natural.js";
import type { Invocation } from "../../../frame/command.js";
import { done, exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { plural } from "../../../frame/text.js";
import { changing } from "../control.js";
import { descriptorsOf, oneOf, tableOf, targetsOf, vendorOf } from "./forward.js";
import { toArrays } from "./to-arrays.js";
import { toTable } from "./to-table.js";

const NO_TARGETS: Targets = { otherwise: undefined, pasids: new Map(), domains: new Map() };

/** Registers a notifier: what the guest's queue gets (`vsva queue`) is forwarded like that until it is unregistered. */
export async function register(inv: Invocation): Promise<Outcome> {
	const table = tableOf(inv);
	const vendor = await vendorOf(inv, table);
	const { guestTables } = await changing(inv);
	const targets = table === undefined ? targetsOf(inv, vendor) : NO_TARGETS;
	if (table === undefined && targets.otherwise === undefined && targets.pasids.size + targets.domains.size === 0)
		throw new UsageError("nobody is to be told of the invalidations", `give --table, or --${vendor.queue.target}`);
	const { id } = guestTables.notifiers.register(vendor.kind, table, targets);
	const to = table === undefined ? "invalidation arrays" : `table ${table}`;
	return await showIo(inv, {
		command: "vsva register",
		call: "register",
		ret: id,
		errno: 0,
		headline: `notifier ${id}: what a ${vendor.kind} guest's queue gets is forwarded to ${to} until it is unregistered`,
		json: { notifier: id, vendor: vendor.kind, table: table ?? null },
		value: id,
	});
}

export async function unregister(inv: Invocation): Promise<Outcome> {
	const { guestTables } = await changing(inv);
	const id = Number(parseNumber(inv.args[0], "the notifier's ID"));
	guestTables.notifiers.unregister(id);
	return await showIo(inv, { command: "vsva unregister", call: "unregister", ret: 0, errno: 0, headline: `notifier ${id} unregistered` });
}

/** The guest writes descriptors into its queue: every notifier of that vendor forwards them; without one nobody learns of them. */
export async function guestQueue(inv: Invocation): Promise<Outcome> {
	const { guestTables } = await changing(inv);
	const all = [...guestTables.notifiers.all];
	const kinds = [...new Set(all.map(({ vendor }) => vendor))];
	const kind = (inv.options.vendor as string | undefined) ?? (kinds.length === 1 ? kinds[0] : undefined);
	const vendor = queueVendors().find((each) => each.kind === kind);
	if (vendor === undefined)
		throw new UsageError("the queue's vendor is missing", `--vendor ${oneOf(queueVendors().map((each) => each.kind))}`);
	const descriptors = await descriptorsOf(inv, vendor);
	const listening = all.filter((each) => each.vendor === kind);
	if (listening.length === 0)
		return await showIo(inv, {
			command: "vsva queue",
			call: "queue",
			ret: 0,
			errno: 0,
			headline: `no notifier is registered: ${plural(descriptors.length, "descriptor")} not forwarded, so caches keep what they have`,
			json: { descriptors: descriptors.length, notifiers: 0 },
			fields: { notifiers: 0 },
		});
	let worst: Outcome = { ...done, fields: { notifiers: listening.length } };
	for (const notifier of listening) {
		notifier.told += descriptors.length;
		const outcome =
			notifier.table === undefined
				? await toArrays(inv, vendor, descriptors, notifier.targets)
				: await toTable(inv, vendor, notifier.table, descriptors);
		if (outcome.exit !== exitCode.done && worst.exit === exitCode.done) worst = outcome;
	}
	return worst;
}
