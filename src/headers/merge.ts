/** Puts a header's declarations beside those that are there: what is the same stays, what differs takes the old one's place. */
import {
	allStructs,
	type ConstSet,
	type Decls,
	type Direction,
	enumByName,
	everyCall,
	type FieldDecl,
	type FieldInfo,
	type Ioctl,
	isMadeFile,
	type Scalar,
	type StructType,
	setInfo,
	struct,
	structByName,
} from "../../structs/index.js";

/** Whether two sets have the same constants. */
export function sameSet(a: ConstSet, b: ConstSet): boolean {
	const [left, right] = [setInfo(a).entries, setInfo(b).entries];
	return left.length === right.length && left.every(([name, value], at) => right[at][0] === name && right[at][1] === value);
}

/** Whether two structs have the same fields at the same places. */
export function sameLayout(a: StructType, b: StructType): boolean {
	return a.size === b.size && same(a.fields, b.fields);
}

const same = (a: readonly FieldInfo[], b: readonly FieldInfo[]): boolean =>
	a.length === b.length &&
	a.every((field, at) => {
		const other = b[at];
		return (
			field.name === other.name &&
			field.offset === other.offset &&
			field.size === other.size &&
			field.length === other.length &&
			(field.scalar?.signed ?? false) === (other.scalar?.signed ?? false) &&
			field.bits?.width === other.bits?.width &&
			same(field.fields ?? [], other.fields ?? [])
		);
	});

type AnyScalar = Scalar<number> | Scalar<bigint>;

/** A new struct with what the declared one knows of its fields: sets, kinds of numbers, directions, which member counts when. */
export function inheriting(made: StructType, old: StructType, sets: (set: ConstSet) => ConstSet): StructType {
	const dir: Direction = old.fields.every((field) => field.dir === "out") ? "out" : "in";
	return struct(made.name, inherit(made.decl, old.decl, sets), made.doc.startsWith("struct ") ? old.doc : made.doc, {
		dir,
		proposal: old.proposal,
	});
}

function inherit(decl: Decls, old: Decls, sets: (set: ConstSet) => ConstSet): Decls {
	const byKey = (name: string, field: FieldDecl): FieldDecl | undefined =>
		Object.hasOwn(old, name) && !name.startsWith("$")
			? old[name]
			: Object.entries(old).find(([key, one]) => key.startsWith("$") && one.kind === field.kind && shareName(one, field))?.[1];
	return Object.fromEntries(Object.entries(decl).map(([name, field]) => [name, inheritField(field, byKey(name, field), sets)]));
}

const shareName = (a: FieldDecl, b: FieldDecl): boolean =>
	a.kind === "union" && b.kind === "union" && Object.keys(a.members).some((name) => Object.hasOwn(b.members, name));

function inheritField(field: FieldDecl, old: FieldDecl | undefined, sets: (set: ConstSet) => ConstSet): FieldDecl {
	if (field.kind === "scalar" && old?.kind === "scalar" && field.size === old.size) {
		let made = field as AnyScalar;
		if (old.set) made = made.of(sets(old.set), old.extra) as AnyScalar;
		if (old.role) made = made.as(old.role) as AnyScalar;
		if (old.dir === "out") made = made.out() as AnyScalar;
		if (old.dir === "inout") made = made.inout() as AnyScalar;
		return made.doc || !old.doc ? made : (made.note(old.doc) as AnyScalar);
	}
	if (field.kind === "union" && old?.kind === "union")
		return { ...field, members: inherit(field.members, old.members, sets), ...(old.select && { select: old.select }) };
	if (field.kind === "bits" && old?.kind === "bits") return old;
	return field;
}

/** Declared structs whose fields take a set, or hold a struct, that is not the same any more. */
export function affected(sets: ReadonlyMap<ConstSet, ConstSet>, structs: ReadonlyMap<string, StructType>): StructType[] {
	const changed = new Map(structs);
	for (let before = -1; changed.size !== before; ) {
		before = changed.size;
		for (const type of allStructs()) {
			if (changed.has(type.name)) continue;
			const decl = substitute(type.decl, sets, changed);
			if (decl === type.decl) continue;
			const dir: Direction = type.fields.every((field) => field.dir === "out") ? "out" : "in";
			changed.set(type.name, struct(type.name, decl, type.doc, { dir, proposal: type.proposal }));
		}
	}
	return [...changed.values()].filter(({ name }) => !structs.has(name));
}

function substitute(decl: Decls, sets: ReadonlyMap<ConstSet, ConstSet>, structs: ReadonlyMap<string, StructType>): Decls {
	const entries = Object.entries(decl).map(([name, field]) => [name, substituteField(field, sets, structs)] as const);
	return entries.every(([name, field]) => field === decl[name]) ? decl : Object.fromEntries(entries);
}

function substituteField(field: FieldDecl, sets: ReadonlyMap<ConstSet, ConstSet>, structs: ReadonlyMap<string, StructType>): FieldDecl {
	switch (field.kind) {
		case "scalar": {
			const set = field.set && sets.get(field.set);
			return set ? (field.of(set, field.extra) as FieldDecl) : field;
		}
		case "array": {
			const element = substituteField(field.element, sets, structs);
			return element === field.element ? field : { ...field, element };
		}
		case "union": {
			const members = substitute(field.members, sets, structs);
			return members === field.members ? field : { ...field, members };
		}
		case "struct": {
			const other = field.name ? structs.get(field.name) : undefined;
			if (other) return other;
			const decl = substitute(field.decl, sets, structs);
			return decl === field.decl || field.name ? field : { ...field, decl };
		}
		case "bits":
			return field;
	}
}

/** A row of a call with another struct. The least size stays: a kernel takes what it always took. */
export function withStruct(row: Ioctl, type: StructType | null): Ioctl {
	return Object.freeze({ ...row, struct: type, size: type?.size ?? 0, minSize: row.minSize > 0 ? row.minSize : (type?.size ?? 0) });
}

/** Rows of declared calls whose structs are replaced. */
export function affectedCalls(structs: ReadonlyMap<string, StructType>, own: ReadonlySet<string>): Ioctl[] {
	return everyCall().flatMap((row) => {
		const type = row.struct === null || own.has(row.name) ? undefined : structs.get(row.struct.name);
		return type === undefined ? [] : [withStruct(row, type)];
	});
}

/** The declared things of these names, if they are as the header has them. */
export const isDeclared = (made: StructType): boolean => {
	const old = structByName(made.name);
	return old !== undefined && sameLayout(made, old);
};

export const isDeclaredSet = (made: ConstSet): boolean => {
	const old = enumByName(setInfo(made).name);
	return old !== undefined && sameSet(made, old);
};

/** What a call of a header makes, by the names of its fields: out_NAME_id is an object, out_NAME_fd a file. */
export function madeBy(type: StructType): NonNullable<Ioctl["makes"]> {
	const makes = type.leaves.flatMap(({ path, name, role }): NonNullable<Ioctl["makes"]>[number][] => {
		const match = /^out_(?:(\w+)_)?(id|fd)$/.exec(name);
		if (!match || (role !== "id" && role !== "fd")) return [];
		const kind = (match[1] ?? "object").replaceAll("_", "-");
		return [match[2] === "id" ? { object: kind, id: path } : { file: kind, fd: path }];
	});
	// An object's ID comes before its file, as the first one is the call's value.
	return makes.sort((a, b) => Number(isMadeFile(a)) - Number(isMadeFile(b)));
}
