/** Describes a struct for help texts, from its declaration alone. */
import type { FieldInfo } from "./layout.js";
import { constantsOf, nameOf } from "./names.js";
import type { StructType } from "./struct-type.js";

export interface FieldRow {
	readonly path: string;
	readonly type: string;
	readonly offset: number;
	readonly size: number;
	/** `in`, `out`, `in/out` or `reserved`. */
	readonly use: string;
	readonly doc: string;
	/** The constants that the field takes, by name and number. */
	readonly constants: readonly (readonly [name: string, value: number])[];
}

/** A row for each field, nested ones after the struct that holds them. */
export function describeStruct(type: StructType): FieldRow[] {
	const rows = (fields: readonly FieldInfo[]): FieldRow[] => fields.flatMap((field) => [row(field, fields), ...rows(field.fields ?? [])]);
	return rows(type.fields);
}

function row(field: FieldInfo, siblings: readonly FieldInfo[]): FieldRow {
	const { path, type, offset, size, role, dir, when } = field;
	const use = role === "reserved" ? "reserved" : dir === "inout" ? "in/out" : dir;
	const selector = when && siblings.find(({ name }) => name === when.by);
	const condition = when ? ` (while ${when.by} is ${nameOf(selector ?? {}, when.value, true) ?? when.value})` : "";
	return { path, type, offset, size, use, doc: `${field.doc}${condition}`.trim(), constants: constantsOf(field) };
}
