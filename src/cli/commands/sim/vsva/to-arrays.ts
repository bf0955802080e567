/** Sends a guest's descriptors to the kernel as invalidation arrays, and reports what became of each. */
import { iommuOn } from "../../../../client/iommu.js";
import { EIO } from "../../../../kernel/errno.js";
import { batches, type Forwarded, forward, type InvalidationArray, type QueueVendor, type Targets } from "../../../../sim/index.js";
import { parseNumber, showLeaf } from "../../../call/natural.js";
import { errnoText } from "../../../call/show.js";
import { announce } from "../../../frame/announce.js";
import type { Invocation } from "../../../frame/command.js";
import { errnoName } from "../../../frame/errnos.js";
import { exitCode, type Outcome, UsageError } from "../../../frame/exit.js";
import { hexBytes, plural, table } from "../../../frame/text.js";
import { printDocument } from "../control.js";
import { entryWithError } from "../hw-errors.js";

/** The most entries that one call takes, 2^19. */
const mostEntries = 1 << 19;

interface Sent {
	readonly array: InvalidationArray;
	readonly errno: number;
	readonly handled: number;
	/** handled entries that failed in hardware, with the error in words (vtd-inv-v10) */
	readonly errors: readonly { readonly entry: number; readonly error: string }[];
}

/** Turns descriptors into arrays for `targets`, sends them, and reports. */
export async function toArrays(
	inv: Invocation,
	vendor: QueueVendor,
	descriptors: readonly Uint8Array[],
	targets: Targets,
): Promise<Outcome> {
	const list = forward(vendor.queue, descriptors, targets);
	const batch = inv.options.batch === undefined ? mostEntries : Number(parseNumber(inv.options.batch as string, "--batch"));
	if (batch < 1) throw new UsageError("--batch: at least one entry");
	const arrays = batches(list, batch);
	const sent = inv.common.dryRun ? [] : await send(inv, vendor, arrays);
	return report(inv, vendor, list, arrays, sent);
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
