/** Reports of shards, taken apart and put together again. */
import { UsageError } from "../../../frame/exit.js";
import type { ShardNote } from "../cases/index.js";

/** One shard's report. `T` is what it says of a case. */
export interface Part<T> {
	/** where it was read from */
	readonly from: string;
	/** what the reports of all shards have in common */
	readonly head: string;
	readonly note: ShardNote;
	/** one for each of the note's cases, in their order */
	readonly units: readonly T[];
}

/**
 * What the reports say of all cases, in the order of the whole list.
 * @throws UsageError if they are not of the same list, or a case is missing or there twice
 */
export function union<T>(parts: readonly Part<T>[]): T[] {
	const [first] = parts;
	for (const { from, head, note, units } of parts) {
		if (head !== first.head || note.of !== first.note.of || note.list !== first.note.list)
			throw new UsageError(
				`${first.from} and ${from} are not shards of the same report`,
				"give what one command line wrote with each --shard",
			);
		if (units.length !== note.cases.length) cutShort(from, note, units.length);
	}
	const found = new Map<number, { from: string; unit: T }>();
	for (const { from, note, units } of parts)
		for (const [at, position] of note.cases.entries()) {
			const before = found.get(position);
			if (before !== undefined)
				throw new UsageError(
					`case ${position} of ${note.of} is in ${before.from} and in ${from}, which is shard ${note.shard}`,
					"give each shard's report once",
				);
			found.set(position, { from, unit: units[at] });
		}
	const missing = Array.from({ length: first.note.of }, (_, at) => at + 1).filter((position) => !found.has(position));
	if (missing.length > 0)
		throw new UsageError(`${missingShards(parts)}${several("case", missing)} of ${first.note.of}`, "give the reports of all shards");
	return [...found].sort(([a], [b]) => a - b).map(([, { unit }]) => unit);
}

/** @throws UsageError */
export function cutShort(from: string, note: ShardNote, units: number): never {
	const { length } = note.cases;
	throw new UsageError(
		units === length
			? `${from} ends early: it has the ${length} cases of shard ${note.shard}, and no totals`
			: `${from} ends early: it has ${units} of the ${length} cases of shard ${note.shard}`,
		"run this shard again, to its end",
	);
}

/** Named, where all that are there are parts of as many. */
function missingShards(parts: readonly Part<unknown>[]): string {
	const given = new Set(parts.map(({ note }) => note.shard));
	const numbers = new Set([...given].map((shard) => Number(shard.split("/")[1])));
	const [count] = numbers;
	const absent = Array.from({ length: count }, (_, at) => `${at + 1}/${count}`).filter((shard) => !given.has(shard));
	if (numbers.size > 1 || absent.length === 0) return "missing: ";
	return `${several("shard", absent)} ${absent.length === 1 ? "is" : "are"} missing: `;
}

const most = 10;

function several(what: string, list: readonly (number | string)[]): string {
	const shown = list.slice(0, most).join(", ");
	return `${what}${list.length === 1 ? "" : "s"} ${shown}${list.length > most ? ` and ${list.length - most} more` : ""}`;
}

/** `2 5 9 of 57`, as KTAP and JUnit have it. */
export function casesIn(text: string): Pick<ShardNote, "cases" | "of"> | undefined {
	const match = /^((?:\d+ )*)of (\d+)$/.exec(text);
	return match === null ? undefined : { cases: match[1].split(" ").filter(Boolean).map(Number), of: Number(match[2]) };
}

/** @throws UsageError */
export function unlike(from: string, what: string): never {
	throw new UsageError(`${from}: ${what}`, "give what `iommuctl run`, `litmus`, `replay` or `fuzz` wrote with --shard, unchanged");
}
