/** Writes the definitions of structs in C. */
import type { Decls, FieldDecl, StructType, UnionDecl } from "../../../structs/index.js";

/** Which members of a struct's unions are used, by name; the others are left out of the C. */
export type Used = ReadonlySet<string>;

/**
 * A struct's definition in C, laid out as in the kernel. Of a union, only the used members are written, with room for
 * the others, so that a struct of many commands stays readable.
 */
export function structDefinition(type: StructType, used: Used): string {
	const body = members(type.decl, used, 1);
	return `struct ${type.name} {\n${body.join("\n")}\n};\n_Static_assert(sizeof(struct ${type.name}) == ${type.size}, "struct ${type.name}");`;
}

/** The named structs that lie inside a declaration, innermost first. */
export function namedInside(decl: Decls): string[] {
	return Object.values(decl).flatMap(inside);
}

function inside(field: FieldDecl): string[] {
	if (field.kind === "array") return inside(field.element);
	if (field.kind === "union") return namedInside(field.members);
	if (field.kind !== "struct") return [];
	return [...namedInside(field.decl), ...(field.name ? [field.name] : [])];
}

const TYPES = {
	u8: "uint8_t",
	u16: "uint16_t",
	u32: "uint32_t",
	u64: "aligned_u64",
	s8: "int8_t",
	s16: "int16_t",
	s32: "int32_t",
	s64: "int64_t",
} as const;
const indent = (depth: number): string => "\t".repeat(depth);

function members(decl: Decls, used: Used, depth: number): string[] {
	return Object.entries(decl).flatMap(([name, field]) => member(name, field, used, depth));
}

function member(name: string, field: FieldDecl, used: Used, depth: number): string[] {
	const pad = indent(depth);
	const own = name.startsWith("$") ? "" : ` ${name}`;
	switch (field.kind) {
		case "scalar":
			return [`${pad}${TYPES[field.name]}${own};`];
		case "bits":
			return Object.entries(field.parts).map(([part, { width }]) => `${pad}uint32_t ${part} : ${width};`);
		case "array": {
			const lines = member(name, field.element, used, depth);
			return [...lines.slice(0, -1), `${lines[lines.length - 1].slice(0, -1)}[${field.length || ""}];`];
		}
		case "struct":
			if (field.name) return [`${pad}struct ${field.name}${own};`];
			return [`${pad}struct {`, ...members(field.decl, used, depth + 1), `${pad}}${own};`];
		case "union":
			return [`${pad}union {`, ...unionMembers(field, used, depth + 1), `${pad}}${own};`];
	}
}

function unionMembers(union: UnionDecl, used: Used, depth: number): string[] {
	const names = Object.keys(union.members);
	const shown = union.select === undefined ? names : names.filter((name) => used.has(name));
	const written = shown.flatMap((name) => member(name, union.members[name], used, depth));
	if (shown.length === names.length) return written;
	const sizes = names.map((name) => shape(union.members[name]));
	const size = Math.max(...sizes.map((one) => one.size));
	const align = Math.max(...sizes.map((one) => one.align));
	return [
		...written,
		`${indent(depth)}uint8_t room[${size}] __attribute__((aligned(${align}))); /* for the members that are not used here */`,
	];
}

const up = (n: number, align: number): number => Math.ceil(n / align) * align;

function shape(field: FieldDecl): { size: number; align: number } {
	if (field.kind === "scalar") return field;
	if (field.kind === "bits") return { size: 4, align: 4 };
	if (field.kind === "array") {
		const element = shape(field.element);
		return { size: element.size * field.length, align: element.align };
	}
	const parts = Object.values(field.kind === "union" ? field.members : field.decl).map(shape);
	const align = Math.max(1, ...parts.map((part) => part.align));
	const end =
		field.kind === "union" ? Math.max(...parts.map((part) => part.size)) : parts.reduce((at, part) => up(at, part.align) + part.size, 0);
	return { size: up(end, align), align };
}
