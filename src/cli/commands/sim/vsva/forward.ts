/** `vsva forward`: turns a guest's invalidation queue into calls. */
import { iommuOn } from "../../../../client/iommu.js";
import { EINVAL, EIO, EOPNOTSUPP } from "../../../../kernel/errno.js";
import {
	aliasOf,
	batches,
	ControlError,
	type Forwarded,
	forward,
	type InvalidationArray,
	type QueueVendor,
	queueVendors,
	type Targets,
} from "../../../../sim/index.js";
import { showIo } from "../../../call/io-result.js";
import { parseNumber, showLeaf } from "../../../call/natural.js";
import { errnoText } from "../../../call/show.js";
import { announce } from "../../../frame/announce.js";
import type { Invocation } from "../../../frame/command.js";
import { errnoName } from "../../../frame/errnos.js";
import { done, exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { hexBytes, plural, table } from "../../../frame/text.js";
import { changing, controlOf, printDocument } from "../control.js";
import { entryWithError } from "../hw-errors.js";
import { readQueue } from "./queue-input.js";

/** The most entries that one call takes, 2^19. */
const mostEntries = 1 << 19;

interface Sent {
	readonly array: InvalidationArray;
	readonly errno: number;
	readonly handled: number;
	/** handled entries that failed in hardware, with the error in words (vtd-inv-v10) */
	readonly errors: readonly { readonly entry: number; readonly error: string }[];
}

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

const NO_TARGETS: Targets = { otherwise: undefined, pasids: new Map(), domains: new Map() };

const tableOf = ({ options }: Invocation): number | undefined =>
	options.table === undefined ? undefined : Number(parseNumber(options.table as string, "--table"));

async function descriptorsOf(inv: Invocation, vendor: QueueVendor): Promise<Uint8Array[]> {
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

async function toArrays(inv: Invocation, vendor: QueueVendor, descriptors: readonly Uint8Array[], targets: Targets): Promise<Outcome> {
	const list = forward(vendor.queue, descriptors, targets);
	const batch = inv.options.batch === undefined ? mostEntries : Number(parseNumber(inv.options.batch as string, "--batch"));
	if (batch < 1) throw new UsageError("--batch: at least one entry");
	const arrays = batches(list, batch);
	const sent = inv.common.dryRun ? [] : await send(inv, vendor, arrays);
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
	const theirs = all.find(({ kind }) => kind === found.kind);
	if (theirs === undefined) throw new ControlError(EOPNOTSUPP, `guests of ${found.kind} have no queue`);
	if (given !== undefined && given !== theirs)
		throw new ControlError(EINVAL, `table ${tableId} is a table of ${found.kind}, not of ${given.kind}`);
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
		throw new ControlError(EOPNOTSUPP, `${name}: ${alias}`, "refused, because its invalidations would also be those of other devices");
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
	const struct = await entryWithError(inv, type);
	const leaf = struct?.leaves.find(({ name }) => name === "hw_error");
	const sent: Sent[] = [];
	for (const array of arrays) {
		const data_uptr = scratch.place(array.bytes);
		const answer = iommu.hwptInvalidate({
			hwpt_id: array.target,
			data_uptr,
			data_type: type,
			entry_len: entryLength,
			entry_num: array.count,
		});
		const told = answer.decoded.entry_num;
		const handled = answer.errno !== 0 && told === array.count ? 0 : told;
		const back = struct === undefined ? undefined : scratch.fetch(data_uptr, handled * entryLength);
		const errors: { entry: number; error: string }[] = [];
		for (let at = 0; struct !== undefined && back !== undefined && leaf !== undefined && at < handled; at++) {
			const entry = back.subarray(at * entryLength, (at + 1) * entryLength);
			if (struct.decode(entry).hw_error !== 0) errors.push({ entry: at, error: showLeaf(leaf, entry) });
		}
		scratch.reset();
		sent.push({ array, errno: answer.errno, handled, errors });
		// what comes later must not overtake what failed
		if (answer.errno !== 0 || errors.length > 0) break;
	}
	return sent;
}

async function toTable(inv: Invocation, { kind, queue }: QueueVendor, id: number, descriptors: readonly Uint8Array[]): Promise<Outcome> {
	const control = await changing(inv);
	const rows = control.runQueue(queue, control.guestTables.get(id), descriptors);
	const finished = rows.filter(({ state }) => state === "done").length;
	const failed = rows.filter(({ state }) => state === "failed" || state === "pending" || state === "stopped");
	if (inv.common.json)
		printDocument(inv, "iommuctl.vsva.forward", {
			vendor: kind,
			table: id,
			descriptors: rows.map(({ failures: _, ...row }) => ({ ...row, done: row.state === "done" })),
		});
	else {
		const { out, io } = inv;
		for (const { index, name, state, dropped, error, why } of rows) {
			const text = {
				done: `done${dropped > 0 || queue.invalidations(descriptors[index]).length > 0 ? `, ${plural(dropped, "cached entry")} dropped` : ""}${why === null ? "" : `: ${why}`}`,
				nothing: `nothing done: ${why}`,
				failed: `${out.bad("failed")}${error === null ? "" : ` (${error})`}: ${why}`,
				pending: `${out.bad("not completed")}: ${why}`,
				stopped: `not fetched: ${why}`,
			}[state];
			io.stdout.write(`${index}  ${name}  ${text}\n`);
		}
	}
	return {
		exit: failed.length > 0 ? exitCode.failed : exitCode.done,
		errno: failed.length > 0 ? EIO : 0,
		fields: { done: finished, dropped: rows.reduce((sum, row) => sum + row.dropped, 0), failed: failed.length },
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
	const stops = list.find((each) => each.stops !== undefined);
	const failed = sent.find(({ errno, errors }) => errno !== 0 || errors.length > 0);
	const errno = failed === undefined ? (stops === undefined ? 0 : EIO) : failed.errno || EIO;
	const bad = failedDescriptors(sent);
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
				hwErrors: (made(array)?.errors ?? []).map(({ entry, error }) => ({ entry, descriptor: array.from[entry], error })),
			})),
			stoppedAt: stops === undefined ? null : { index: stops.index, error: stops.stops },
			notForwarded: list.flatMap((each) => ("why" in each.fate ? [{ ...named(each), kind: each.fate.kind, why: whyNot(each, bad) }] : [])),
		});
	else {
		const lines = [
			`${errno !== 0 ? out.bad("failed") : out.good("ok")}  ${forwarded} of ${plural(list.length, "descriptor")} forwarded in ${plural(arrays.length, "array")}${common.dryRun ? ", not sent" : ""}`,
			...table(
				arrays.map((array) => [
					`    ${queue.target === "viommu" ? "virtual IOMMU" : "page table"} ${array.target}`,
					plural(array.count, "entry"),
					common.dryRun ? hexBytes(array.bytes.subarray(0, 48)) : state(made(array)),
				]),
			),
			...[...bad].map(([index, error]) => `    descriptor ${index} failed: ${error}`),
			...table(list.flatMap((each) => ("why" in each.fate ? [[`    ${each.index}`, each.name, each.fate.kind, whyNot(each, bad)]] : []))),
		];
		io.stdout.write(`${lines.join("\n")}\n`);
	}
	const strict = inv.options.strict === true && lost > 0;
	return {
		exit: errno !== 0 || strict ? exitCode.failed : exitCode.done,
		errno,
		fields: { forwarded, lost, handled, arrays: arrays.length, failed: bad.size },
	};
}

