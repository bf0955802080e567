/** The declaration language: scalars, arrays, unions, bit fields and structs. */
import type { ConstSet } from "./sets.js";
import { StructType } from "./struct-type.js";
import type {
	ArrayDecl,
	Bits,
	BitsDecl,
	Decls,
	Direction,
	FieldDecl,
	NestedDecl,
	Role,
	Scalar,
	ScalarName,
	Selector,
	StructPath,
	StructValue,
	UnionDecl,
} from "./types.js";

class ScalarDecl<V> implements Scalar<V> {
	readonly kind = "scalar";
	readonly align: number;
	declare readonly set?: ConstSet;
	declare readonly extra?: ConstSet;
	declare readonly role?: Role;
	declare readonly dir?: Direction;
	declare readonly doc?: string;

	constructor(
		readonly name: ScalarName,
		readonly size: number,
		readonly signed = false,
	) {
		this.align = size;
	}

	of(set: ConstSet, extra?: ConstSet): Scalar<V> {
		return this.#with({ set, ...(extra && { extra }) });
	}

	as(role: Role): Scalar<V> {
		return this.#with({ role });
	}

	out(): Scalar<V> {
		return this.#with({ dir: "out" });
	}

	inout(): Scalar<V> {
		return this.#with({ dir: "inout" });
	}

	note(doc: string): Scalar<V> {
		return this.#with({ doc });
	}

	#with(change: { set?: ConstSet; extra?: ConstSet; role?: Role; dir?: Direction; doc?: string }): Scalar<V> {
		return Object.assign(new ScalarDecl<V>(this.name, this.size, this.signed), this, change);
	}
}

export const u8: Scalar<number> = new ScalarDecl<number>("u8", 1);
export const u16: Scalar<number> = new ScalarDecl<number>("u16", 2);
export const u32: Scalar<number> = new ScalarDecl<number>("u32", 4);
export const u64: Scalar<bigint> = new ScalarDecl<bigint>("u64", 8);
export const s8: Scalar<number> = new ScalarDecl<number>("s8", 1, true);
export const s16: Scalar<number> = new ScalarDecl<number>("s16", 2, true);
export const s32: Scalar<number> = new ScalarDecl<number>("s32", 4, true);
export const s64: Scalar<bigint> = new ScalarDecl<bigint>("s64", 8, true);

/** A user address. */
export const ptr = u64.as("ptr");
/** An object ID of a context. */
export const id = u32.as("id");

/** `length` elements of one type; a length of 0 is a flexible array at the struct's end. */
export function array<E extends FieldDecl>(element: E, length: number, doc?: string): ArrayDecl<E> {
	return { kind: "array", element, length, ...(doc && { doc }) };
}

/** Members that overlap; `select` says which one is active. */
export function union<const D extends Decls>(members: D, select?: Selector): UnionDecl<D> {
	return { kind: "union", members, ...(select && { select }) };
}

/** A struct written in place, without a name of its own. */
export function inline<const D extends Decls>(decl: D, doc = ""): NestedDecl<D> {
	return { kind: "struct", name: "", decl, doc };
}

/** A part of a word: its width in bits, the constants it holds, and what it is. */
export function bit(width: number, set?: ConstSet, doc?: string): Bits {
	return { width, ...(set && { set }), ...(doc && { doc }) };
}

/** Bit fields in one u32, lowest bits first. */
export function bits<const B extends Record<string, Bits>>(parts: B): BitsDecl<B> {
	return { kind: "bits", parts };
}

export interface StructOptions {
	/** Who fills the fields that do not say so themselves. */
	readonly dir?: Direction;
	/** Never became uAPI: not part of the pinned facts. */
	readonly proposal?: boolean;
}

/** Declare a struct by its uAPI name; offsets follow from natural alignment, as in C on x86-64 and arm64. */
export function struct<const D extends Decls>(
	name: string,
	decl: D,
	doc: string,
	options: StructOptions = {},
): StructType<StructValue<D>, StructPath<D>, D> {
	return new StructType(name, decl, doc, options.dir ?? "in", options.proposal ?? false);
}
