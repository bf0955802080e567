// What is wrong with the imports of a tree: those that rules.mjs refuses, circles of values, and circles of types that leave their folder.
// Written here, because dependency-cruiser looks for one circle per import and so misses circles across folders behind circles inside them.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
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

/**
 * Everything that is refused in src and structs below `root`, one line each.
 * The imports that scripts/imports/known.txt lists there are from before the rules: they pass, and circles are looked for in what is left.
 * A line of it that is no longer needed is refused too.
 */
export function importProblems(root) {
	const graph = importsOf(root, sourcesIn(root, ["src", "structs"]));
	const known = readKnown(root);
	const isNew = (file, target) => !known.has(`${file} -> ${target}`);
	const problems = [];
	for (const [file, targets] of graph)
		for (const target of targets.keys()) {
			const why = refusal(file, target);
			if (why !== undefined && isNew(file, target)) problems.push(`${file} imports ${target}: ${why}`);
		}
	for (const kind of [VALUES, FOLDERS]) {
		const edges = edgesOf(graph, (file, target, loads) => kind.keep(file, target, loads) && isNew(file, target));
		for (const circle of circlesOf(edges).filter(kind.counts)) problems.push(`${kind.name}: ${shortest(circle, edges, kind.closes)}`);
	}
	for (const line of known) {
		const [file, target] = line.split(" -> ");
		const needed = graph.get(file)?.has(target) && (refusal(file, target) !== undefined || closesCircle(graph, isNew, file, target));
		if (!needed) problems.push(`scripts/imports/known.txt: "${line}" is no longer needed; delete the line`);
	}
	return problems;
}

function readKnown(root) {
	const path = join(root, "scripts/imports/known.txt");
	if (!existsSync(path)) return new Set();
	return new Set(
		readFileSync(path, "utf8")
			.split("\n")
			.filter((line) => line !== "" && !line.startsWith("#")),
	);
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

/** Whether a listed import would close a circle if it were no longer listed. */
function closesCircle(graph, isNew, file, target) {
	return [VALUES, FOLDERS].some(({ keep, counts }) => {
		const edges = edgesOf(graph, (from, to, loads) => keep(from, to, loads) && (isNew(from, to) || (from === file && to === target)));
		return circlesOf(edges).some((circle) => counts(circle) && circle.includes(file) && circle.includes(target));
	});
}
