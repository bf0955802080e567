/** The independent witness of the layouts: ref-struct-di computes every declared struct's size and offsets by its own rules. */
// ref-struct-di has no unions: it gets each as an opaque type with the size and alignment of the largest member.
// The modules are parameters, so that they are only loaded when needed.
import { allStructs } from "./registry.js";
import type { StructType } from "./struct-type.js";
import type { Decls, FieldDecl } from "./types.js";

interface RefType {
	readonly size: number;
	readonly alignment: number;
	readonly indirection: number;
}

interface RefStruct extends RefType {
	readonly fields: Readonly<Record<string, { readonly offset: number }>>;
}

/** The parts used of ref-napi, and of ref-struct-di applied to it. */
export interface RefModules {
	readonly ref: { readonly types: Readonly<Record<string, RefType>> };
	readonly struct: (fields: Readonly<Record<string, RefType>>) => RefStruct;
}

export interface WitnessLayout {
	readonly size: number;
	/** Byte offsets by field path, as in `StructType.offsets`. */
	readonly offsets: Readonly<Record<string, number>>;
}

const scalarNames = {
	u8: "uint8",
	u16: "uint16",
	u32: "uint32",
	u64: "uint64",
	s8: "int8",
	s16: "int16",
	s32: "int32",
	s64: "int64",
} as const;

/** Size and offsets of a struct as ref-struct-di computes them. */
export function witnessLayout(type: StructType, modules: RefModules): WitnessLayout {
	const offsets: Record<string, number> = {};
	collect(type.decl, modules, 0, "", offsets);
	return { size: build(type.decl, modules).size, offsets };
}

/** Every difference between a declared struct's layout and the witness's, one line each; there should be none. */
export function layoutDifferences(modules: RefModules, types: readonly StructType[] = allStructs()): string[] {
	return types.flatMap((type) => {
		const witness = witnessLayout(type, modules);
		const size = witness.size === type.size ? [] : [`${type.name}: size ${type.size}, the witness says ${witness.size}`];
		const paths = new Set([...Object.keys(type.offsets), ...Object.keys(witness.offsets)]);
		const offsets = type.offsets as Readonly<Record<string, number>>;
		const wrong = [...paths].filter((path) => offsets[path] !== witness.offsets[path]);
		return [...size, ...wrong.map((path) => `${type.name}.${path}: offset ${offsets[path]}, the witness says ${witness.offsets[path]}`)];
	});
}

/** The struct as ref-struct-di builds it; a flexible array has no size and is left out. */
function build(decl: Decls, modules: RefModules): RefStruct {
	const sized = Object.entries(decl).filter(([, field]) => !isFlexible(field));
	return modules.struct(Object.fromEntries(sized.map(([name, field]) => [name, refType(field, modules)])));
}

const isFlexible = (field: FieldDecl): boolean => field.kind === "array" && field.length === 0;

function refType(field: FieldDecl, modules: RefModules): RefType {
	if (field.kind === "scalar") return modules.ref.types[scalarNames[field.name]];
	if (field.kind === "bits") return modules.ref.types.uint32;
	if (field.kind === "struct") return build(field.decl, modules);
	if (field.kind === "array") {
		const element = refType(field.element, modules);
		// ref-struct-di lays out a type with a fixedLength element by element.
		return Object.assign(
			{ size: element.size * field.length, alignment: element.alignment, indirection: 1 },
			{ fixedLength: field.length, type: element },
		);
	}
	const members = Object.values(field.members).map((member) => refType(member, modules));
	const alignment = Math.max(...members.map((member) => member.alignment));
	const size = Math.max(...members.map((member) => member.size));
	return { size: Math.ceil(size / alignment) * alignment, alignment, indirection: 1 };
}

function collect(decl: Decls, modules: RefModules, base: number, prefix: string, offsets: Record<string, number>): void {
	const { fields } = build(decl, modules);
	for (const [name, field] of Object.entries(decl)) {
		// A flexible array begins where one element would.
		const at = base + (fields[name] ?? withOneElement(decl, name, modules).fields[name]).offset;
		const path = prefix + name;
		if (field.kind === "bits") {
			for (const part of Object.keys(field.parts)) offsets[prefix + part] = at;
			continue;
		}
		const anonymous = name.startsWith("$");
		if (!anonymous) offsets[path] = at;
		const inner = anonymous ? prefix : `${path}.`;
		if (field.kind === "struct") collect(field.decl, modules, at, inner, offsets);
		if (field.kind !== "union") continue;
		for (const [member, memberField] of Object.entries(field.members)) {
			collect({ [member]: memberField }, modules, at, inner, offsets);
		}
	}
}

function withOneElement(decl: Decls, name: string, modules: RefModules): RefStruct {
	const field = decl[name];
	return build(field.kind === "array" ? { ...decl, [name]: { ...field, length: 1 } } : decl, modules);
}
