/** Delta debugging's minimization (Zeller and Hildebrandt, 2002). */
/**
 * A part of `items`, in order, for which `holds` is still true and of which no single item can be left out.
 * `holds(items)` must be true.
 */
export async function ddmin<T>(items: readonly T[], holds: (part: readonly T[]) => boolean | Promise<boolean>): Promise<T[]> {
	let now = [...items];
	let parts = 2;
	while (now.length > 0) {
		const size = Math.ceil(now.length / parts);
		const reduced = await reduce(now, size, holds);
		if (reduced !== undefined) {
			now = reduced.rest;
			parts = Math.min(Math.max(reduced.alone ? 2 : parts - 1, 2), Math.max(now.length, 1));
		} else if (size === 1) break;
		else parts = Math.min(parts * 2, now.length);
	}
	return now;
}

/** The first piece that holds alone, or else the first whose absence leaves something that holds. */
async function reduce<T>(
	now: readonly T[],
	size: number,
	holds: (part: readonly T[]) => boolean | Promise<boolean>,
): Promise<{ rest: T[]; alone: boolean } | undefined> {
	const starts = Array.from({ length: Math.ceil(now.length / size) }, (_, i) => i * size);
	// With two pieces, one alone is the same as the absence of the other.
	if (starts.length === 1) return (await holds([])) ? { rest: [], alone: true } : undefined;
	for (const start of starts) {
		const piece = now.slice(start, start + size);
		if (piece.length < now.length && (await holds(piece))) return { rest: piece, alone: true };
	}
	for (const start of starts.toReversed()) {
		const rest = now.filter((_, at) => at < start || at >= start + size);
		if (starts.length > 2 && (await holds(rest))) return { rest, alone: false };
	}
	return undefined;
}
