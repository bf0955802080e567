/** What releases do otherwise than Linux 7.3, as named rules. */
import { ordinal } from "./ordinal.js";

/** Something that a release changed. */
export interface Rule {
	/** what and where: `hwpt-invalidate.wrong-type`, or the name of a call, flag or operation */
	readonly name: string;
	/** the first release with the change; undefined: not known, so only 7.3 and newer have it */
	readonly since: string | undefined;
	/** what the releases before it do */
	readonly before: string;
	/** for a fix: the first 12 digits of the commit, and its subject in short */
	readonly fix?: string;
}

type Change = Omit<Rule, "name"> & { readonly since: string };

/**
 * Changes of behaviour, which the code asks for by name; new calls, flags, fields and types are in table.ts.
 * docs/releases.md says how each is known.
 */
const changes = {
	"hwpt-alloc.fault-flag": {
		since: "6.14",
		before: "drivers see IOMMU_HWPT_FAULT_ID_VALID, and refuse it (EOPNOTSUPP) for a page table that the kernel manages",
	},
	"hwpt-invalidate.wrong-type": {
		since: "6.13",
		before: "an ID that is not a nested page table is ENOENT; since virtual IOMMUs are taken too, it is EINVAL",
	},
	"map.length-first": {
		since: "6.13",
		before: "a length within a page of 2^64 is EINVAL, whether or not the memory's end is beyond the last address (EOVERFLOW)",
	},
	"dirty.tracking-off": {
		since: "6.19",
		before: "the bitmap of a mock page table whose tracking is off stays as it is, and what was dirty stays dirty",
	},
	"selftest.page-tables": {
		since: "6.19",
		before:
			"mock page tables have entries of 2048 bytes (with the device flag 2 also of 1 MiB), kept in a list of their own; their data is iommu_hwpt_selftest without pagetable_type, and only nested ones take it",
	},
	"selftest.mark-dirty": {
		since: "6.19",
		before:
			"DIRTY marks the entry whose number is IOVA / page_size, which is that of the IOVA only where page_size is 2048, and counts what is mapped",
	},
} as const satisfies Readonly<Record<string, Change>>;

/** A change that the code asks for. */
export type ChangeName = keyof typeof changes;

/** All of them. */
export const rules: readonly Rule[] = Object.entries<Change>(changes).map(([name, change]) => ({ name, ...change }));

const byName = new Map(rules.map((rule) => [rule.name, { rule, number: ordinal(rule.since as string) }]));

/** The rule of a change, and its release as a number. */
export function ruleOf(name: ChangeName): { readonly rule: Rule; readonly number: number } {
	return byName.get(name) as { rule: Rule; number: number };
}
