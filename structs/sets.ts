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
	/** The prefix that all names share, up to an underscore. */
	readonly prefix: string;
}

/** The key under which a set keeps the rest of its declaration. */
const INFO = Symbol("declared");
type Declared = ConstSet & { readonly [INFO]: SetInfo };

function declare<const V extends ConstSet>(kind: SetInfo["kind"], name: string, values: V, doc: string, derived = false): Readonly<V> {
	const entries = Object.entries(values);
	let prefix: string | undefined;
	const info: SetInfo = {
		name,
		kind,
		entries,
		doc,
		derived,
		// Worked out on first use, as most runs print few of the names.
		get prefix() {
			prefix ??= commonPrefix(entries.map(([entry]) => entry));
			return prefix;
		},
	};
	return Object.freeze(Object.defineProperty({ ...values }, INFO, { value: info })) as Readonly<V>;
}

/** The prefix that all names share, up to an underscore; for a single name, up to the word FLAG or FLAGS. */
function commonPrefix(names: readonly string[]): string {
	if (names.length < 2) return /^.*_FLAGS?_/.exec(names[0] ?? "")?.[0] ?? "";
	let prefix = names[0];
	while (!names.every((name) => name.startsWith(prefix))) prefix = prefix.slice(0, -1);
	return prefix.slice(0, prefix.lastIndexOf("_") + 1);
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
	const info = (set as Declared)[INFO];
	if (!info) throw new InputError("not a declared set of constants");
	return info;
}

/** Whether an object is a declared set. */
export function isSet(value: unknown): value is ConstSet {
	return typeof value === "object" && value !== null && INFO in value;
}
