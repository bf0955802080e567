/** "Did you mean ...": finds the nearest name by edit distance with transpositions. */
function distance(a: string, b: string): number {
	const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
	for (let i = 1; i <= a.length; i++) {
		rows[i] = [i];
		for (let j = 1; j <= b.length; j++) {
			const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : Infinity;
			rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1), swap);
		}
	}
	return rows[a.length][b.length];
}

const fold = (text: string): string => text.toLowerCase().replace(/[-_]/g, "");

/** `; did you mean X?` for the nearest candidate, or nothing if none is near. */
export function orNearest(typed: string, candidates: Iterable<string>): string {
	const wanted = fold(typed);
	let best: string | undefined;
	let least = Math.max(1, Math.floor(wanted.length * 0.4)) + 1;
	for (const candidate of candidates) {
		const name = fold(candidate);
		// The beginning of a name counts as that name.
		const far = wanted.length >= 3 && name.startsWith(wanted) ? 0.5 : distance(wanted, name);
		if (far < least) [best, least] = [candidate, far];
	}
	return best === undefined ? "" : `; did you mean ${best}?`;
}
