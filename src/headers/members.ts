/** Turns parsed structs into declarations. */
import {
	array,
	type Bits,
	bit,
	bits,
	type ConstSet,
	type Decls,
	type FieldDecl,
	inline,
	type Scalar,
	type StructType,
	s8,
	s16,
	s32,
	s64,
	struct,
	u8,
	u16,
	u32,
	u64,
	union,
} from "../../structs/index.js";
import { type ConstantTable, setOfMember } from "./constants.js";
import { ExpressionError } from "./expression.js";
import { directionOf, roleOf, setFor } from "./hints.js";
import { firstSentence, type KernelDoc } from "./kernel-doc.js";
import { DeclarationError } from "./problem.js";
import type { Token } from "./tokens.js";
import type { AggregateTree, MemberTree } from "./tree.js";

type AnyScalar = Scalar<number> | Scalar<bigint>;

const SCALARS: Readonly<Record<string, AnyScalar>> = {
	...named(u8, "u8", "uint8_t", "unsigned char", "char", "bool", "_Bool"),
	...named(u16, "u16", "uint16_t", "unsigned short", "__le16", "__be16"),
	...named(u32, "u32", "uint32_t", "unsigned", "__le32", "__be32", "__kernel_dev_t", "__poll_t"),
	...named(u64, "u64", "uint64_t", "unsigned long", "unsigned long long", "__le64", "__be64", "size_t", "uintptr_t"),
	...named(u64, "__aligned_u64", "__aligned_le64", "__aligned_be64"),
	...named(s8, "s8", "int8_t", "signed char"),
	...named(s16, "s16", "int16_t", "short"),
	...named(s32, "s32", "int32_t", "int", "signed"),
	...named(s64, "s64", "int64_t", "long", "long long", "__aligned_s64", "ssize_t"),
};

function named(scalar: AnyScalar, short: string, ...names: string[]): Record<string, AnyScalar> {
	return Object.fromEntries([short, `__${short}`, ...names].map((name) => [name, scalar]));
}

const scalarNamed = (name: string): AnyScalar | undefined => {
	const words = name.split(" ").filter((word) => name === "int" || word !== "int");
	const sorted =
		words.includes("signed") && words.length > 1 && !words.includes("char") ? words.filter((word) => word !== "signed") : words;
	const key = sorted.join(" ") || "int";
	return Object.hasOwn(SCALARS, key) ? SCALARS[key] : undefined;
};

/** Where structs, unions and sets are looked up: the header's own first. */
export interface Scope {
	readonly table: ConstantTable;
	struct(name: string): StructType | undefined;
	union(name: string): Decls | undefined;
	set(name: string): ConstSet | undefined;
	/** Takes note of a set that belongs to a member. */
	found(set: ConstSet): void;
}

/** A struct as declared. @throws DeclarationError where a member is not understood */
export function structOf(tree: AggregateTree, scope: Scope): StructType {
	const decl = declsOf(tree, scope, tree.name, tree.doc);
	const made = struct(tree.name, decl, docOf(tree));
	if (tree.packed && !isDense(made))
		throw new DeclarationError(tree.line, `struct ${tree.name} is packed, and its members would not lie like that otherwise`);
	return made;
}

