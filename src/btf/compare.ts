/** Compares declared structs and sets with those of BTF. */
import { type ConstSet, type FieldInfo, type StructType, setInfo } from "../../structs/index.js";
import { type Btf, BtfError, type BtfType, KIND } from "./parse.js";

/** A member that has a name, as BTF has it; those of anonymous structs and unions belong to what holds them. */
interface Member {
	/** in bytes */
	readonly offset: number;
	readonly size: number;
	readonly bits?: { readonly shift: number; readonly width: number };
}

/** How a declared struct differs from that of a kernel. */
export interface LayoutDifference {
	/** the field's path, or the constant; undefined for the size of the whole */
	readonly name?: string;
	/** what differs: `offset`, `size`, a bit field's first `bit` or its `width`, `value`, or where it is missing */
	readonly what: "offset" | "size" | "bit" | "width" | "value" | "only declared" | "only there";
	/** as declared, and in the kernel; undefined where it is missing */
	readonly declared?: number;
	readonly there?: number;
}

/** The deepest nesting that a struct may have. */
const DEEPEST = 16;

function membersOf(btf: Btf, type: BtfType, at: number, prefix: string, into: Map<string, Member>, depth = 0): Map<string, Member> {
	if (depth > DEEPEST) throw new BtfError(`struct ${type.name} is nested too deeply`);
	for (const { name, type: id, offset, width } of btf.members(type)) {
		const inner = btf.resolved(id);
		const nested = inner.kind === KIND.struct || inner.kind === KIND.union;
		const byte = at + Math.floor(offset / 8);
		if (name !== "") {
			const word = at + Math.floor(offset / 32) * 4;
			const place: Member =
				width > 0 ? { offset: word, size: 4, bits: { shift: offset % 32, width } } : { offset: byte, size: btf.sizeOf(id) };
			into.set(prefix + name, place);
		}
		if (nested) membersOf(btf, inner, byte, name === "" ? prefix : `${prefix}${name}.`, into, depth + 1);
	}
	return into;
}

const withInner = (fields: readonly FieldInfo[]): FieldInfo[] => fields.flatMap((field) => [field, ...withInner(field.fields ?? [])]);

/** Where a declared struct differs from the kernel's; undefined if the kernel's types have no such struct. @throws BtfError */
export function structDifferences(btf: Btf, declared: StructType): LayoutDifference[] | undefined {
	const type = btf.find(declared.name);
	if (type === undefined) return undefined;
	const there = membersOf(btf, type, 0, "", new Map());
	const found: LayoutDifference[] = [];
	if (type.sizeOrType !== declared.size) found.push({ what: "size", declared: declared.size, there: type.sizeOrType });
	const fields = withInner(declared.fields);
	for (const { path, offset, size, bits, length } of fields) {
		const other = there.get(path);
		if (other === undefined) found.push({ name: path, what: "only declared", declared: offset });
		else if (other.offset !== offset) found.push({ name: path, what: "offset", declared: offset, there: other.offset });
		// A flexible array may be declared with one element.
		else if (other.size !== size && length !== 0) found.push({ name: path, what: "size", declared: size, there: other.size });
		else if (other.bits?.shift !== bits?.shift) found.push({ name: path, what: "bit", declared: bits?.shift, there: other.bits?.shift });
		else if (other.bits?.width !== bits?.width) found.push({ name: path, what: "width", declared: bits?.width, there: other.bits?.width });
	}
	const known = new Set(fields.map(({ path }) => path));
	for (const [path, { offset }] of there) {
		if (!known.has(path) && !inArray(path, fields)) found.push({ name: path, what: "only there", there: offset });
	}
	return found;
}

/** Whether a path lies in an array of structs, whose members have no paths here. */
const inArray = (path: string, fields: readonly FieldInfo[]): boolean =>
	fields.some((field) => field.length !== undefined && path.startsWith(`${field.path}.`));

/** Where an enum differs from the kernel's; undefined if the kernel's types have no such enum. @throws BtfError */
export function setDifferences(btf: Btf, declared: ConstSet): LayoutDifference[] | undefined {
	const { name, entries } = setInfo(declared);
	const type = btf.find(name, [KIND.enum, KIND.enum64]);
	if (type === undefined) return undefined;
	const there = new Map(btf.constants(type).map((one) => [one.name, Number(one.value)]));
	const found: LayoutDifference[] = [];
	for (const [entry, value] of entries) {
		const other = there.get(entry);
		if (other === undefined) found.push({ name: entry, what: "only declared", declared: value });
		else if (other !== value) found.push({ name: entry, what: "value", declared: value, there: other });
	}
	const known = new Set(entries.map(([entry]) => entry));
	for (const [entry, value] of there) if (!known.has(entry)) found.push({ name: entry, what: "only there", there: value });
	return found;
}

/** A difference in words, without the name of what it is in. */
export function differenceText({ name, what, declared, there }: LayoutDifference): string {
	const where = name === undefined ? "" : `${name}: `;
	switch (what) {
		case "only declared":
			return `${where}not in the kernel's`;
		case "only there":
			return `${where}only in the kernel's`;
		default:
			return `${where}${what} ${declared ?? "none"}, in the kernel's ${there ?? "none"}`;
	}
}
