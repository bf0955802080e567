/** `hwpt`: hardware page tables, their invalidation and dirty tracking. */
import { iommufd_hwpt_alloc_flags, iommufd_hwpt_set_dirty_tracking_flags } from "../../../../structs/index.js";
import { hwptPayloads, invalidatePayloads } from "../../../client/payloads.js";
import { callCommand } from "../../call/command.js";
import { dirtyRanges } from "../../call/dirty.js";
import type { Draft } from "../../call/draft.js";
import { describeEntry, type EntryArray, entryOptions, readEntries, restride } from "../../call/entries/array.js";
import { parseLength } from "../../call/natural.js";
import { payloadOptions, placePayload } from "../../call/payload.js";
import { type CallSpec, callSpec, type Details, type Made } from "../../call/spec.js";
import type { Family } from "../../frame/command.js";
import { UsageError } from "../../frame/exit.js";
import { hex, plural, sizeText } from "../../frame/text.js";
import { hwErrors } from "../sim/hw-errors.js";
import { refusable } from "../sim/refusals.js";
import { walkHwptCommand } from "../sim/walk.js";

const hwpt = { name: "HWPT", doc: "the page table's ID", field: "hwpt_id" };

/** The most entries that one call takes, 2^19. */
const mostEntries = 1 << 19;

/** Places the entries and returns them; if one call cannot take them all, several calls do. */
async function placeEntries(draft: Draft): Promise<EntryArray | undefined> {
	const { options } = draft.inv;
	const array = await readEntries(draft.inv, invalidatePayloads, draft.given("data_type") ? draft.get("data_type") : undefined);
	const batch = options.batch === undefined ? mostEntries : parseLength(options.batch as string, "--batch");
	if (!array) return undefined;
	const { payload, count } = array;
	const { size } = payload.struct;
	draft.fill("data_type", BigInt(payload.type));
	draft.fill("entry_len", BigInt(size));
	const stride = Number(draft.get("entry_len"));
	const apart = stride > 0 && stride <= 4096 && stride !== size;
	const bytes = apart ? restride(array.bytes, size, stride) : array.bytes;
	const step = apart ? stride : size;
	const whole = batch === 0 || draft.given("entry_num") || count <= batch;
	const piece = whole ? count : batch;
	draft.fill("entry_num", BigInt(piece));
	draft.fill("data_uptr", draft.placer.place(bytes.subarray(0, piece * step)));
	for (let at = piece; at < count; at += piece) {
		const part = bytes.subarray(at * step, Math.min(count, at + piece) * step);
		draft.rounds.push(
			new Map([
				["entry_num", BigInt(part.length / step)],
				["data_uptr", draft.placer.place(part)],
			]),
		);
	}
	if (draft.rounds.length > 0)
		draft.notes.push(`${plural(count, "entry")} in ${draft.rounds.length + 1} calls of at most ${piece.toLocaleString("en-US")} (--batch)`);
	return array;
}

/** How many entries were handled, over all calls, and which was the first that was not. */
function handledEntries({ draft, answers, prepared: array }: Made<EntryArray | undefined>): Details {
	let handled = 0;
	let sent = 0;
	for (const { before, after, errno } of answers) {
		const asked = Number(draft.read(before, "entry_num"));
		const told = Number(draft.read(after, "entry_num"));
		sent += asked;
		// Some failures leave the number as it was sent: then none counts as handled.
		handled += errno !== 0 && told === asked ? 0 : Math.min(told, asked);
	}
	const total = array ? Math.max(array.count, sent) : sent;
	const failed = answers.at(-1)?.errno !== 0 ? handled : undefined;
	const which = failed !== undefined && array && failed < array.count ? `; entry ${failed} was not: ${describeEntry(array, failed)}` : "";
	return {
		lines: [`${handled.toLocaleString("en-US")} of ${plural(total, "entry")} handled${which}`],
		json: { entries: total, handled, failed: failed ?? null, calls: answers.length },
	};
}

/** The largest bitmap we allocate (bytes): a bit for each 4 KiB page of 4 TiB. */
const largestBitmap = 1n << 27n;

function placeBitmap(draft: Draft): void {
	draft.fill("page_size", 4096n);
	const pageSize = draft.get("page_size");
	if (draft.given("data") || pageSize === 0n) return;
	const length = (draft.get("length") + pageSize * 8n - 1n) / (pageSize * 8n);
	if (length > largestBitmap)
		throw new UsageError(
			`the bitmap would take ${sizeText(length)}`,
			"read a smaller range, give a larger --page-size, or your own memory by --data",
		);
	// The kernel writes whole 64-bit words.
	if (length > 0n) draft.fill("data", draft.placer.place(new Uint8Array(Number((length + 7n) & -8n))));
}

function dirtyFetched({ draft, answer }: Made): Details | undefined {
	const pageSize = draft.read(answer.before, "page_size");
	const length = draft.read(answer.before, "length");
	if (answer.errno !== 0 || pageSize === 0n) return undefined;
	const pages = (length + pageSize - 1n) / pageSize;
	if (pages > largestBitmap * 8n) return undefined;
	const bitmap = draft.placer.fetch(draft.read(answer.before, "data"), Number((pages + 7n) / 8n));
	if (!bitmap) return undefined;
	const { count, ranges } = dirtyRanges(bitmap, draft.read(answer.before, "iova"), pageSize);
	const shown = ranges
		.slice(0, 16)
		.map(({ start, last }) => `${hex(start)} - ${hex(last)}  ${plural(Number((last - start + 1n) / pageSize), "page")}`);
	if (ranges.length > shown.length) shown.push(`and ${plural(ranges.length - shown.length, "range")} more (--json has all)`);
	return {
		lines: [`${plural(count, "dirty page")} of ${sizeText(pageSize)}`, ...shown],
		json: { dirtyPages: count, pageSize: hex(pageSize), ranges: ranges.map(({ start, last }) => ({ start: hex(start), last: hex(last) })) },
		fields: { dirty_pages: count },
	};
}

