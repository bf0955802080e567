/** What a child has of its parent's memory: the same ranges with the same contents, as fork(2) leaves them. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { EnvironmentError } from "../../environment-error.js";
import { type MapsLine, parseMaps } from "../../proc-maps.js";
import type { OwnedRange } from "../owned-memory.js";

/** A range of the parent's memory. */
export interface Inherited extends OwnedRange {
	/** the open file that it maps, where it is shared; else it is private */
	readonly file?: { readonly fd: number; readonly offset: bigint };
}

const PAGE = 0x1000;
/** Bytes of /proc/PID/pagemap for a page, and the bits of one that has contents: in memory or swapped out. */
const ENTRY = 8;
const PRESENT = 3n << 62n;
/** Bytes that are copied at once. */
const CHUNK = 1 << 20;

/**
 * Says of a program's memory which of it is shared, and what it maps.
 * @param files the program's open files @throws EnvironmentError for a mapping of a file that is closed
 */
export function inheritedMemory(ranges: readonly OwnedRange[], files: readonly number[]): Inherited[] {
	if (ranges.length === 0) return [];
	const areas = parseMaps(readFileSync("/proc/self/maps", "latin1"));
	return ranges.flatMap((range) =>
		areas
			.filter(({ start, end }) => start < range.end && end > range.start)
			.map((area): Inherited => {
				const start = area.start > range.start ? area.start : range.start;
				const part = { start, end: area.end < range.end ? area.end : range.end, prot: range.prot };
				if (!area.shared) return part;
				const fd = files.find((one) => isFile(one, area));
				if (fd === undefined)
					throw new EnvironmentError(
						`the memory at 0x${start.toString(16)} is a file's that is closed, so another process cannot have it`,
						"close the file later, or unmap the memory first",
					);
				return { ...part, file: { fd, offset: area.offset + start - area.start } };
			}),
	);
}

function isFile(fd: number, area: MapsLine): boolean {
	try {
		const { dev, ino } = fstatSync(fd, { bigint: true });
		return dev === area.dev && ino === area.ino;
	} catch {
		return false;
	}
}

/**
 * Copies the contents of private memory into a child, where it is mapped and can be written. Pages that were never touched stay so.
 * @throws what Node throws if the child's memory cannot be written
 */
export function copyMemory(ranges: readonly Inherited[], pid: number): void {
	const own = ranges.filter(({ file }) => file === undefined);
	if (own.length === 0) return;
	const files = [openSync("/proc/self/pagemap", "r"), openSync("/proc/self/mem", "r")];
	try {
		files.push(openSync(`/proc/${pid}/mem`, "r+"));
		const [pagemap, from, to] = files;
		const bytes = Buffer.alloc(CHUNK);
		for (const { start, end } of own)
			for (const [at, length] of touched(pagemap, Number(start), Number(end))) {
				if (readSync(from, bytes, 0, length, at) !== length || writeSync(to, bytes, 0, length, at) !== length)
					throw new Error(`memory at 0x${at.toString(16)} cannot be copied`);
			}
	} finally {
		for (const file of files) closeSync(file);
	}
}

/** Runs of pages that have contents: addresses and lengths in bytes, at most a chunk each. */
function* touched(pagemap: number, start: number, end: number): Generator<[number, number]> {
	const entries = Buffer.alloc((CHUNK / PAGE) * ENTRY);
	for (let at = start; at < end; at += CHUNK) {
		const pages = Math.min(CHUNK, end - at) / PAGE;
		readSync(pagemap, entries, 0, pages * ENTRY, (at / PAGE) * ENTRY);
		let from: number | undefined;
		for (let page = 0; page <= pages; page++) {
			const has = page < pages && (entries.readBigUInt64LE(page * ENTRY) & PRESENT) !== 0n;
			if (has) from ??= page;
			else if (from !== undefined) {
				yield [at + from * PAGE, (page - from) * PAGE];
				from = undefined;
			}
		}
	}
}
