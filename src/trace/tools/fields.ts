/** The fields of a step's struct, flattened. */
import { type FieldInfo, formatValue, type StructType } from "../../../structs/index.js";
import type { IoctlStep } from "../format.js";
import { requestStruct } from "../requests.js";

/** A number in a struct: its field and its value. */
export interface Leaf {
	readonly field: FieldInfo;
	readonly value: unknown;
}

type Values = Readonly<Record<string, unknown>>;

/** Every field that holds numbers; of a union with a selector, only the active member. */
export function leavesOf(type: Pick<StructType, "fields">, values: Values): Leaf[] {
	return type.fields.flatMap((field) => {
		if (field.when && Number(values[field.when.by]) !== field.when.value) return [];
		const value = values[field.name];
		return field.fields ? leavesOf({ fields: field.fields }, value as Values) : [{ field, value }];
	});
}

/** An ioctl's bytes as its struct, if they are exactly one and decoding loses nothing. */
export function wholeStruct(step: IoctlStep, hex: string): { readonly type: StructType; readonly values: Values } | undefined {
	const type = requestStruct(step.request);
	if (type === undefined || hex.length !== type.size * 2) return undefined;
	return { type, values: type.decode(Buffer.from(hex, "hex")) as Values };
}

/** The fields that a call changed. */
export function changedLeaves(step: IoctlStep): Leaf[] {
	if (step.arg === undefined || step.out === undefined) return [];
	const before = wholeStruct(step, step.arg);
	const after = wholeStruct(step, step.out);
	if (before === undefined || after === undefined) return [];
	const text = new Map(leavesOf(before.type, before.values).map(({ field, value }) => [field.path, formatValue(field, value)]));
	return leavesOf(after.type, after.values).filter(({ field, value }) => text.get(field.path) !== formatValue(field, value));
}
