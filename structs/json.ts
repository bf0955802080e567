/** Struct values as JSON: 64-bit numbers as hex strings, the others as numbers. */
import { elementOf } from "./codec-plain.js";
import { InputError } from "./errors.js";
import type { FieldInfo } from "./layout.js";
import { hexText } from "./names.js";
import { type FieldValue, parseValue } from "./parse.js";
import type { StructType } from "./struct-type.js";
import { orNearest } from "./suggest.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type Values = Readonly<Record<string, unknown>>;

/** The fields that count: of a union with a selector, only the active member; all members if none is active, so that nothing is lost. */
export function countingFields(fields: readonly FieldInfo[], values: Values): readonly FieldInfo[] {
	const active = fields.find((field) => field.when && Number(values[field.when.by] ?? 0) === field.when.value);
	return active ? fields.filter((field) => !field.when || field === active) : fields;
}

/** A value as JSON; fields that the value lacks are left out. */
export function toJson(type: Pick<StructType, "fields">, value: object): Record<string, Json> {
	return fieldsToJson(type.fields, value as Values);
}

function fieldsToJson(fields: readonly FieldInfo[], values: Values): Record<string, Json> {
	const out: Record<string, Json> = {};
	for (const field of countingFields(fields, values)) {
		const value = values[field.name];
		if (value !== undefined) out[field.name] = fieldToJson(field, value);
	}
	return out;
}

function fieldToJson(field: FieldInfo, value: unknown): Json {
	if (field.fields) return fieldsToJson(field.fields, value as Values);
	if (Array.isArray(value)) {
		const { fields } = elementOf(field);
		return value.map((element) => (fields ? fieldsToJson(fields, element as Values) : scalarToJson(element)));
	}
	return scalarToJson(value);
}

const scalarToJson = (value: unknown): Json => (typeof value === "bigint" ? hexText(value) : Number(value));

/**
 * The value that a JSON object describes, ready to encode: numbers, or strings in any form that `parseValue` takes.
 * An unknown field or a value of the wrong kind is an InputError that names the place.
 */
export function fromJson(type: Pick<StructType, "fields" | "name">, json: unknown, where = type.name): Record<string, FieldValue> {
	return fieldsFromJson(type.fields, json, where);
}

function fieldsFromJson(fields: readonly FieldInfo[], json: unknown, where: string): Record<string, FieldValue> {
	if (typeof json !== "object" || json === null || Array.isArray(json))
		throw new InputError(`${where}: expected an object of fields, got ${kind(json)}`);
	const out: Record<string, FieldValue> = {};
	for (const [name, value] of Object.entries(json)) {
		const field = fields.find((one) => one.name === name);
		const names = fields.map((one) => one.name);
		if (!field) throw new InputError(`${where} has no field "${name}"${orNearest(name, names) || `; its fields are ${names.join(", ")}`}`);
		out[name] = fieldFromJson(field, value, `${where}.${name}`);
	}
	return out;
}

function fieldFromJson(field: FieldInfo, json: unknown, where: string): FieldValue {
	if (field.fields) return fieldsFromJson(field.fields, json, where);
	if (field.length !== undefined && Array.isArray(json)) {
		if (field.length > 0 && json.length > field.length)
			throw new InputError(`${where}: ${json.length} elements given, but there is room for only ${field.length}`);
		const { fields } = elementOf(field);
		const element = { ...field, length: undefined };
		return json.map((one, i) => (fields ? fieldsFromJson(fields, one, `${where}[${i}]`) : fieldFromJson(element, one, `${where}[${i}]`)));
	}
	if (typeof json === "string") return parseValue(field, json, where);
	if (typeof json !== "number" || field.length !== undefined)
		throw new InputError(`${where}: expected ${field.length === undefined ? "a number or a string" : "an array"}, got ${kind(json)}`);
	if (!Number.isSafeInteger(json)) throw new InputError(`${where}: ${json} is not exact in JSON; write it as a string, such as "0x1000"`);
	return parseValue(field, String(json), where);
}

const kind = (json: unknown): string =>
	json === null ? "null" : Array.isArray(json) ? "an array" : typeof json === "object" ? "an object" : JSON.stringify(json);
