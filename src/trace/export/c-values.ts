/** Writes numbers, struct values and bytes in C. */
import { constantsOf, type FieldInfo, inDecimal, nameOf, type StructType } from "../../../structs/index.js";
import type { Leaf } from "../tools/fields.js";

/** A variable of the program that replaces a field's number. */
export type Substitute = (leaf: Leaf) => string | undefined;

/** The constants that a C file uses, by name. */
export class Constants {
	readonly #values = new Map<string, number | bigint>();

	add(name: string, value: number | bigint): string {
		this.#values.set(name, value);
		return name;
	}

	/** A number in C: as constants by name, IDs in decimal, large numbers in hex. */
	number(field: FieldInfo, value: number | bigint): string {
		const text = nameOf(field, value, true);
		if (text === undefined) return number(value, inDecimal(field, value));
		const known = new Map(constantsOf(field));
		for (const name of text.split("|")) {
			const constant = known.get(name);
			if (constant !== undefined) this.#values.set(name, constant);
		}
		return text.replaceAll("|", " | ");
	}

	/** Definitions, in order of first use. */
	definitions(): string[] {
		return [...this.#values].map(([name, value]) => `#define ${name} ${number(value, false)}`);
	}
}

/** A number in C. */
export function number(value: number | bigint, decimal = false): string {
	if (value < 0) return `${value}`;
	if (decimal || value < 10) return `${value}${value > 0x7fffffff ? "U" : ""}`;
	return `0x${value.toString(16)}`;
}

type Values = Readonly<Record<string, unknown>>;

/**
 * The designated initialisers of a struct, one line for each field that is not zero. A field that holds the struct's
 * size is written as `sizeof`.
 */
export function initialisers(
	type: StructType,
	values: Values,
	constants: Constants,
	substitute: Substitute,
	self: string,
	depth: number,
): string[] {
	const pad = "\t".repeat(depth);
	const lines = (fields: readonly FieldInfo[], of: Values, prefix: string): string[] =>
		fields.flatMap((field) => {
			if (field.when && Number(of[field.when.by]) !== field.when.value) return [];
			// The kernel's own name for a word that the caller fills under another.
			if (field.dir === "out" && fields.some((other) => other.offset === field.offset && other.dir === "in" && !other.when)) return [];
			const value = of[field.name];
			const name = `${prefix}.${field.name}`;
			if (field.fields) return lines(field.fields, value as Values, name);
			const instead = substitute({ field, value });
			if (instead !== undefined) return [`${pad}${name} = ${instead},`];
			if (Array.isArray(value)) return isZero(value) ? [] : [`${pad}${name} = ${arrayText(field, value, constants)},`];
			if (field.role === "size" && value === type.size) return [`${pad}${name} = sizeof(${self}),`];
			return value === 0 || value === 0n ? [] : [`${pad}${name} = ${constants.number(field, value as number)},`];
		});
	return lines(type.fields, values, "");
}

function arrayText(field: FieldInfo, value: readonly unknown[], constants: Constants): string {
	const element = { ...field, length: undefined };
	const text = (one: unknown): string =>
		typeof one === "object" && one !== null
			? `{ ${Object.entries(one)
					.map(([name, part]) => `.${name} = ${Array.isArray(part) ? `{ ${part.map((n) => number(n)).join(", ")} }` : number(part)}`)
					.join(", ")} }`
			: constants.number(element, one as number);
	return `{ ${value.map(text).join(", ")} }`;
}

function isZero(value: unknown): boolean {
	if (Array.isArray(value)) return value.every(isZero);
	if (typeof value === "object" && value !== null) return Object.values(value).every(isZero);
	return value === 0 || value === 0n;
}

/** How many bytes a line of a string literal holds. */
const PER_LINE = 24;

/** Bytes as C string literals, line by line. */
export function bytesLines(hex: string): string[] {
	const escaped = hex.replace(/../g, "\\x$&");
	return escaped.match(new RegExp(`.{1,${PER_LINE * 4}}`, "g"))?.map((line) => `"${line}"`) ?? ['""'];
}

/** The value that all bytes share; undefined if they differ. */
export function uniformByte(hex: string): string | undefined {
	const first = hex.slice(0, 2);
	return hex.length > 2 && hex === first.repeat(hex.length / 2) ? `0x${first}` : undefined;
}
