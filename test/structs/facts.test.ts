/** Compares the declared structs, calls and enums with the debug information of a compiled kernel. */
import { describe, expect, it } from "vitest";
import {
	allSets,
	allStructs,
	type ConstSet,
	enumByName,
	type FieldInfo,
	type Ioctl,
	ioctlByName,
	ioctlByRequest,
	ioctls,
	setInfo,
	structByName,
} from "../../structs/index.js";
import { type FactField, facts } from "./facts.js";

interface Plain {
	name: string;
	type: string;
	offset: number;
	size: number;
	members?: Plain[];
}

/** Members of anonymous unions belong to the enclosing struct, as in C. */
const factFields = (fields: readonly FactField[]): Plain[] =>
	fields.flatMap((field) => {
		if (field.name === null) return factFields(field.members ?? []);
		// In debug information a flexible array has one element and size 0.
		const type = field.type?.replace(/\[1\]$/, (length) => (field.size === 0 ? "[]" : length)) ?? field.kind ?? "";
		const members = field.members && { members: factFields(field.members) };
		return [{ name: field.name, type, offset: field.offset, size: field.size, ...members }];
	});

const ownFields = (fields: readonly FieldInfo[]): Plain[] =>
	fields.map(({ name, type, offset, size, fields: members, decl }) => {
		const inPlace = decl.kind === "struct" && decl.name === "" && members;
		return { name, type, offset, size, ...(inPlace && { members: ownFields(members) }) };
	});

describe("structs", () => {
	it("declares every struct of the facts and no other, except for the proposals", () => {
		const declared = allStructs().filter((type) => !type.proposal);
		expect(declared.map((type) => type.name).sort()).toEqual(Object.keys(facts.structs).sort());
	});

	it.each(Object.entries(facts.structs))("%s: size, and each field's name, type, offset and size", (name, fact) => {
		const type = structByName(name);
		expect(type?.size).toBe(fact.size);
		expect(ownFields(type?.fields ?? [])).toEqual(factFields(fact.fields));
	});

	it("has an offset for each path", () => {
		for (const type of allStructs()) {
			for (const leaf of type.leaves) expect(type.offsets[leaf.path]).toBe(leaf.offset);
		}
	});

	it("says in one line what each struct and each field is", () => {
		for (const type of allStructs()) {
			expect(type.doc, type.name).toMatch(/^[^\n]{3,}$/);
			expect(new Set(type.leaves.map((leaf) => leaf.path)).size).toBe(type.leaves.length);
		}
	});
});

describe("calls", () => {
	it("declares every call of the facts and no other", () => {
		expect(Object.keys(ioctls).sort()).toEqual(Object.keys(facts.ioctls).sort());
	});

	it.each(Object.entries(facts.ioctls))("%s: request, struct, sizes and release", (name, fact) => {
		const ioctl = ioctlByName(name) as Ioctl;
		const size = fact.size ?? (fact.struct ? facts.structs[fact.struct].size : 0);
		const { makes: _makes, grew: _grew, ...own } = ioctl;
		expect({ ...own, struct: ioctl.struct?.name ?? null }).toEqual({
			name,
			request: fact.request,
			nr: fact.request & 0xff,
			struct: fact.struct,
			size,
			minSize: fact.min_size ?? size,
			...(fact.since && { since: fact.since }),
		});
	});

	it("finds a call by its number, and by the kind of file if two calls share one", () => {
		for (const ioctl of Object.values<Ioctl>(ioctls)) expect(ioctlByRequest(ioctl.request)?.request).toBe(ioctl.request);
		expect(ioctlByRequest(0x3b75)).toBe(ioctls.VFIO_IOMMU_DIRTY_PAGES);
		expect(ioctlByRequest(0x3b75, "device")).toBe(ioctls.VFIO_DEVICE_FEATURE);
		expect(ioctlByRequest(0x3b76, "device")).toBe(ioctls.VFIO_DEVICE_BIND_IOMMUFD);
		expect(ioctlByRequest(0x3b96)).toBeUndefined();
		expect(ioctlByName("toString")).toBeUndefined();
	});
});

describe("constants", () => {
	/** The facts name an anonymous enum by its first constant. */
	const ownName = (fact: string): string => {
		if (fact === "vfio defines") return "vfio_defines";
		if (!fact.startsWith("anonymous: ")) return fact;
		const first = fact.slice("anonymous: ".length);
		const set = allSets().find((one) => setInfo(one).entries[0][0] === first && !setInfo(one).derived);
		return set ? setInfo(set).name : `none for ${first}`;
	};

	it("declares every enum of the facts and no other", () => {
		const own = allSets().filter((set) => !setInfo(set).derived);
		expect(own.map((set) => setInfo(set).name).sort()).toEqual(Object.keys(facts.enums).map(ownName).sort());
	});

	it.each(Object.entries(facts.enums))("%s: each value", (name, fact) => {
		const set = enumByName(ownName(name)) as ConstSet;
		expect({ ...set }).toEqual(fact.values);
		expect(setInfo(set).entries).toEqual(Object.entries(fact.values));
	});

	it("tells single bits apart from numbers", () => {
		for (const set of allSets()) {
			const { kind, entries, name } = setInfo(set);
			if (kind !== "flags") continue;
			for (const [, value] of entries) expect(value !== 0 && (value & (value - 1)) === 0, name).toBe(true);
		}
	});
});
