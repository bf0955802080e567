/** Puts the part of a struct that a diff shows into the whole struct that is declared. */
import { allStructs, type Decls, type FieldDecl, type StructType, struct, structByName } from "../../structs/index.js";
import { declsOf, docOf, type Scope } from "./members.js";
import { DeclarationError } from "./problem.js";
import type { AggregateTree } from "./tree.js";

/** The names that a declaration's members have, those of anonymous ones too. */
function namesOf(name: string, field: FieldDecl): string[] {
	if (!name.startsWith("$")) return [name];
	if (field.kind === "bits") return Object.keys(field.parts);
	const inner = field.kind === "union" ? field.members : field.kind === "struct" ? field.decl : {};
	return Object.entries(inner).flatMap(([one, decl]) => namesOf(one, decl));
}

const memberNames = (decl: Decls): string[] => Object.entries(decl).flatMap(([name, field]) => namesOf(name, field));

/** The struct that a part belongs to: by its name, or the only one with all the members that the diff does not add. */
function wholeOf(tree: AggregateTree): StructType {
	if (tree.name) {
		const named = structByName(tree.name);
		if (named) return named;
		throw new DeclarationError(
			tree.members[0]?.line ?? tree.line,
			`struct ${tree.name} is not declared, and the diff shows only a part of it`,
		);
	}
	const old = tree.members.filter(({ added, name }) => !added && name).map(({ name }) => name);
	const found = old.length === 0 ? [] : allStructs().filter(({ decl }) => old.every((name) => memberNames(decl).includes(name)));
	if (found.length === 1) return found[0];
	throw new DeclarationError(
		tree.members[0]?.line ?? tree.line,
		"the diff does not show which struct these members belong to: make it with more context (git diff -U20)",
	);
}

/** The whole struct with what the diff adds after the members that it shows, and without what it removes. */
export function extended(tree: AggregateTree, scope: Scope): StructType {
	const whole = wholeOf(tree);
	const shown = declsOf(tree, scope, whole.name, tree.doc);
	const removed = new Set(tree.removed ?? []);
	const order = Object.entries(whole.decl).filter(([name]) => !removed.has(name));
	const known = new Set(order.flatMap(([name, field]) => namesOf(name, field)));
	const keys = Object.keys(shown);
	/** where the next new member goes */
	let at = order.length;
	for (const [index, key] of keys.entries()) {
		const own = namesOf(key, shown[key]);
		if (own.some((name) => known.has(name))) {
			at = order.findIndex(([name, field]) => namesOf(name, field).some((one) => own.includes(one))) + 1;
			continue;
		}
		if (index === 0) {
			const next = keys.slice(1).find((name) => known.has(name));
			const place = next === undefined ? order.length : order.findIndex(([name]) => name === next);
			at = place < 0 ? order.length : place;
		}
		order.splice(at++, 0, [key.startsWith("$") ? `${key}_added` : key, shown[key]]);
	}
	return struct(whole.name, Object.fromEntries(order), tree.doc?.brief ? docOf(tree) : whole.doc, { proposal: whole.proposal });
}
