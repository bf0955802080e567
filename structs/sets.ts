/** Sets of named constants: enums, flags and defines. */
import { InputError } from "./errors.js";

/** A set of named constants, as declared: the values are its own properties. */
export type ConstSet = Readonly<Record<string, number>>;

export interface SetInfo {
	readonly name: string;
	/** "defines" is a bag of unrelated constants; it never names the values of a field as a whole. */
	readonly kind: "enum" | "flags" | "defines";
	readonly entries: readonly (readonly [name: string, value: number])[];
	readonly doc: string;
	/** A selection from `defines`, or a proposal's set: not an enum of the uAPI. */
	readonly derived: boolean;
}

const infos = new WeakMap<object, SetInfo>();

function declare<const V extends ConstSet>(kind: SetInfo["kind"], name: string, values: V, doc: string, derived = false): Readonly<V> {
	const set = Object.freeze({ ...values }) as Readonly<V>;
	infos.set(set, { name, kind, entries: Object.entries(values), doc, derived });
	return set;
}

/** An enum: a field holds exactly one of the values. If two names share a value, the first is printed. */
export function enumSet<const V extends ConstSet>(name: string, values: V, doc = ""): Readonly<V> {
	return declare("enum", name, values, doc);
}

/** Bits that a field may hold in any combination. */
export function flagSet<const V extends ConstSet>(name: string, values: V, doc = ""): Readonly<V> {
	return declare("flags", name, values, doc);
}

/** Constants that belong to no enum of the uAPI. */
export function defineSet<const V extends ConstSet>(name: string, values: V, doc = ""): Readonly<V> {
	return declare("defines", name, values, doc);
}

/** A set made for one field, of constants declared elsewhere or in a proposal. */
export function derivedSet<const V extends ConstSet>(kind: "enum" | "flags", name: string, values: V, doc = ""): Readonly<V> {
	return declare(kind, name, values, doc, true);
}

/** Name, kind and entries of a declared set; throws InputError for any other object. */
export function setInfo(set: object): SetInfo {
	const info = infos.get(set);
	if (!info) throw new InputError("not a declared set of constants");
	return info;
}

/** Whether an object is a declared set. */
export function isSet(value: unknown): value is ConstSet {
	return typeof value === "object" && value !== null && infos.has(value);
}
