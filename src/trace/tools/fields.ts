import { type FieldInfo, formatValue, type StructType } from "../../../structs/index.js";
import type { IoctlStep } from "../format.js";
import { requestStruct } from "../requests.js";

/** A number in a struct: what it is, and what it holds. */
export interface Leaf {
	readonly field: FieldInfo;
	readonly value: unknown;
}

type Values = Readonly<Record<string, unknown>>;

/** Every field with numbers that counts: of a union with a selector, the member that it names. */
export function leavesOf(type: Pick<StructType, "fields">, values: Values): Leaf[] {
	return type.fields.flatMap((field) => {
		if (field.when && Number(values[field.when.by]) !== field.when.value) return [];
		const value = values[field.name];
		return field.fields ? leavesOf({ fields: field.fields }, value as Values) : [{ field, value }];
	});
}

/** An ioctl's bytes as its struct, where they are exactly one and nothing of them is lost so. */
export function wholeStruct(step: IoctlStep, hex: string): { readonly type: StructType; readonly values: Values } | undefined {
	const type = requestStruct(step.request);
	if (type === undefined || hex.length !== type.size * 2) return undefined;
	return { type, values: type.decode(Buffer.from(hex, "hex")) as Values };
}

/** Fields of the bytes after a call that are not as before. */
export function changedLeaves(step: IoctlStep): Leaf[] {
	if (step.arg === undefined || step.out === undefined) return [];
	const before = wholeStruct(step, step.arg);
	const after = wholeStruct(step, step.out);
	if (before === undefined || after === undefined) return [];
	const text = new Map(leavesOf(before.type, before.values).map(({ field, value }) => [field.path, formatValue(field, value)]));
	return leavesOf(after.type, after.values).filter(({ field, value }) => text.get(field.path) !== formatValue(field, value));
}
