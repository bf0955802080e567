/** Edit distance with transpositions (optimal string alignment). */
function distance(a: string, b: string): number {
	let before: number[] = [];
	let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		for (let j = 1; j <= b.length; j++) {
			const cost = a[i - 1] === b[j - 1] ? 0 : 1;
			row[j] = Math.min(row[j - 1] + 1, previous[j] + 1, previous[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
		}
		before = previous;
		previous = row;
	}
	return previous[b.length];
}

/** The candidates near to what was typed, nearest first; at most three. Letter case, `-` and `_` do not count. */
export function nearest(typed: string, candidates: Iterable<string>): string[] {
	const fold = (text: string) => text.toLowerCase().replace(/[-_]/g, "");
	const wanted = fold(typed);
	const found: { candidate: string; far: number }[] = [];
	for (const candidate of candidates) {
		const name = fold(candidate);
		const far = name.startsWith(wanted) && wanted.length >= 3 ? 0.5 : distance(wanted, name);
		if (far <= Math.max(1, Math.min(wanted.length, name.length) * 0.4)) found.push({ candidate, far });
	}
	found.sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1));
	return found.slice(0, 3).map((one) => one.candidate);
}

/** `did you mean a, b or c?`, or nothing. */
export function didYouMean(typed: string, candidates: Iterable<string>): string | undefined {
	const near = nearest(typed, candidates);
	if (near.length === 0) return undefined;
	const last = near.pop();
	return `did you mean ${near.length > 0 ? `${near.join(", ")} or ${last}` : last}?`;
}
