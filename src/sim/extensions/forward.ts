import { AMD_COMMANDS, decodeAmdCommand, encodeAmdCommand } from "../../formats/amd/commands.js";
import { decodeSmmuCommand, encodeSmmuCommand, SMMU_COMMANDS } from "../../formats/smmuv3/commands.js";
import { decodeVtdDescriptor, encodeVtdDescriptor, VTD_DESCRIPTORS } from "../../formats/vtd/descriptors.js";
import type { Values } from "../../formats/words.js";
import type { Invalidation } from "../mmu/caches.js";
import { amdInvalidations, smmuInvalidations, vtdInvalidations } from "../vendors/invalidations.js";
import { smmuEntry } from "../vendors/smmuv3/forward.js";
import { vtdEntry } from "../vendors/vtd/forward.js";

export type QueueKind = "vtd" | "smmuv3" | "amd";

/** What becomes of one descriptor of a guest's queue. */
export type Fate =
	/** it becomes an entry of an invalidation array */
	| { readonly kind: "entry"; readonly target: number; readonly bytes: Uint8Array }
	/** several page tables are meant */
	| { readonly kind: "entries"; readonly targets: readonly number[]; readonly bytes: Uint8Array }
	/** the VMM does it itself: completes a wait, answers a page request, attaches again */
	| { readonly kind: "vmm"; readonly why: string }
	/** nothing has to be done */
	| { readonly kind: "covered"; readonly why: string }
	/** there is no way to hand it on */
	| { readonly kind: "lost"; readonly why: string };

export interface Forwarded {
	readonly index: number;
	/** the descriptor's name, or its number */
	readonly name: string;
	readonly fields: Readonly<Values>;
	readonly fate: Fate;
}

/** An array for one IOMMU_HWPT_INVALIDATE. */
export interface InvalidationArray {
	/** a nested page table, or a virtual IOMMU */
	readonly target: number;
	/** indices of the descriptors that it is made of */
	readonly from: readonly number[];
	readonly bytes: Uint8Array;
	readonly count: number;
}

/** Where entries go. */
export interface Targets {
	/** without anything else: the nested page table, or the virtual IOMMU */
	readonly otherwise: number | undefined;
	/** page tables by the guest's PASID, and by its domain ID */
	readonly pasids: ReadonlyMap<number, readonly number[]>;
	readonly domains: ReadonlyMap<number, readonly number[]>;
}

/** The descriptors of a queue, one after another, each `size` bytes. */
export function splitQueue(bytes: Uint8Array, size: number): Uint8Array[] {
	return Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

/** What becomes of each descriptor. */
export function forward(kind: QueueKind, descriptors: readonly Uint8Array[], targets: Targets): Forwarded[] {
	return descriptors.map((bytes, index) => {
		if (kind === "vtd") {
			const descriptor = decodeVtdDescriptor(bytes);
			return { index, name: descriptor.name ?? `type ${descriptor.type}`, fields: descriptor.fields, fate: vtdEntry(descriptor, targets) };
		}
		if (kind === "smmuv3") {
			const command = decodeSmmuCommand(bytes);
			return {
				index,
				name: command.name ?? `opcode 0x${command.opcode.toString(16)}`,
				fields: command.fields,
				fate: smmuEntry(command, bytes, targets),
			};
		}
		const command = decodeAmdCommand(bytes);
		return { index, name: command.name ?? `opcode ${command.opcode}`, fields: command.fields, fate: amdFate(command.name) };
	});
}

function amdFate(name: string | undefined): Fate {
	switch (name) {
		case "COMPLETION_WAIT":
			return { kind: "vmm", why: "the VMM stores the data, or raises the interrupt, when what is before it is done" };
		case "COMPLETE_PPR_REQUEST":
			return { kind: "vmm", why: "it answers a page request: fault respond" };
		case "INVALIDATE_DEVTAB_ENTRY":
			return { kind: "vmm", why: "a changed device table entry is another nested page table: allocate and attach it" };
		case "PREFETCH_IOMMU_PAGES":
			return { kind: "covered", why: "a hint, which may be ignored" };
		case "INVALIDATE_INTERRUPT_TABLE":
			return { kind: "lost", why: "interrupt remapping is no matter of iommufd" };
		case undefined:
			return { kind: "lost", why: "the opcode is reserved" };
		default:
			return {
				kind: "lost",
				why: "Linux 7.3 has no invalidation data type for AMD (vsva forward --table hands it to a table that vsva bind bound)",
			};
	}
}

/** Entries for one target after another, in order, at most `batch` in an array. */
export function batches(list: readonly Forwarded[], batch: number): InvalidationArray[] {
	const arrays: { target: number; from: number[]; parts: Uint8Array[] }[] = [];
	const open = new Map<number, (typeof arrays)[number]>();
	for (const { index, name, fate } of list) {
		// what follows a wait may not overtake it
		if (fate.kind === "vmm" || name === "WAIT") open.clear();
		if (fate.kind !== "entry" && fate.kind !== "entries") continue;
		for (const target of fate.kind === "entry" ? [fate.target] : fate.targets) {
			let array = open.get(target);
			if (array === undefined || array.from.length >= batch) {
				array = { target, from: [], parts: [] };
				open.set(target, array);
				arrays.push(array);
			}
			array.from.push(index);
			array.parts.push(fate.bytes);
		}
	}
	return arrays.map(({ target, from, parts }) => ({ target, from, bytes: concat(parts), count: parts.length }));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
	const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

/** What a descriptor does to caches that know the guest's own numbers (a table that was bound as a whole). */
export function invalidationsOf(kind: QueueKind, bytes: Uint8Array): Invalidation[] {
	if (kind === "vtd") return vtdInvalidations(decodeVtdDescriptor(bytes));
	if (kind === "smmuv3") return smmuInvalidations(decodeSmmuCommand(bytes), 0);
	// a guest's table is one domain of its own, however the guest calls it
	return amdInvalidations(decodeAmdCommand(bytes)).map(({ domain: _, ...rest }) => rest);
}

/** A descriptor from its name and fields. Throws a RangeError that says what is wrong. */
export function encodeDescriptor(kind: QueueKind, name: string, fields: Readonly<Values>, size: 16 | 32): Uint8Array {
	const names: Readonly<Record<string, unknown>> = { vtd: VTD_DESCRIPTORS, smmuv3: SMMU_COMMANDS, amd: AMD_COMMANDS }[kind];
	if (!Object.hasOwn(names, name))
		throw new RangeError(`no ${kind} descriptor is called "${name}"; there are ${Object.keys(names).join(", ")}`);
	if (kind === "vtd") return encodeVtdDescriptor(name as keyof typeof VTD_DESCRIPTORS, fields, size);
	if (kind === "smmuv3") return encodeSmmuCommand(name as keyof typeof SMMU_COMMANDS, fields);
	return encodeAmdCommand(name as keyof typeof AMD_COMMANDS, fields);
}
