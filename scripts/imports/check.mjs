// What is wrong with the imports of a tree: those that rules.mjs refuses, circles of values, and circles of types that leave their folder.
// Written here, because dependency-cruiser looks for one circle per import and so misses circles across folders behind circles inside them.
import { dirname } from "node:path/posix";
import { circlesOf, edgesOf, importsOf, shortestWay, sourcesIn } from "./graph.mjs";
import { refusal } from "./rules.mjs";

/** Which imports make a circle of either kind (`keep`), which circles count, and which of their imports make them count (`closes`). */
const VALUES = { name: "circle of values", keep: (_file, _target, loads) => loads, counts: () => true, closes: () => true };
const FOLDERS = {
	name: "circle of imports across folders, types included",
	keep: () => true,
	counts: (circle) => new Set(circle.map(dirname)).size > 1,
	closes: (file, target) => dirname(file) !== dirname(target),
};

/** Everything that is refused in src and structs below `root`, one line each. */
export function importProblems(root) {
	const graph = importsOf(root, sourcesIn(root, ["src", "structs"]));
	const problems = [];
	for (const [file, targets] of graph)
		for (const target of targets.keys()) {
			const why = refusal(file, target);
			if (why !== undefined) problems.push(`${file} imports ${target}: ${why}`);
		}
	for (const kind of [VALUES, FOLDERS]) {
		const edges = edgesOf(graph, kind.keep);
		for (const circle of circlesOf(edges).filter(kind.counts)) problems.push(`${kind.name}: ${shortest(circle, edges, kind.closes)}`);
	}
	return problems;
}

/** The shortest closed path through a circle along one of the imports that make it count. */
function shortest(circle, edges, closes) {
	let best;
	for (const file of circle)
		for (const target of edges.get(file)) {
			if (!circle.includes(target) || !closes(file, target)) continue;
			const way = [file, ...shortestWay(edges, target, file)];
			if (best === undefined || way.length < best.length) best = way;
		}
	return best.join(" -> ");
}
