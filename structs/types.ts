/** The types of the declaration language: what a declaration is, and the type of the values it describes. */
import type { ConstSet } from "./sets.js";

export type ScalarName = "u8" | "u16" | "u32" | "u64" | "s8" | "s16" | "s32" | "s64";
/** Who fills a field: the caller, the kernel, or one and then the other. */
export type Direction = "in" | "out" | "inout";
/** What a number stands for; help, completion and printing depend on it. "bits": a register, or any pattern of bits. */
export type Role = "ptr" | "fd" | "reserved" | "size" | "id" | "iova" | "len" | "pasid" | "count" | "bits";

export interface Scalar<V = number | bigint> {
	readonly kind: "scalar";
	readonly name: ScalarName;
	readonly size: number;
	readonly align: number;
	readonly signed: boolean;
	readonly set?: ConstSet;
	/** Constants outside `set` that the field also takes (the selftest driver's). */
	readonly extra?: ConstSet;
	readonly role?: Role;
	readonly dir?: Direction;
	readonly doc?: string;
	/** A copy that holds values of a set, plus single constants of other sets. */
	of(set: ConstSet, extra?: ConstSet): Scalar<V>;
	as(role: Role): Scalar<V>;
	out(): Scalar<V>;
	inout(): Scalar<V>;
	note(doc: string): Scalar<V>;
	/** Exists only in the type: the value that the field decodes to. */
	readonly value?: V;
}

export interface ArrayDecl<E extends FieldDecl = FieldDecl> {
	readonly kind: "array";
	readonly element: E;
	/** 0: a flexible array, which lies beyond the struct's `size`. */
	readonly length: number;
	readonly doc?: string;
	readonly dir?: Direction;
}

export interface Bits {
	readonly width: number;
	readonly set?: ConstSet;
	readonly doc?: string;
}

/** Bit fields that share one u32, the first in the lowest bits. Always anonymous (`$key`). */
export interface BitsDecl<B extends Record<string, Bits> = Record<string, Bits>> {
	readonly kind: "bits";
	readonly parts: B;
}

export type Decls = Readonly<Record<string, FieldDecl>>;

/** Which member of a union is active, by the value of an earlier field. */
export interface Selector {
	readonly by: string;
	readonly when: Readonly<Record<string, number>>;
}

export interface UnionDecl<D extends Decls = Decls> {
	readonly kind: "union";
	readonly members: D;
	readonly select?: Selector;
}

/** A struct inside another: either named (another declaration) or written in place. */
export interface NestedDecl<D extends Decls = Decls> {
	readonly kind: "struct";
	readonly name: string;
	readonly decl: D;
	readonly doc: string;
}

export type FieldDecl = Scalar<number> | Scalar<bigint> | ArrayDecl | BitsDecl | UnionDecl | NestedDecl;

type Merge<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never;
type Flat<T> = { [K in keyof T]: T[K] };
/** A key that starts with `$` declares an anonymous member: its own members are the struct's. */
type Anonymous<D> = Extract<keyof D, `$${string}`>;

export type ValueOf<F> =
	F extends Scalar<infer V>
		? V
		: F extends ArrayDecl<infer E>
			? ValueOf<E>[]
			: F extends UnionDecl<infer D>
				? StructValue<D>
				: F extends NestedDecl<infer D>
					? StructValue<D>
					: F extends BitsDecl<infer B>
						? { [K in keyof B]: number }
						: never;

/** What a struct decodes to: bigint for 64 bits, number for less, arrays, objects. */
export type StructValue<D> = Flat<
	{ [K in Exclude<keyof D, Anonymous<D>>]: ValueOf<D[K]> } & (Anonymous<D> extends never ? unknown : Merge<ValueOf<D[Anonymous<D>]>>)
>;

type Sub<K extends string, F> = F extends UnionDecl<infer D> | NestedDecl<infer D> ? K | `${K}.${StructPath<D>}` : K;
type Within<F> = F extends UnionDecl<infer D> ? StructPath<D> : F extends BitsDecl<infer B> ? keyof B & string : never;

/** Every field path of a struct: `iova`, `access_pages.iova`. */
export type StructPath<D> = {
	[K in keyof D & string]: K extends `$${string}` ? Within<D[K]> : Sub<K, D[K]>;
}[keyof D & string];

/** What encoding takes: any part of the value; the rest is zero. */
export type Init<T> = T extends (infer E)[] ? readonly Init<E>[] : T extends object ? { readonly [K in keyof T]?: Init<T[K]> } : T;
