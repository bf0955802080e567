/** `vsva forward`: turns a guest's invalidation queue into calls. */
import { EINVAL, EOPNOTSUPP } from "../../../../kernel/errno.js";
import { aliasOf, ControlError, type QueueVendor, queueVendors, type Targets } from "../../../../sim/index.js";
import { parseNumber } from "../../../call/natural.js";
import type { Invocation } from "../../../frame/command.js";
import { type Outcome, UsageError } from "../../../frame/exit.js";
import { controlOf } from "../control.js";
import { readQueue } from "./queue-input.js";
import { toArrays } from "./to-arrays.js";
import { toTable } from "./to-table.js";

/** Turns a guest's invalidation queue into invalidation arrays and sends them; reports what cannot be forwarded, with the reason. */
export async function forwardQueue(inv: Invocation): Promise<Outcome> {
	const { options } = inv;
	const table = tableOf(inv);
	const vendor = await vendorOf(inv, table);
	const descriptors = await descriptorsOf(inv, vendor);
	if (options.device !== undefined) await refuseAlias(inv, options.device as string);
	if (table !== undefined) return await toTable(inv, vendor, table, descriptors);
	return await toArrays(inv, vendor, descriptors, targetsOf(inv, vendor));
}

/** The bound table that --table names. */
export const tableOf = ({ options }: Invocation): number | undefined =>
	options.table === undefined ? undefined : Number(parseNumber(options.table as string, "--table"));

/** The descriptors that are given, in the width of the queue. @throws UsageError */
export async function descriptorsOf(inv: Invocation, vendor: QueueVendor): Promise<Uint8Array[]> {
	const { options } = inv;
	const { kind, queue } = vendor;
	const size = options.width === undefined ? queue.sizes[0] : Number(options.width) / 8;
	if (!queue.sizes.includes(size)) {
		const theirs = queueVendors().filter((each) => each.queue.sizes.includes(size));
		throw new UsageError(
			`--width ${size * 8} is only for ${theirs.map(({ title }) => title).join(" or ")}`,
			`descriptors of ${kind} have ${queue.sizes.map((bytes) => bytes * 8).join(" or ")} bits`,
		);
	}
	return await readQueue(inv, vendor, size);
}

/** Whose queue it is: that of the table, or as --vendor says. @throws UsageError */
export async function vendorOf(inv: Invocation, tableId: number | undefined): Promise<QueueVendor> {
	const all = queueVendors();
	const given = all.find(({ kind }) => kind === inv.options.vendor);
	if (tableId === undefined) {
		if (given === undefined) throw new UsageError("the queue's vendor is missing", `--vendor ${oneOf(all.map(({ kind }) => kind))}`);
		return given;
	}
	const found = (await controlOf(inv)).guestTables.get(tableId);
	const theirs = all.find(({ kind }) => kind === found.kind);
	if (theirs === undefined) throw new ControlError(EOPNOTSUPP, `guests of ${found.kind} have no queue`);
	if (given !== undefined && given !== theirs)
		throw new ControlError(EINVAL, `table ${tableId} is a table of ${found.kind}, not of ${given.kind}`);
	return theirs;
}

/** Words as a choice: a, b or c. */
export function oneOf(words: readonly string[]): string {
	return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

async function refuseAlias(inv: Invocation, name: string): Promise<void> {
	const control = await controlOf(inv);
	const device = control.device(name);
	const alias = control.sim.hardware && aliasOf(control.sim.hardware, device);
	if (alias !== undefined)
		throw new ControlError(EOPNOTSUPP, `${name}: ${alias}`, "refused, because its invalidations would also be those of other devices");
}

/** Where arrays go, as --hwpt, --viommu and --map say. @throws UsageError */
export function targetsOf(inv: Invocation, { kind, queue }: QueueVendor): Targets {
	const { options } = inv;
	const pasids = new Map<number, number[]>();
	const domains = new Map<number, number[]>();
	for (const text of (options.map as string[] | undefined) ?? []) {
		const match = /^(pasid|did)=([^:]+):(.+)$/.exec(text);
		if (!match) throw new UsageError(`--map: "${text}" is not understood`, "give pasid=5:ID or did=3:ID, where ID is a nested page table");
		const map = match[1] === "pasid" ? pasids : domains;
		const key = Number(parseNumber(match[2], "--map"));
		map.set(key, [...(map.get(key) ?? []), Number(parseNumber(match[3], "--map"))]);
	}
	const wanted = queue.target;
	const other = wanted === "hwpt" ? "viommu" : "hwpt";
	if (options[other] !== undefined) throw new UsageError(`--${other} does not take ${kind}'s invalidations`, `give --${wanted}`);
	const id = options[wanted] as string | undefined;
	return { otherwise: id === undefined ? undefined : Number(parseNumber(id, `--${wanted}`)), pasids, domains };
}
