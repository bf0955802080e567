/** Reads a C header, or a diff of one, into declarations as structs/ has them. */
import {
	type ConstSet,
	type Decls,
	enumByName,
	type Ioctl,
	type StructType,
	setInfo,
	structByName,
	type UapiAddition,
} from "../../structs/index.js";
import { callsOf, type HeaderCall, isCall } from "./calls.js";
import { ConstantTable, definesOf, setOf } from "./constants.js";
import { fragmentsOf, isDiff } from "./diff.js";
import { declsOf, docOf, type Scope, structOf } from "./members.js";
import { affected, affectedCalls, inheriting, isDeclared, isDeclaredSet } from "./merge.js";
import { parse } from "./parse.js";
import { extended } from "./partial.js";
import { DeclarationError, type HeaderProblem } from "./problem.js";
import { tokenize } from "./tokens.js";
import type { AggregateTree, DefineTree, Tree } from "./tree.js";

export type { HeaderProblem } from "./problem.js";

/** What was read from a header. */
export interface ReadHeader {
	/** what is new or not as it was declared, for `registerUapi` */
	readonly addition: UapiAddition;
	/** everything that the header declares, whether it is new or not */
	readonly declared: {
		readonly structs: readonly StructType[];
		readonly sets: readonly ConstSet[];
		readonly calls: readonly HeaderCall[];
		readonly constants: ReadonlyMap<string, bigint>;
	};
	/** in the order of the lines */
	readonly problems: readonly HeaderProblem[];
}

/**
 * Reads a header, or a unified diff that adds to one. Never throws for what the text says: what is not understood is left
 * out and becomes a problem.
 * @param file its name, for the calls that it declares
 */
export function readHeader(text: string, file: string): ReadHeader {
	const problems: HeaderProblem[] = [];
	const trees = treesOf(text, problems);
	const table = new ConstantTable();
	const sets = new Map<string, ConstSet>();
	const found: ConstSet[] = [];
	for (const tree of trees) {
		const set = tree.kind === "enum" ? setOf(tree, table, problems) : undefined;
		if (set) sets.set(setInfo(set).name, set);
	}
	const defines = trees.filter((tree): tree is DefineTree => tree.kind === "define" && !isCall(tree));
	const constants = definesOf(defines, `${file.replace(/\.\w+$/, "").replace(/\W+/g, "_")}_defines`, table);
	if (constants) sets.set(setInfo(constants).name, constants);
	const changedSets = [...sets.values()].filter((set) => !isDeclaredSet(set));
	const replaced = new Map<ConstSet, ConstSet>();
	for (const set of changedSets) {
		const old = enumByName(setInfo(set).name);
		if (old) replaced.set(old, set);
	}
	const structs = structsOf(trees, { table, problems, sets, found });
	const changed = new Map<string, StructType>();
	for (const made of structs.values()) {
		if (isDeclared(made)) continue;
		const old = structByName(made.name);
		changed.set(made.name, old ? inheriting(made, old, (set) => replaced.get(set) ?? set) : made);
	}
	for (const type of affected(replaced, changed)) changed.set(type.name, type);
	// A struct that is as it was declared stays the declared one, which knows more.
	const struct = (name: string): StructType | undefined => changed.get(name) ?? structByName(name);
	const calls = callsOf({ file, table, trees, struct }, problems);
	const rows: Ioctl[] = calls.flatMap(({ row }) => (row ? [row] : []));
	rows.push(...affectedCalls(changed, new Set(rows.map(({ name }) => name))));
	const details = new Map(trees.flatMap((tree) => (tree.kind === "struct" && tree.name ? detailsOf(tree) : [])));
	return {
		addition: { structs: [...changed.values()], sets: [...changedSets, ...found], calls: rows, details },
		declared: {
			structs: [...structs.values()],
			sets: [...sets.values()],
			calls,
			constants: table.own,
		},
		problems: problems.sort((a, b) => a.line - b.line),
	};
}

/** What a struct's kernel-doc says besides the one line that is shown of it. */
function detailsOf(tree: AggregateTree): [name: string, text: string][] {
	const text = (tree.doc?.body ?? []).join("\n\n");
	const line = docOf(tree);
	const rest = text.startsWith(line) ? text.slice(line.length).replace(/^[.:]?\s+|^[.:]$/, "") : text;
	return rest ? [[tree.name, rest]] : [];
}

function treesOf(text: string, problems: HeaderProblem[]): Tree[] {
	if (!isDiff(text)) {
		const lines = text.split(/\r?\n/).map((line, at) => ({ text: line, line: at + 1 }));
		return parse(tokenize(lines, problems), problems);
	}
	return fragmentsOf(text, problems).flatMap(({ tokens, removed }) =>
		parse(tokens, problems).map((tree) => (tree.kind === "struct" && tree.partial ? { ...tree, removed } : tree)),
	);
}

interface Reading {
	readonly table: ConstantTable;
	readonly problems: HeaderProblem[];
	readonly sets: ReadonlyMap<string, ConstSet>;
	readonly found: ConstSet[];
}

/** The structs of a header, each after those that it holds, as C has them. */
function structsOf(trees: readonly Tree[], { table, problems, sets, found }: Reading): Map<string, StructType> {
	const structs = new Map<string, StructType>();
	const unions = new Map<string, Decls>();
	const scope: Scope = {
		table,
		// The declared one knows more, where it is the same.
		struct(name) {
			const own = structs.get(name);
			return own !== undefined && !isDeclared(own) ? own : (structByName(name) ?? own);
		},
		union: (name) => unions.get(name),
		set: (name) => sets.get(name) ?? enumByName(name),
		found: (set) => found.push(set),
	};
	for (const tree of trees) {
		if (tree.kind !== "struct" && tree.kind !== "union") continue;
		try {
			if (tree.kind === "union") unions.set(tree.name, declsOf(tree, scope, tree.name, tree.doc));
			else {
				const made = madeOf(tree, scope);
				// Worked out now, so that what cannot be laid out is found here.
				void made.size;
				structs.set(made.name, made);
			}
		} catch (error) {
			if (!(error instanceof DeclarationError)) throw error;
			problems.push({
				line: error.line,
				message: `${error.message}; ${tree.name ? `${tree.kind} ${tree.name}` : "it"} is left out`,
				...(tree.name && { lost: tree.name }),
			});
		}
	}
	return structs;
}

function madeOf(tree: AggregateTree, scope: Scope): StructType {
	if (tree.partial) return extended(tree, scope);
	if (tree.name === "") throw new DeclarationError(tree.line, "a struct without a name");
	return structOf(tree, scope);
}
