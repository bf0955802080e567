// The imports between the TypeScript files of a tree, read with TypeScript's own parser, and the circles among them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";

/** Every source file under these folders of `root`, as paths from the root with "/"; a folder may be missing. */
export function sourcesIn(root, folders, named = /\.ts$/) {
	const found = [];
	const walk = (folder) => {
		for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
			const path = `${folder}/${entry.name}`;
			if (entry.isDirectory()) walk(path);
			else if (named.test(path)) found.push(path);
		}
	};
	for (const folder of folders) if (existsSync(join(root, folder))) walk(folder);
	return found.sort();
}

/**
 * What each file imports by a relative path: file -> (target -> whether loading the file loads the target first).
 * A type import does not, nor does a late `import()`. A target need not exist.
 */
export function importsOf(root, files) {
	const graph = new Map();
	for (const file of files) {
		const targets = new Map();
		const add = (specifier, loads) => {
			if (!specifier?.text?.startsWith(".")) return;
			const target = posix.join(posix.dirname(file), specifier.text).replace(/\.js$/, ".ts");
			targets.set(target, loads || targets.get(target) === true);
		};
		const visit = (node) => {
			// `import { type A }` keeps the import when compiled (verbatimModuleSyntax), so it loads the file.
			if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword);
			else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, !node.isTypeOnly);
			else if (ts.isImportTypeNode(node)) add(node.argument.literal, false);
			else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false);
			ts.forEachChild(node, visit);
		};
		visit(ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest));
		graph.set(file, targets);
	}
	return graph;
}

/** The edges of `graph` (see importsOf) that `keep` keeps, as file -> targets. */
export function edgesOf(graph, keep) {
	return new Map(
		[...graph].map(([file, targets]) => [file, [...targets].filter(([to, loads]) => keep(file, to, loads)).map(([to]) => to)]),
	);
}

/** The groups of two or more files each of which reaches every other one (Tarjan's strongly connected components). */
export function circlesOf(edges) {
	const index = new Map();
	const low = new Map();
	const stack = [];
	const circles = [];
	const visit = (file) => {
		index.set(file, index.size);
		low.set(file, index.get(file));
		stack.push(file);
		for (const target of edges.get(file)) {
			if (!edges.has(target)) continue;
			if (!index.has(target)) visit(target);
			low.set(file, Math.min(low.get(file), low.get(target)));
		}
		if (low.get(file) < index.get(file)) return;
		const circle = stack.splice(stack.indexOf(file));
		// A finished file lowers no other file's link.
		for (const member of circle) low.set(member, Infinity);
		if (circle.length > 1) circles.push(circle);
	};
	for (const file of edges.keys()) if (!index.has(file)) visit(file);
	return circles;
}

/** The shortest path along `edges` from `start` to `end`, including both; it must exist. */
export function shortestWay(edges, start, end) {
	const before = new Map([[start, undefined]]);
	for (const file of before.keys()) {
		for (const target of edges.get(file) ?? []) if (!before.has(target)) before.set(target, file);
		if (before.has(end)) break;
	}
	const way = [];
	for (let file = end; file !== undefined; file = before.get(file)) way.unshift(file);
	return way;
}
