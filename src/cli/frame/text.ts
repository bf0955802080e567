/** Numbers, sizes, hex dumps and tables as text. */
import { wrapText } from "./wrap-text.js";

/** `1 entry`, `3 entries`, `1,000 pages`. */
export function plural(count: number, noun: string): string {
	const many = /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
	return `${count.toLocaleString("en-US")} ${count === 1 ? noun : many}`;
}

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

export const hexBytes = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

/** Bytes in rows of 16 with their offset (and address, if one is given), printable characters beside. */
export function hexDump(bytes: Uint8Array, base = 0n): string[] {
	const lines: string[] = [];
	const width = (base + BigInt(bytes.length)).toString(16).length > 4 ? 12 : 4;
	for (let at = 0; at < bytes.length; at += 16) {
		const row = bytes.subarray(at, at + 16);
		const pairs = Array.from(row, (byte) => byte.toString(16).padStart(2, "0"));
		const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
		const left = `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`;
		lines.push(`${(base + BigInt(at)).toString(16).padStart(width, "0")}  ${left.padEnd(48)}  ${text}`);
	}
	return lines;
}

/** `4 KiB` where the number is round, else `4100 bytes`. */
export function sizeText(bytes: bigint): string {
	for (const [unit, shift] of [
		["TiB", 40n],
		["GiB", 30n],
		["MiB", 20n],
		["KiB", 10n],
	] as const) {
		if (bytes >= 1n << shift && (bytes & ((1n << shift) - 1n)) === 0n) return `${bytes >> shift} ${unit}`;
	}
	return `${bytes} bytes`;
}

/** Columns as wide as their widest cell; the last is not padded, but broken into lines where `columns` of a terminal are given. */
export function table(rows: readonly (readonly string[])[], columns?: number): string[] {
	const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
	const indent = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
	return rows.flatMap((row) => {
		const cells = row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column])));
		if (columns === undefined || row.length < widths.length) return [cells.join("  ")];
		const [first, ...rest] = wrapText(cells[cells.length - 1], columns - indent);
		return [[...cells.slice(0, -1), first].join("  "), ...rest.map((line) => " ".repeat(indent) + line)];
	});
}
