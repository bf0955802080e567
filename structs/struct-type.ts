import { Codec } from "./codec.js";
import type { FieldInfo, Layout } from "./layout.js";
import type { Decls, Init, NestedDecl } from "./types.js";

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
	private made: Codec<T> | undefined;

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

	/**
	 * The value at a byte offset. Bytes that are missing at the end count as zero, as in a shorter `size`; a flexible
	 * array takes what whole elements follow.
	 */
	decode(bytes: Uint8Array, offset = 0): T {
		return this.codec.decode(bytes, offset);
	}

	/**
	 * The bytes of a value, in a new array or written `into` one (and that is answered); missing fields are zero. Of
	 * union members that overlap, the one that the selecting field names is written last. A value that does not fit
	 * its field is an InputError.
	 */
	encode(value: Init<T>, into?: Uint8Array, offset = 0): Uint8Array {
		return this.codec.encode(value, into, offset);
	}

	/**
	 * The bytes of an array of structs, one after another; plain arrays are fastest. With `into` they are written to its
	 * start, and just these bytes of it are answered.
	 */
	encodeArray(values: Iterable<Init<T>>, into?: Uint8Array): Uint8Array {
		return this.codec.encodeArray(Array.isArray(values) ? values : Array.from(values), into);
	}

	/** The structs that lie one after another; an InputError if the last one is not whole. */
	decodeArray(bytes: Uint8Array): T[] {
		return this.codec.decodeArray(bytes);
	}

	/** Made on first use: most runs use few of the structs. */
	private get codec(): Codec<T> {
		this.made ??= new Codec<T>(this.name, this);
		return this.made;
	}
}

function flatten(fields: readonly FieldInfo[]): FieldInfo[] {
	return fields.flatMap((field) => [field, ...flatten(field.fields ?? [])]);
}
