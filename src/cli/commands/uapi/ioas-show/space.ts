/** Draws the IOVA space of an IOAS: bars to scale where something is, and the list. */
import type { Palette } from "../../../frame/colour.js";
import { hex, plural, sizeText, table } from "../../../frame/text.js";
import type { Area, IoasView, Range } from "../../../graph/model.js";

const END = 1n << 64n;

const length = ({ start, last }: Range): bigint => last - start + 1n;
/** Exact if that is short. */
function bytes(count: bigint): string {
	if (count === END) return "everything";
	const exact = sizeText(count);
	return exact.length <= "1000 bytes".length ? exact : `about ${roughly(count)}`;
}

/** Areas and reserved ranges with less than this many times their own size between them share a bar. */
const near = 16n;
/** Bars that are drawn; the list has everything. */
const mostBars = 8;

/** Ranges that lie close together, with a little room around them. */
function windowsOf(ranges: readonly Range[]): Range[] {
	const rising = [...ranges].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
	const windows: { start: bigint; last: bigint }[] = [];
	for (const { start, last } of rising) {
		const open = windows.at(-1);
		if (open && start - open.last <= near * (length(open) > last - start ? length(open) : last - start + 1n)) {
			if (last > open.last) open.last = last;
		} else windows.push({ start, last });
	}
	return windows.map((window) => {
		const room = length(window) / 8n;
		return { start: window.start > room ? window.start - room : 0n, last: window.last + room < END ? window.last + room : END - 1n };
	});
}

/** How much of [start, last] the ranges cover; they are rising and do not overlap. */
function covered(ranges: readonly Range[], { start, last }: Range): bigint {
	let sum = 0n;
	for (let at = firstBehind(ranges, start); at < ranges.length && ranges[at].start <= last; at++) {
		const range = ranges[at];
		sum += (range.last < last ? range.last : last) - (range.start > start ? range.start : start) + 1n;
	}
	return sum;
}

/** Index of the first range that ends at `start` or after it. */
function firstBehind(ranges: readonly Range[], start: bigint): number {
	let low = 0;
	let high = ranges.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (ranges[middle].last < start) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** Rising, without overlaps. */
export function merged(ranges: readonly Range[]): Range[] {
	const result: { start: bigint; last: bigint }[] = [];
	for (const { start, last } of [...ranges].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))) {
		const before = result.at(-1);
		if (before && start <= before.last + 1n) before.last = last > before.last ? last : before.last;
		else result.push({ start, last });
	}
	return result;
}

/** What is neither mapped nor reserved. */
export function holesOf({ areas, reserved }: Pick<IoasView, "areas" | "reserved">): Range[] {
	const holes: Range[] = [];
	let at = 0n;
	for (const { start, last } of merged([...areas, ...reserved])) {
		if (start > at) holes.push({ start: at, last: start - 1n });
		at = last + 1n;
	}
	if (at < END) holes.push({ start: at, last: END - 1n });
	return holes;
}

interface Layers {
	readonly areas: readonly Range[];
	readonly reserved: readonly Range[];
	readonly allowed: readonly Range[];
}

/** One bar: a cell is full of areas, has some, is reserved, or is free; below it what is allowed. */
function bar(window: Range, { areas, reserved, allowed }: Layers, cells: number, colours: Palette): string[] {
	const total = length(window);
	const count = total < BigInt(cells) ? Number(total) : cells;
	let line = "";
	let below = "";
	for (let at = 0; at < count; at++) {
		const cell = {
			start: window.start + (total * BigInt(at)) / BigInt(count),
			last: window.start + (total * BigInt(at + 1)) / BigInt(count) - 1n,
		};
		const mapped = covered(areas, cell);
		if (mapped === length(cell)) line += colours.good("█");
		else if (mapped > 0n) line += colours.good("▒");
		else if (covered(reserved, cell) > 0n) line += colours.bad("x");
		else line += colours.faint("·");
		below += covered(allowed, cell) > 0n ? "=" : " ";
	}
	const scale = total / BigInt(count);
	const lines = [`${hex(window.start)} - ${hex(window.last)}, a cell is ${scale === 0n ? "1 byte" : roughly(scale)}`, `  ${line}`];
	return allowed.length > 0 && below.trim() !== "" ? [...lines, `  ${below.trimEnd()}  allowed`] : lines;
}

/** Three digits are enough for a scale. */
function roughly(count: bigint): string {
	const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
	let value = Number(count);
	let unit = 0;
	for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
	return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** Rows of the list that are shown without --all. */
const mostRows = 40;

export function drawSpace(view: IoasView, colours: Palette, columns: number, all: boolean): string[] {
	const { areas, reserved, allowed, alignment } = view;
	const layers: Layers = { areas, reserved: merged(reserved), allowed: merged(allowed) };
	const windows = windowsOf([
		...areas,
		...layers.reserved.filter(({ start, last }) => length({ start, last }) < END / 2n),
		...layers.allowed,
	]);
	const cells = Math.max(16, Math.min(columns, 120) - 4);
	const mapped = areas.reduce((sum, area) => sum + length(area), 0n);
	const lines = [
		`${colours.strong(`ioas ${view.id}`)}  ${plural(areas.length, "area")}, ${bytes(mapped)} mapped, alignment ${alignment === 1n ? "1 byte" : sizeText(alignment)}`,
	];
	for (const window of windows.slice(0, mostBars)) lines.push(...bar(window, layers, cells, colours));
	if (windows.length > mostBars) lines.push(`and ${plural(windows.length - mostBars, "more place")} in the list`);
	if (windows.length > 0) {
		lines.push(
			`${colours.good("█")} mapped  ${colours.good("▒")} mapped in part  ${colours.bad("x")} reserved  ${colours.faint("·")} free`,
		);
	}
	const rows = listed(view);
	const shown = all ? rows : rows.slice(0, mostRows);
	lines.push(...table(shown).map((line) => line.trimEnd()));
	if (shown.length < rows.length) lines.push(`and ${plural(rows.length - shown.length, "more range")}: --all shows them`);
	return lines;
}

const rights = ({ readable, writable }: Area): string => `${readable ? "r" : "-"}${writable ? "w" : "-"}`;

function listed(view: IoasView): string[][] {
	const row = (range: Range, what: string): { start: bigint; cells: string[] } => ({
		start: range.start,
		cells: [hex(range.start).padStart(18), hex(range.last).padStart(18), bytes(length(range)), what],
	});
	const rows = [
		...view.areas.map((area) => row(area, `mapped ${rights(area)}${area.from ? ` from ${area.from}` : ""}`)),
		...view.reserved.map((range) => row(range, `reserved${range.owner ? ` by ${range.owner}` : ""}`)),
		...holesOf(view).map((range) => row(range, "free")),
	];
	rows.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
	return [...rows.map(({ cells }) => cells), ...view.allowed.map((range) => row(range, "allowed").cells)];
}

export function spaceJson(view: IoasView): object {
	const range = ({ start, last }: Range) => ({ start: hex(start), last: hex(last) });
	return {
		id: view.id,
		alignment: hex(view.alignment),
		areas: view.areas.map((area) => ({ ...range(area), readable: area.readable, writable: area.writable, from: area.from ?? null })),
		reserved: view.reserved.map((one) => ({ ...range(one), owner: one.owner ?? null })),
		allowed: view.allowed.map(range),
		free: holesOf(view).map(range),
	};
}
