/** `report merge` of KTAP. */
import { noCounts } from "../formats/case.js";
import { joined, ktapTotals } from "../formats/ktap.js";
import { casesIn, cutShort, type Part, union, unlike } from "./parts.js";

/** The lines of one case, its result last. */
type Lines = readonly string[];

const result = /^(?:not )?ok \d+ /;
const totals = /^# Totals: pass:(\d+) fail:(\d+) xfail:0 xpass:0 skip:(\d+) error:(\d+)$/;

/** @throws UsageError */
export function mergeKtap(texts: readonly { from: string; text: string }[]): string {
	const counts = noCounts();
	const parts = texts.map(({ from, text }) => part(from, text, counts));
	const units = union(parts);
	const { head } = parts[0];
	const lines = units.flatMap((unit, at) => unit.map((line) => (result.test(line) ? line.replace(/\d+/, `${at + 1}`) : line)));
	return joined([...head.split("\n"), `1..${units.length}`, ...lines]) + ktapTotals(counts);
}

function part(from: string, text: string, counts: ReturnType<typeof noCounts>): Part<Lines> {
	const lines = text.split("\n");
	const plan = lines.findIndex((line) => /^1\.\.\d+$/.test(line));
	const above = lines.slice(0, Math.max(plan, 0));
	const [, shard, cases, list] =
		above.map((line) => /^# shard: (\d+\/\d+); cases (.*?)(?:; list (\w+))?$/.exec(line)).find((match) => match !== null) ?? [];
	const places = cases === undefined ? undefined : casesIn(cases);
	if (shard === undefined || places === undefined) unlike(from, "this KTAP is not of a shard");
	const note = { shard, ...places, list };
	const head = above.filter((line) => !line.startsWith("# shard: ")).join("\n");
	const units: string[][] = [];
	let unit: string[] = [];
	for (const line of lines.slice(plan + 1)) {
		const sum = unit.length === 0 ? totals.exec(line) : null;
		if (sum !== null) {
			const [ok, failed, skipped, error] = sum.slice(1).map(Number);
			counts.ok += ok;
			counts.failed += failed;
			counts.skipped += skipped;
			counts.error += error;
			return { from, head, note, units };
		}
		unit.push(line);
		if (!result.test(line)) continue;
		units.push(unit);
		unit = [];
	}
	return cutShort(from, note, units.length);
}
