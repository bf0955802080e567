/** What other releases do otherwise than Linux 7.3, as named rules. */
import type { ReleaseRule as Rule } from "../../kernel/release-rule.js";
import { ordinal } from "./ordinal.js";

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
	"hwpt-alloc.fault-on-parent": {
		since: "6.15",
		also: ["6.12"],
		before: "a nesting parent can have a fault queue",
		fix: "1062d8108615 a nesting parent takes no fault queue (EOPNOTSUPP)",
	},
	"fault.short-read": {
		since: "6.15",
		also: ["6.12"],
		before: "a read that has no room for the first group of page faults answers 0, as at the end of a file",
		fix: "47916a54eeb2 short reads",
	},
	"vfio-unmap.nothing": {
		since: "6.18",
		also: ["6.12"],
		before: "VFIO_IOMMU_UNMAP_DMA of a range where nothing is mapped is ENOENT",
		fix: "afb47765f923 unmapping nothing succeeds",
	},
	"hwpt-invalidate.wrong-type": {
		since: "6.13",
		before: "an ID that is not a nested page table is ENOENT; since virtual IOMMUs are taken too, it is EINVAL",
	},
	"map.address-end": {
		since: "6.3",
		before: "memory whose end is beyond 2^64 is mapped all the same, until its pages are needed (EFAULT)",
		fix: "e4395701330f user addresses that wrap (EOVERFLOW)",
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
	"selftest.dmabuf-get": {
		since: "7.4",
		before: "DMABUF_GET opens the file at the lowest free descriptor, but returns 0",
		fix: "DMABUF_GET returns the descriptor",
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
