/** Lengths of time as people write them. */
import { SessionError } from "./paths.js";

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The longest that a timer can wait, ms. */
const longest = 2 ** 31 - 1;

/** `90s`, `15m`, `1.5h`, a bare number of seconds. @returns milliseconds @throws SessionError */
export function parseDuration(text: string, where: string): number {
	const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
	const ms = match ? Math.round(Number(match[1]) * units[match[2] ?? "s"]) : Number.NaN;
	if (ms >= 0 && ms <= longest) return ms;
	const hint = "for example 500ms, 30s, 15m or 2h; a bare number is seconds";
	throw new SessionError(`${where}: "${text}" is not a length of time (24 days at most)`, hint, "usage");
}

/** `1 h`, `15 min`, `90 s`, `200 ms`: in the largest unit that is round. */
export function durationText(ms: number): string {
	for (const [unit, length] of [
		["d", 86_400_000],
		["h", 3_600_000],
		["min", 60_000],
		["s", 1000],
	] as const) {
		if (ms >= length && ms % length === 0) return `${ms / length} ${unit}`;
	}
	if (ms === 0) return "0 s";
	return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms} ms`;
}
