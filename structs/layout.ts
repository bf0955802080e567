/** Lays out a declaration: sizes and offsets by natural alignment, no packing. */
import type { ConstSet } from "./sets.js";
import type { Decls, Direction, FieldDecl, Role, Scalar, Selector } from "./types.js";

export interface FieldInfo {
	readonly name: string;
	/** Dotted path from the struct; members of anonymous unions belong directly to the struct. */
	readonly path: string;
	/** As in C: `u32`, `u64[4]`, `struct vfio_info_cap_header`, `u8[]` for a flexible array. */
	readonly type: string;
	readonly decl: FieldDecl;
	/** The number's type, or that of an array's elements; none for a struct or union. */
	readonly scalar?: Scalar;
	/** In bytes, from the start of the outermost struct. */
	readonly offset: number;
	readonly size: number;
	readonly set?: ConstSet;
	readonly extra?: ConstSet;
	readonly doc: string;
	readonly dir: Direction;
	readonly role?: Role;
	/** A bit field's position in the u32 at `offset`. */
	readonly bits?: { readonly shift: number; readonly width: number };
	/** A member of a union that is active only while the field `by` holds `value`. */
	readonly when?: { readonly by: string; readonly value: number };
	/** The number of elements; 0 for a flexible array. */
	readonly length?: number;
	/** The members of a nested struct or a named union. */
	readonly fields?: readonly FieldInfo[];
}

export interface Layout {
	readonly size: number;
	readonly align: number;
	readonly fields: readonly FieldInfo[];
}

interface Place {
	readonly offset: number;
	readonly prefix: string;
	readonly dir: Direction;
	readonly overlap?: boolean;
	readonly select?: Selector;
}

const roundUp = (n: number, align: number): number => Math.ceil(n / align) * align;

/** Lay out a declaration from offset 0. */
export function layout(decl: Decls, dir: Direction = "in"): Layout {
	return place(decl, { offset: 0, prefix: "", dir });
}

function place(decl: Decls, at: Place): Layout {
	const fields: FieldInfo[] = [];
	let end = at.offset;
	let align = 1;
	for (const [name, field] of Object.entries(decl)) {
		const shape = shapeOf(field);
		const offset = roundUp(at.overlap ? at.offset : end, shape.align);
		fields.push(...describe(name, field, { ...at, offset }));
		end = Math.max(end, offset + shape.size);
		align = Math.max(align, shape.align);
	}
	return { size: roundUp(end - at.offset, align), align, fields };
}

/** Size and alignment of a declaration. */
export function shapeOf(field: FieldDecl): { readonly size: number; readonly align: number } {
	switch (field.kind) {
		case "scalar":
			return field;
		case "bits":
			return { size: 4, align: 4 };
		case "array": {
			const element = shapeOf(field.element);
			return { size: element.size * field.length, align: element.align };
		}
		case "union":
			return shapeOfAll(field.members, true);
		case "struct":
			return shapeOfAll(field.decl);
	}
}

/** Size and alignment of a struct, or of a union, whose members overlap: what `layout` says, without its fields. */
export function shapeOfAll(decl: Decls, overlap = false): { readonly size: number; readonly align: number } {
	let end = 0;
	let align = 1;
	for (const name in decl) {
		const shape = shapeOf(decl[name]);
		end = Math.max(end, (overlap ? 0 : roundUp(end, shape.align)) + shape.size);
		align = Math.max(align, shape.align);
	}
	return { size: roundUp(end, align), align };
}

/** A named member as one field; an anonymous union or struct, or a word of bit fields, as its members. */
function describe(name: string, field: FieldDecl, at: Place): FieldInfo[] {
	const anonymous = name.startsWith("$");
	if (field.kind === "bits") return describeBits(field.parts, at);
	if (field.kind === "union" && anonymous) return [...place(field.members, { ...at, overlap: true, select: field.select }).fields];
	if (field.kind === "struct" && anonymous) return [...place(field.decl, { ...at, overlap: false, select: undefined }).fields];
	const path = at.prefix + name;
	const inner = { offset: at.offset, prefix: `${path}.`, dir: at.dir };
	const when = at.select && name in at.select.when ? { when: { by: at.select.by, value: at.select.when[name] } } : {};
	const common = { name, path, type: typeName(field), decl: field, offset: at.offset, size: shapeOf(field).size, ...when };
	if (field.kind === "union")
		return [{ ...common, doc: "", dir: at.dir, fields: place(field.members, { ...inner, overlap: true, select: field.select }).fields }];
	if (field.kind === "struct") return [{ ...common, doc: field.doc, dir: at.dir, fields: place(field.decl, inner).fields }];
	if (field.kind === "array") {
		const { element } = field;
		const scalar = element.kind === "scalar" ? { scalar: element as Scalar, ...(element.role && { role: element.role }) } : {};
		return [
			{ ...common, ...scalar, ...reserved(name), doc: field.doc ?? "", dir: field.dir ?? direction(name, at.dir), length: field.length },
		];
	}
	const { set, extra, role } = field;
	const hints = { ...(set && { set }), ...(extra && { extra }), ...(role ? { role } : reserved(name)) };
	return [{ ...common, ...hints, scalar: field as Scalar, doc: field.doc ?? defaultDoc(name), dir: field.dir ?? direction(name, at.dir) }];
}

function describeBits(parts: Readonly<Record<string, { width: number; set?: ConstSet; doc?: string }>>, at: Place): FieldInfo[] {
	let shift = 0;
	return Object.entries(parts).map(([name, part]) => {
		const bits = { shift, width: part.width };
		shift += part.width;
		const decl: FieldDecl = { kind: "bits", parts: { [name]: part } };
		return {
			name,
			path: at.prefix + name,
			type: `u32:${part.width}`,
			decl,
			offset: at.offset,
			size: 4,
			...(part.set && { set: part.set }),
			doc: part.doc ?? "",
			dir: at.dir,
			bits,
		};
	});
}

/** In the uAPI, fields that the kernel fills are named `out_*`. */
const direction = (name: string, dir: Direction): Direction => (name.startsWith("out_") ? "out" : dir);

function reserved(name: string): { role?: Role } {
	if (/^(__reserved\d*|reserved|pad)$/.test(name)) return { role: "reserved" };
	return name === "argsz" ? { role: "size" } : {};
}

function defaultDoc(name: string): string {
	if (reserved(name).role === "reserved") return "must be zero";
	return name === "argsz" ? "size of the struct as the caller knows it" : "";
}

/** A declaration's type as written in C. */
export function typeName(field: FieldDecl): string {
	if (field.kind === "scalar") return field.name;
	if (field.kind === "array") return `${typeName(field.element)}[${field.length || ""}]`;
	if (field.kind === "struct") return field.name ? `struct ${field.name}` : "struct";
	return field.kind;
}