const track = BigInt(iommufd_hwpt_set_dirty_tracking_flags.IOMMU_HWPT_DIRTY_TRACKING_ENABLE);

const specs: readonly CallSpec[] = [
	{
		name: "alloc",
		summary: "make a page table for a device, kernel-managed or nested",
		details: "PT is an IOAS for a kernel-managed table; a nesting parent or a virtual IOMMU for a nested one, which needs data too.",
		ioctl: "IOMMU_HWPT_ALLOC",
		positional: [
			{ name: "DEVICE", doc: "the device's ID", field: "dev_id" },
			{ name: "PT", doc: "an IOAS, a nesting parent, or a virtual IOMMU", field: "pt_id" },
		],
		extra: () => payloadOptions(hwptPayloads),
		prepare(draft) {
			placePayload(draft, hwptPayloads, "data_type");
			if (draft.given("fault_id")) draft.imply("flags", iommufd_hwpt_alloc_flags.IOMMU_HWPT_FAULT_ID_VALID);
		},
		examples: [
			["hwpt alloc 4 1 --flags NEST_PARENT", "for device 4, over IOAS 1, to nest on"],
			["hwpt alloc 4 5 --vtd-s1 pgtbl_addr=0x100000,addr_width=48", "a VT-d guest's first-stage table over page table 5"],
			["hwpt alloc 4 6 --smmuv3 v=1,config=S1,s1contextptr=0x100000 --fault-id 7", "an SMMUv3 guest's, with fault queue 7"],
		],
	},
	callSpec({
		name: "invalidate",
		summary: "invalidate what hardware cached of a guest's page tables",
		details: [
			"The answer tells how many entries were handled and which was the first that was not. SMMUv3 commands may be given",
			"by their fields (op, vmid, asid, sid, ssid, addr, leaf, ttl, tg, num, scale, size, ssv, global) or as cmd=WORD0,WORD1.",
		].join("\n"),
		ioctl: "IOMMU_HWPT_INVALIDATE",
		positional: [{ name: "ID", doc: "a nested page table, or a virtual IOMMU", field: "hwpt_id" }],
		extra: () => [
			...entryOptions(invalidatePayloads),
			{
				flags: "--batch <n>",
				doc: `the most entries of one call, more go in several (${mostEntries}); 0: all in one, whatever the kernel says`,
				group: "Entries:",
			},
		],
		prepare: placeEntries,
		after: async (made) => {
			const handled = handledEntries(made);
			const { lines = [], json, fields } = await hwErrors(made);
			return { lines: [...(handled.lines ?? []), ...lines], json: { ...handled.json, ...json }, fields };
		},
		examples: [
			["hwpt invalidate 7 --vtd-s1 addr=0x1000,npages=4,flags=LEAF --vtd-s1 addr=0,npages=0xffffffffffffffff", "two VT-d entries"],
			["hwpt invalidate 6 --smmuv3 op=TLBI_NH_VA,asid=1,addr=0x1000,leaf=1", "an SMMUv3 command through virtual IOMMU 6"],
			["hwpt invalidate 7 --from entries.jsonl", "one entry per line, a million if need be"],
			["hwpt invalidate 7 --from - --as vtd-s1 < entries.bin", "the array's bytes"],
		],
	}),
	{
		name: "dirty-on",
		summary: "start tracking the pages that devices write",
		ioctl: "IOMMU_HWPT_SET_DIRTY_TRACKING",
		positional: [hwpt],
		prepare: (draft) => draft.fill("flags", track),
		examples: [["hwpt dirty-on 5", ""]],
	},
	{
		name: "dirty-off",
		summary: "stop tracking the pages that devices write",
		ioctl: "IOMMU_HWPT_SET_DIRTY_TRACKING",
		positional: [hwpt],
		examples: [["hwpt dirty-off 5", ""]],
	},
	{
		name: "dirty-read",
		summary: "read which pages of a range devices wrote, and clear that",
		details: "Without --data: makes a bitmap of the right length and shows its set bits as IOVA ranges. --page-size is 4k if not given.",
		ioctl: "IOMMU_HWPT_GET_DIRTY_BITMAP",
		positional: [hwpt],
		prepare: placeBitmap,
		after: dirtyFetched,
		examples: [
			["hwpt dirty-read 5 --iova 0x1000000 --length 1M", ""],
			["hwpt dirty-read 5 --iova 0x1000000 --length 1M --page-size 2M --flags NO_CLEAR", "only look"],
		],
	},
];

const family: Family = {
	name: "hwpt",
	details: "A hardware page table maps a device's IOVAs: kernel-managed from an IOAS, or nested, the guest's own over a nesting parent.",
	commands: [...specs.map((spec) => callCommand("hwpt", spec)), refusable(walkHwptCommand, "hwpt")],
};
export default family;