/** What a struct is, in one line. */
export function docOf({ doc, name }: AggregateTree): string {
	const brief = doc?.brief.replace(/\.$/, "") ?? "";
	const said = /^_?IO(?:R|W|WR)?\(|^ioctl\(/.test(brief) || brief === "" ? firstSentence(doc?.body[0] ?? "") : brief;
	return said || `struct ${name} of a header`;
}

/** No room between members, so that packing changes nothing. */
function isDense(type: StructType): boolean {
	let end = 0;
	for (const { offset, size } of type.fields) {
		if (offset > end) return false;
		end = Math.max(end, offset + size);
	}
	return end === type.size;
}

/** The members of a struct or union. */
export function declsOf(tree: AggregateTree, scope: Scope, struct: string, doc?: KernelDoc): Decls {
	const decls: Record<string, FieldDecl> = {};
	let word: { readonly key: string; readonly parts: Record<string, Bits>; width: number } | undefined;
	let count = 0;
	const add = (name: string, decl: FieldDecl, line: number): void => {
		if (Object.hasOwn(decls, name)) throw new DeclarationError(line, `struct ${struct} has two members ${name}`);
		decls[name] = decl;
	};
	for (const [index, member] of tree.members.entries()) {
		if (member.width === undefined) {
			const { name } = member;
			if (word !== undefined && word.width <= 24 && tree.kind === "struct" && narrow(member, scope))
				throw new DeclarationError(member.line, `struct ${struct}: a member of less than 32 bits right after bit fields`);
			word = undefined;
			const anonymous = name === "";
			if (anonymous && member.type.kind !== "struct" && member.type.kind !== "union")
				throw new DeclarationError(member.line, `struct ${struct}: a member without a name`);
			add(anonymous ? `$${member.type.kind}${++count}` : name, fieldOf(member, scope, struct, doc, index === 0), member.line);
			continue;
		}
		const width = Number(number(member.width, scope, member.line, "the width of a bit field"));
		const scalar = member.type.kind === "number" ? scalarNamed(member.type.name) : member.type.kind === "enum" ? u32 : undefined;
		if (scalar?.size !== 4 || tree.kind === "union")
			throw new DeclarationError(member.line, `struct ${struct}: only bit fields of 32-bit words in a struct are understood`);
		if (width === 0) word = undefined;
		else {
			if (width < 0 || width > 32) throw new DeclarationError(member.line, `struct ${struct}: a bit field of ${width} bits`);
			if (word === undefined || word.width + width > 32) {
				word = { key: `$bits${++count}`, parts: {}, width: 0 };
				decls[word.key] = bits(word.parts);
			}
			const text = textOf(member, doc);
			word.parts[member.name || `__unused${word.width}`] = bit(width, setFor(struct, member.name, text, scope.set), text || undefined);
			word.width += width;
		}
	}
	return decls;
}

/** Whether C would put it into the rest of a word of bit fields. */
function narrow({ type }: MemberTree, scope: Scope): boolean {
	if (type.kind === "number") return (scalarNamed(type.name)?.size ?? 4) < 4;
	if (type.kind === "named" && type.what === "struct") return (scope.struct(type.name)?.align ?? 4) < 4;
	return false;
}

const textOf = ({ name, note }: MemberTree, doc: KernelDoc | undefined): string => doc?.members.get(name) ?? note ?? "";

function fieldOf(member: MemberTree, scope: Scope, struct: string, doc: KernelDoc | undefined, first: boolean): FieldDecl {
	const element = elementOf(member, scope, struct, doc, first);
	const { dimensions, line } = member;
	if (dimensions.length === 0) return element;
	// An array of arrays is one after another.
	const lengths = dimensions.map((tokens) => (tokens.length === 0 ? 0 : Number(number(tokens, scope, line, "the length of an array"))));
	const length = lengths.reduce((all, one) => all * one, 1);
	if (length < 0 || length > 0x10000) throw new DeclarationError(line, `struct ${struct}: an array of ${length} elements`);
	return array(element, length, textOf(member, doc) || undefined);
}

function elementOf(member: MemberTree, scope: Scope, struct: string, doc: KernelDoc | undefined, first: boolean): FieldDecl {
	const { type, line, name } = member;
	const text = textOf(member, doc);
	switch (type.kind) {
		case "pointer":
			return scalar(u64.as("ptr"), text);
		case "enum":
			return scalar(withSet(u32, scope.set(type.name)), text);
		case "struct":
			return inline(declsOf(type, scope, struct, doc), text);
		case "union":
			return union(declsOf(type, scope, struct, doc));
		case "named": {
			if (type.what === "union") {
				const members = scope.union(type.name);
				if (members) return union(members);
			}
			const found = type.what === "struct" ? scope.struct(type.name) : undefined;
			if (found === undefined) throw new DeclarationError(line, `struct ${struct}: ${type.what} ${type.name} is not known`);
			return found;
		}
		case "number": {
			const base = scalarNamed(type.name);
			if (base === undefined) throw new DeclarationError(line, `struct ${struct}: the type ${type.name} is not known`);
			const role = roleOf(name, base, first);
			const defined = member.defines.length > 0 ? setOfMember(`${struct}_${name}`, member.defines, scope.table) : undefined;
			if (defined) scope.found(defined);
			const set = role === undefined || role === "count" ? (setFor(struct, name, text, scope.set) ?? defined) : undefined;
			const direction = directionOf(text);
			let made = withSet(role === undefined ? base : base.as(role), set);
			if (direction === "out") made = made.out() as AnyScalar;
			if (direction === "inout") made = made.inout() as AnyScalar;
			return scalar(made, text);
		}
	}
}

const withSet = (base: AnyScalar, set: ConstSet | undefined): AnyScalar => (set ? (base.of(set) as AnyScalar) : base);
const scalar = (base: AnyScalar, text: string): AnyScalar => (text ? (base.note(text) as AnyScalar) : base);

function number(tokens: readonly Token[], { table }: Scope, line: number, what: string): bigint {
	try {
		return table.value(tokens);
	} catch (error) {
		if (error instanceof ExpressionError) throw new DeclarationError(line, `${what}: ${error.message}`);
		throw error;
	}
}
