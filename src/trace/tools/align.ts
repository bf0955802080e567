/** Aligns two lists, for diffs. */
/** A pair of positions; where one is absent, only the other side has an item. */
export interface Pair {
	readonly a?: number;
	readonly b?: number;
}

/** Above this many cells the middle is paired by position: a table would take too much memory. */
const MOST_CELLS = 16_000_000;

/** Pairs two lists so that as many equal keys as possible face each other, in order. */
export function align(a: readonly string[], b: readonly string[]): Pair[] {
	let start = 0;
	while (start < a.length && start < b.length && a[start] === b[start]) start++;
	let [endA, endB] = [a.length, b.length];
	while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
		endA--;
		endB--;
	}
	const head = Array.from({ length: start }, (_, i): Pair => ({ a: i, b: i }));
	const tail = Array.from({ length: a.length - endA }, (_, i): Pair => ({ a: endA + i, b: endB + i }));
	const middle = (endA - start) * (endB - start) > MOST_CELLS ? byPosition : byTable;
	const inner = middle(a.slice(start, endA), b.slice(start, endB)).map((pair) => ({
		...(pair.a !== undefined && { a: pair.a + start }),
		...(pair.b !== undefined && { b: pair.b + start }),
	}));
	return [...head, ...inner, ...tail];
}

/** Pairs by the narrower keys first, and what lies between those pairs by the wider ones. */
export function alignTwice(
	narrow: readonly [a: readonly string[], b: readonly string[]],
	wide: readonly [a: readonly string[], b: readonly string[]],
): Pair[] {
	const found: Pair[] = [];
	let [fromA, fromB] = [0, 0];
	const fill = (toA: number, toB: number) => {
		const between = align(wide[0].slice(fromA, toA), wide[1].slice(fromB, toB));
		found.push(...between.map(({ a, b }) => ({ ...(a !== undefined && { a: a + fromA }), ...(b !== undefined && { b: b + fromB }) })));
	};
	for (const pair of align(...narrow)) {
		if (pair.a === undefined || pair.b === undefined) continue;
		fill(pair.a, pair.b);
		found.push(pair);
		[fromA, fromB] = [pair.a + 1, pair.b + 1];
	}
	fill(wide[0].length, wide[1].length);
	return found;
}

/** The longest common subsequence, by its table of lengths. */
function byTable(a: readonly string[], b: readonly string[]): Pair[] {
	const width = b.length + 1;
	const length = new Uint32Array((a.length + 1) * width);
	for (let i = a.length - 1; i >= 0; i--) {
		for (let j = b.length - 1; j >= 0; j--) {
			const at = i * width + j;
			length[at] = a[i] === b[j] ? length[at + width + 1] + 1 : Math.max(length[at + width], length[at + 1]);
		}
	}
	const pairs: Pair[] = [];
	let [i, j] = [0, 0];
	while (i < a.length || j < b.length) {
		const at = i * width + j;
		if (i < a.length && j < b.length && a[i] === b[j]) pairs.push({ a: i++, b: j++ });
		else if (j === b.length || (i < a.length && length[at + width] >= length[at + 1])) pairs.push({ a: i++ });
		else pairs.push({ b: j++ });
	}
	return pairs;
}

function byPosition(a: readonly string[], b: readonly string[]): Pair[] {
	return Array.from({ length: Math.max(a.length, b.length) }, (_, i): Pair => {
		if (i < a.length && i < b.length && a[i] === b[i]) return { a: i, b: i };
		return { ...(i < a.length && { a: i }), ...(i < b.length && { b: i }) };
	});
}
