/** `vsva forward`: turns a guest's invalidation queue into calls. */
import { iommuOn } from "../../../../client/iommu.js";
import {
	aliasOf,
	batches,
	type Forwarded,
	forward,
	type InvalidationArray,
	type QueueVendor,
	queueVendors,
	type Targets,
} from "../../../../sim/index.js";
import { parseNumber } from "../../../call/natural.js";
import { errnoText } from "../../../call/show.js";
import { announce } from "../../../frame/announce.js";
import type { Invocation } from "../../../frame/command.js";
import { errnoName } from "../../../frame/errnos.js";
import { exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { hexBytes, plural, table } from "../../../frame/text.js";
import { changing, controlOf, printDocument } from "../control.js";
import { readQueue } from "./queue-input.js";

/** The most entries that one call takes, 2^19. */
const mostEntries = 1 << 19;

interface Sent {
	readonly array: InvalidationArray;
	readonly errno: number;
	readonly handled: number;
}

/** Turns a guest's invalidation queue into invalidation arrays and sends them; reports what cannot be forwarded, with the reason. */
export async function forwardQueue(inv: Invocation): Promise<Outcome> {
	const { options, common } = inv;
	const table = options.table === undefined ? undefined : Number(parseNumber(options.table as string, "--table"));
	const vendor = await vendorOf(inv, table);
	const { kind, queue } = vendor;
	const size = options.width === undefined ? queue.sizes[0] : Number(options.width) / 8;
	if (!queue.sizes.includes(size)) {
		const theirs = queueVendors().filter((each) => each.queue.sizes.includes(size));
		throw new UsageError(
			`--width ${size * 8} is only for ${theirs.map(({ title }) => title).join(" or ")}`,
			`descriptors of ${kind} have ${queue.sizes.map((bytes) => bytes * 8).join(" or ")} bits`,
		);
	}
	const descriptors = await readQueue(inv, vendor, size);
	if (options.device !== undefined) await refuseAlias(inv, options.device as string);
	if (table !== undefined) return await toTable(inv, vendor, table, descriptors);
	const list = forward(queue, descriptors, targetsOf(inv, vendor));
	const batch = options.batch === undefined ? mostEntries : Number(parseNumber(options.batch as string, "--batch"));
	if (batch < 1) throw new UsageError("--batch: at least one entry");
	const arrays = batches(list, batch);
	const sent = common.dryRun ? [] : await send(inv, vendor, arrays);
	return report(inv, vendor, list, arrays, sent);
}

async function vendorOf(inv: Invocation, tableId: number | undefined): Promise<QueueVendor> {
	const all = queueVendors();
	const given = all.find(({ kind }) => kind === inv.options.vendor);
	if (tableId === undefined) {
		if (given === undefined) throw new UsageError("the queue's vendor is missing", `--vendor ${oneOf(all.map(({ kind }) => kind))}`);
		return given;
	}
	const found = (await controlOf(inv)).guestTables.get(tableId);
	if (found === undefined) throw new UsageError(`there is no bound table ${tableId}`, "vsva bind makes one, vsva list shows them");
	const theirs = all.find(({ kind }) => kind === found.kind);
	if (theirs === undefined) throw new UsageError(`guests of ${found.kind} have no queue`);
	if (given !== undefined && given !== theirs) throw new UsageError(`table ${tableId} is a table of ${found.kind}, not of ${given.kind}`);
	return theirs;
}

/** Words as a choice: a, b or c. */
function oneOf(words: readonly string[]): string {
	return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

async function refuseAlias(inv: Invocation, name: string): Promise<void> {
	const control = await controlOf(inv);
	const device = control.device(name);
	const alias = control.sim.hardware && aliasOf(control.sim.hardware, device);
	if (alias !== undefined)
		throw new UsageError(`${name}: ${alias}`, "refused, because its invalidations would also be those of other devices");
}

function targetsOf(inv: Invocation, { kind, queue }: QueueVendor): Targets {
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

async function send(inv: Invocation, { queue }: QueueVendor, arrays: readonly InvalidationArray[]): Promise<Sent[]> {
	await announce(inv);
	if (arrays.length === 0 || queue.array === undefined) return [];
	const { type, entryLength } = queue.array;
	const scratch = await inv.context.scratch();
	const iommu = iommuOn(await inv.context.kernel(), await inv.context.iommu());
	const sent: Sent[] = [];
	for (const array of arrays) {
		const answer = iommu.hwptInvalidate({
			hwpt_id: array.target,
			data_uptr: scratch.place(array.bytes),
			data_type: type,
			entry_len: entryLength,
			entry_num: array.count,
		});
		scratch.reset();
		const told = answer.decoded.entry_num;
		sent.push({ array, errno: answer.errno, handled: answer.errno !== 0 && told === array.count ? 0 : told });
		// what comes later must not overtake what failed
		if (answer.errno !== 0) break;
	}
	return sent;
}

async function toTable(inv: Invocation, { kind, queue }: QueueVendor, id: number, descriptors: readonly Uint8Array[]): Promise<Outcome> {
	const control = await changing(inv);
	const table = control.guestTables.get(id);
	if (table === undefined) throw new UsageError(`there is no bound table ${id}`);
	const physical = new Map([...table.devices].map(([device, rid]) => [rid, device.requester.wire]));
	const list = forward(queue, descriptors, { otherwise: 0, pasids: new Map(), domains: new Map() });
	const rows = list.map(({ index, name }) => {
		const invalidations = queue.invalidations(descriptors[index]);
		const strange = invalidations.find(({ device }) => device !== undefined && !physical.has(device));
		if (strange !== undefined)
			return {
				index,
				name,
				done: false,
				dropped: 0,
				why: `requester ID 0x${strange.device?.toString(16)} does not belong to a device of the table`,
			};
		if (invalidations.length === 0) return { index, name, done: false, dropped: 0, why: "it does not invalidate anything of a table" };
		const dropped = invalidations.reduce(
			(sum, it) => sum + table.invalidate(it.device === undefined ? it : { ...it, device: physical.get(it.device) }),
			0,
		);
		return { index, name, done: true, dropped, why: null };
	});
	if (inv.common.json) printDocument(inv, "iommuctl.vsva.forward", { vendor: kind, table: id, descriptors: rows });
	else
		for (const { index, name, done, dropped, why } of rows)
			inv.io.stdout.write(`${index}  ${name}  ${done ? `done, ${plural(dropped, "cached entry")} dropped` : `nothing done: ${why}`}\n`);
	return {
		exit: exitCode.done,
		errno: 0,
		fields: { done: rows.filter((row) => row.done).length, dropped: rows.reduce((sum, row) => sum + row.dropped, 0) },
	};
}

function report(
	inv: Invocation,
	{ kind, queue }: QueueVendor,
	list: readonly Forwarded[],
	arrays: readonly InvalidationArray[],
	sent: readonly Sent[],
): Outcome {
	const { common, io, out } = inv;
	const count = (which: readonly Forwarded["fate"]["kind"][]) => list.filter(({ fate }) => which.includes(fate.kind)).length;
	const forwarded = count(["entry", "entries"]);
	const lost = count(["lost"]);
	const failed = sent.find(({ errno }) => errno !== 0);
	const handled = sent.reduce((sum, one) => sum + one.handled, 0);
	const made = (array: InvalidationArray) => sent.find((one) => one.array === array);
	if (common.json)
		printDocument(inv, "iommuctl.vsva.forward", {
			vendor: kind,
			dryRun: common.dryRun,
			descriptors: list.length,
			forwarded,
			vmm: count(["vmm"]),
			covered: count(["covered"]),
			lost,
			handled,
			arrays: arrays.map((array) => ({
				target: array.target,
				from: array.from,
				entries: array.count,
				bytes: hexBytes(array.bytes),
				handled: made(array)?.handled ?? null,
				errno: made(array)?.errno ? errnoName(made(array)?.errno ?? 0) : null,
				sent: made(array) !== undefined,
			})),
			notForwarded: list.flatMap(({ index, name, fate }) => ("why" in fate ? [{ index, name, kind: fate.kind, why: fate.why }] : [])),
		});
	else {
		const lines = [
			`${failed ? out.bad("failed") : out.good("ok")}  ${forwarded} of ${plural(list.length, "descriptor")} forwarded in ${plural(arrays.length, "array")}${common.dryRun ? ", not sent" : ""}`,
			...table(
				arrays.map((array) => [
					`    ${queue.target === "viommu" ? "virtual IOMMU" : "page table"} ${array.target}`,
					plural(array.count, "entry"),
					common.dryRun ? hexBytes(array.bytes.subarray(0, 48)) : state(made(array)),
				]),
			),
			...table(list.flatMap(({ index, name, fate }) => ("why" in fate ? [[`    ${index}`, name, fate.kind, fate.why]] : []))),
		];
		io.stdout.write(`${lines.join("\n")}\n`);
	}
	const strict = inv.options.strict === true && lost > 0;
	return {
		exit: failed || strict ? exitCode.failed : exitCode.done,
		errno: failed?.errno ?? 0,
		fields: { forwarded, lost, handled, arrays: arrays.length },
	};
}

function state(sent: Sent | undefined): string {
	if (sent === undefined) return "not sent: an earlier one failed";
	return sent.errno === 0 ? `${sent.handled} handled` : `${sent.handled} handled, then ${errnoText("IOMMU_HWPT_INVALIDATE", sent.errno)}`;
}
