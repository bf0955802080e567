/** Guesses what a field stands for, from its name and its kernel-doc, as declarations say it. */
import type { ConstSet, Direction, Role, Scalar } from "../../structs/index.js";

const ROLES: readonly (readonly [role: Role, sizes: readonly number[], name: RegExp])[] = [
	["size", [4], /^(?:size|argsz)$/],
	["reserved", [1, 2, 4, 8], /^_*(?:reserved|rsvd|resv|pad(?:ding)?)\d*$/],
	["fd", [4], /(?:^|_)fd$/],
	["pasid", [4], /pasid$/],
	["id", [4], /(?:^|_)id$|devid$/],
	["ptr", [8], /(?:uptr|_ptr|^ptr|uaddr|user_va|_va|vaddr)$/],
	["iova", [8], /iova$/],
	["count", [2, 4, 8], /^(?:num|nr)_|_(?:num|nr|count)$|^count$/],
	["len", [4, 8], /(?:^|_)(?:len|length)$/],
];

/** What a number stands for, by the field's name; a size only in the first field. */
export function roleOf(name: string, { size }: Scalar, first: boolean): Role | undefined {
	const role = ROLES.find(([, sizes, pattern]) => sizes.includes(size) && pattern.test(name))?.[0];
	return role === "size" && !first ? undefined : role;
}

/** Who fills a field, as far as its text says so. */
export function directionOf(doc: string): Direction | undefined {
	if (/^\(?(?:out|output)\b/i.test(doc)) return "out";
	return /\bin\s*(?:\/|and)\s*out\b|\binput\s*(?:\/|and)\s*output\b|\bon (?:output|return|exit)\b/i.test(doc) ? "inout" : undefined;
}

/** The set that a field takes: the enum that its text names, or the one that is called like it. */
export function setFor(struct: string, field: string, doc: string, sets: (name: string) => ConstSet | undefined): ConstSet | undefined {
	for (const [, name] of doc.matchAll(/\benum\s+(\w+)/g)) {
		const set = sets(name);
		if (set) return set;
	}
	const names = [struct, struct.replace(/^iommu_/, "iommufd_"), struct.replace(/^iommufd_/, "iommu_")].map((name) => `${name}_${field}`);
	return names
		.flatMap((name) => [name, `${name}s`, name.replace(/s$/, "")])
		.map(sets)
		.find((set) => set !== undefined);
}
