/** What a struct is, for help texts: from the declaration alone. */
import type { FieldInfo } from "./layout.js";
import { constantsOf } from "./names.js";
import type { StructType } from "./struct-type.js";

export interface FieldRow {
	readonly path: string;
	readonly type: string;
	readonly offset: number;
	readonly size: number;
	/** `in`, `out`, `in/out` or `reserved`. */
	readonly use: string;
	readonly doc: string;
	/** The names that the field takes, and their numbers. */
	readonly constants: readonly (readonly [name: string, value: number])[];
}

/** A row for each field, nested ones after the struct that holds them. */
export function describeStruct(type: StructType): FieldRow[] {
	const rows = (fields: readonly FieldInfo[]): FieldRow[] => fields.flatMap((field) => [row(field), ...rows(field.fields ?? [])]);
	return rows(type.fields);
}

function row(field: FieldInfo): FieldRow {
	const use = field.role === "reserved" ? "reserved" : field.dir === "inout" ? "in/out" : field.dir;
	const condition = field.when ? ` (while ${field.when.by} is ${field.when.value})` : "";
	return {
		path: field.path,
		type: field.type,
		offset: field.offset,
		size: field.size,
		use,
		doc: `${field.doc}${condition}`.trim(),
		constants: constantsOf(field),
	};
}
