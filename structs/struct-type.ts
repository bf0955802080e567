/** A declared struct as an object: its layout, codec and fields. */
import { Codec } from "./codec.js";
import { type FieldInfo, type Layout, layout, shapeOfAll } from "./layout.js";
import type { Decls, Direction, Init, NestedDecl } from "./types.js";

interface Known<T, P extends string> {
	readonly layout: Layout;
	readonly leaves: readonly FieldInfo[];
	readonly offsets: Readonly<Record<P, number>>;
	codec: Codec<T> | undefined;
}

/** A declared struct: its layout, and everything that follows from it. */
export class StructType<T = Record<string, unknown>, P extends string = string, D extends Decls = Decls> implements NestedDecl<D> {
	readonly kind = "struct";
	#known: Known<T, P> | undefined;
	#shape: Pick<Layout, "size" | "align"> | undefined;
	readonly #dir: Direction;

	constructor(
		readonly name: string,
		readonly decl: D,
		readonly doc: string,
		dir: Direction,
		readonly proposal = false,
	) {
		this.#dir = dir;
	}

	/** In bytes, without a flexible array's elements. */
	get size(): number {
		return this.#outline.size;
	}

	get align(): number {
		return this.#outline.align;
	}

	/** The struct's own fields; those of nested structs are under their `fields`. */
	get fields(): readonly FieldInfo[] {
		return this.#derived.layout.fields;
	}

	/** Every field that holds numbers, nested ones too, in order of declaration. */
	get leaves(): readonly FieldInfo[] {
		return this.#derived.leaves;
	}

	/** Field path to byte offset. */
	get offsets(): Readonly<Record<P, number>> {
		return this.#derived.offsets;
	}

	/**
	 * The value at a byte offset. Missing bytes at the end count as zero, as with a smaller `size`; a flexible array
	 * takes the whole elements that follow.
	 */
	decode(bytes: Uint8Array, offset = 0): T {
		return this.#codec.decode(bytes, offset);
	}

	/**
	 * The bytes of a value, in a new array or written `into` one (which is then returned); missing fields are zero. Of
	 * overlapping union members, the one that the selecting field names is written last. A value that does not fit
	 * its field is an InputError.
	 */
	encode(value: Init<T>, into?: Uint8Array, offset = 0): Uint8Array {
		return this.#codec.encode(value, into, offset);
	}

	/**
	 * The bytes of an array of structs, one after another; plain arrays are fastest. With `into` they are written to its
	 * start, and only that part of it is returned.
	 */
	encodeArray(values: Iterable<Init<T>>, into?: Uint8Array): Uint8Array {
		return this.#codec.encodeArray(Array.isArray(values) ? values : Array.from(values), into);
	}

	/** The structs that lie one after another; an InputError if the last one is incomplete. */
	decodeArray(bytes: Uint8Array): T[] {
		return this.#codec.decodeArray(bytes);
	}

	get #codec(): Codec<T> {
		const derived = this.#derived;
		derived.codec ??= new Codec<T>(this.name, derived.layout);
		return derived.codec;
	}

	/** Most structs are asked for no more than this. */
	get #outline(): Pick<Layout, "size" | "align"> {
		this.#shape ??= shapeOfAll(this.decl);
		return this.#shape;
	}

	/** Worked out on first use, as most runs use few of the structs. */
	get #derived(): Known<T, P> {
		if (this.#known) return this.#known;
		const made = layout(this.decl, this.#dir);
		const leaves: FieldInfo[] = [];
		const offsets: Record<string, number> = {};
		const visit = (fields: readonly FieldInfo[]) => {
			for (const field of fields) {
				offsets[field.path] = field.offset;
				if (field.fields) visit(field.fields);
				else leaves.push(field);
			}
		};
		visit(made.fields);
		this.#known = { layout: made, leaves, offsets: Object.freeze(offsets) as Record<P, number>, codec: undefined };
		return this.#known;
	}
}
