/** The queue in which a guest asks a vendor's IOMMU for invalidations, and where its descriptors can go. */
import type { Values } from "../../formats/words.js";
import type { Invalidation } from "../mmu/caches.js";

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

/** Where entries go. */
export interface Targets {
	/** without anything else: the nested page table, or the virtual IOMMU */
	readonly otherwise: number | undefined;
	/** page tables by the guest's PASID, and by its domain ID */
	readonly pasids: ReadonlyMap<number, readonly number[]>;
	readonly domains: ReadonlyMap<number, readonly number[]>;
}

/** A descriptor, read and judged. */
export interface Judged {
	/** the descriptor's name, or its number */
	readonly name: string;
	readonly fields: Readonly<Values>;
	readonly fate: Fate;
	/** nothing behind it may overtake it */
	readonly waits?: boolean;
}

/** A vendor's queue. */
export interface GuestQueue {
	/** its descriptors in help: "SMMUv3 commands" */
	readonly about: string;
	/** bytes that a descriptor may have, the usual number first */
	readonly sizes: readonly [number, ...number[]];
	/** what descriptors are called */
	readonly names: readonly string[];
	/** A descriptor from its name and fields. Throws a RangeError that says what is wrong. */
	encode(name: string, fields: Readonly<Values>, size: number): Uint8Array;
	/** What becomes of a descriptor. */
	forward(bytes: Uint8Array, targets: Targets): Judged;
	/** What a descriptor does to caches that know the guest's own numbers (a table that was bound as a whole). */
	invalidations(bytes: Uint8Array): Invalidation[];
	/** whose arrays entries go to */
	readonly target: "hwpt" | "viommu";
	/** several targets can be told apart by the guest's PASIDs and domain IDs */
	readonly maps?: boolean;
	/** the arrays: IOMMU_HWPT_INVALIDATE's data type, and bytes of an entry; absent: the uAPI has none */
	readonly array?: { readonly type: number; readonly entryLength: number };
}
