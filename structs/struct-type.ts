import type { FieldInfo, Layout } from "./layout.js";
import type { Decls, NestedDecl } from "./types.js";

/** A declared struct: its layout, and everything that follows from it. */
export class StructType<T = Record<string, unknown>, P extends string = string, D extends Decls = Decls> implements NestedDecl<D> {
	readonly kind = "struct";
	/** In bytes, without a flexible array's elements. */
	readonly size: number;
	readonly align: number;
	/** The struct's own fields; those of nested structs are under their `fields`. */
	readonly fields: readonly FieldInfo[];
	/** Every field that holds numbers, nested ones too, in order of declaration. */
	readonly leaves: readonly FieldInfo[];
	/** Field path to byte offset. */
	readonly offsets: Readonly<Record<P, number>>;

	constructor(
		readonly name: string,
		readonly decl: D,
		readonly doc: string,
		layout: Layout,
		readonly proposal = false,
	) {
		this.size = layout.size;
		this.align = layout.align;
		this.fields = layout.fields;
		const all = flatten(layout.fields);
		this.leaves = all.filter((field) => !field.fields);
		this.offsets = Object.freeze(Object.fromEntries(all.map((field) => [field.path, field.offset]))) as Record<P, number>;
	}
}

function flatten(fields: readonly FieldInfo[]): FieldInfo[] {
	return fields.flatMap((field) => [field, ...flatten(field.fields ?? [])]);
}
