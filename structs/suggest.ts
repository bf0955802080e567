/** "Did you mean ...": finds the nearest names by edit distance with transpositions. */

/** Edit distance with transpositions. */
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

/** How far a name is from what was typed, in typing mistakes; letter case, `-` and `_` do not count. */
function mistakes(typed: string, name: string): number {
	const wanted = fold(typed);
	const folded = fold(name);
	// The beginning of a name counts as that name.
	return wanted.length >= 3 && folded.startsWith(wanted) ? 0.5 : distance(wanted, folded);
}

/** How many mistakes in a word of this length are taken for mistakes. */
const tolerated = (length: number): number => Math.max(1, length * 0.4);

/** The candidates near to what was typed, nearest first; at most three. */
export function nearest(typed: string, candidates: Iterable<string>): string[] {
	const { length } = fold(typed);
	return [...candidates]
		.map((candidate) => ({ candidate, far: mistakes(typed, candidate) }))
		.filter(({ candidate, far }) => far <= tolerated(Math.min(length, fold(candidate).length)))
		.sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
		.slice(0, 3)
		.map(({ candidate }) => candidate);
}

/** `; did you mean X?` for the nearest candidate, or nothing if none is near. */
export function orNearest(typed: string, candidates: Iterable<string>): string {
	let best: string | undefined;
	let least = Math.floor(tolerated(fold(typed).length)) + 1;
	for (const candidate of candidates) {
		const far = mistakes(typed, candidate);
		if (far < least) [best, least] = [candidate, far];
	}
	return best === undefined ? "" : `; did you mean ${best}?`;
}