const named = ({ index, name }: Forwarded) => ({ index, name });

/** Descriptors whose entry failed: with an errno, or in hardware. */
function failedDescriptors(sent: readonly Sent[]): Map<number, string> {
	const bad = new Map<number, string>();
	for (const { array, errno, handled, errors } of sent) {
		for (const { entry, error } of errors) bad.set(array.from[entry], error);
		if (errno !== 0 && handled < array.count) bad.set(array.from[handled], errnoName(errno));
	}
	return bad;
}

/** Why a descriptor is not forwarded. One that waits for what is before it is not completed if that failed. */
function whyNot({ index, fate, waits }: Forwarded, bad: ReadonlyMap<number, string>): string {
	const why = "why" in fate ? fate.why : "";
	const [first] = [...bad.keys()].filter((each) => each < index).sort((a, b) => a - b);
	return waits && first !== undefined ? `not completed: descriptor ${first} failed (${bad.get(first)})` : why;
}

function state(sent: Sent | undefined): string {
	if (sent === undefined) return "not sent: an earlier one failed";
	if (sent.errors.length > 0) return `${sent.handled} handled, ${plural(sent.errors.length, "entry")} failed in hardware`;
	return sent.errno === 0 ? `${sent.handled} handled` : `${sent.handled} handled, then ${errnoText("IOMMU_HWPT_INVALIDATE", sent.errno)}`;
}
