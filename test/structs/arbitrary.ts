/** Random values for the fields of a struct, as fast-check arbitraries. */
import fc from "fast-check";
import { range } from "../../structs/codec-plain.js";
import type { FieldInfo, FieldValue, StructType } from "../../structs/index.js";
import { layout } from "../../structs/layout.js";

/** A value of one field; numbers are often at the ends of their range. */
export function fieldValue(field: FieldInfo): fc.Arbitrary<FieldValue> {
	if (field.fields) return fieldValues(field.fields);
	if (field.bits) return fc.integer({ min: 0, max: 2 ** field.bits.width - 1 });
	const { decl } = field;
	if (decl.kind !== "array") return number(field);
	const { element, length } = decl;
	const one: fc.Arbitrary<FieldValue> = element.kind === "struct" ? fieldValues(layout(element.decl).fields) : number(field);
	return fc.array(one, { minLength: length, maxLength: length || 5 });
}

function number(field: FieldInfo): fc.Arbitrary<number | bigint> {
	if (!field.scalar) throw new Error(`${field.path} holds no numbers`);
	const [least, most] = range(field.scalar);
	const any = fc.oneof(fc.constantFrom(least, 0n, 1n, most, (most + 1n) / 2n), fc.bigInt({ min: least, max: most }));
	return field.scalar.size === 8 ? any : any.map(Number);
}

/** A value for each field; overlapping members share one. */
export function fieldValues(fields: readonly FieldInfo[]): fc.Arbitrary<Record<string, FieldValue>> {
	const groups = new Map<string, FieldInfo[]>();
	for (const field of fields) {
		const key = field.bits ? field.path : field.when ? `union ${field.when.by}` : `${field.offset}`;
		groups.set(key, [...(groups.get(key) ?? []), field]);
	}
	const records = [...groups.values()].map((group) =>
		fc.constantFrom(...group).chain((field) => fieldValue(field).map((value) => [field, value] as const)),
	);
	return fc.tuple(...records).map((pairs) => {
		const values: Record<string, FieldValue> = {};
		for (const [{ name }, value] of pairs) values[name] = value;
		// The selector says which member is active.
		for (const [{ when }] of pairs) if (when) values[when.by] = when.value;
		return values;
	});
}

export const structValue = (type: StructType): fc.Arbitrary<Record<string, FieldValue>> => fieldValues(type.fields);
