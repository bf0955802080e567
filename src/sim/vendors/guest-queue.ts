/** The interface of a vendor's guest invalidation queue, and the possible fates of its descriptors. */
import type { Values } from "../../formats/words.js";
import type { Invalidation } from "../mmu/caches.js";
import type { AtcError } from "../mmu/failing-atcs.js";

/** How one descriptor of a guest's queue is handled. */
export type Fate =
	/** it becomes an entry of an invalidation array */
	| { readonly kind: "entry"; readonly target: number; readonly bytes: Uint8Array }
	/** it becomes an entry for each of several page tables */
	| { readonly kind: "entries"; readonly targets: readonly number[]; readonly bytes: Uint8Array }
	/** the VMM handles it: completes a wait, answers a page request, attaches again */
	| { readonly kind: "vmm"; readonly why: string }
	/** nothing needs to be done */
	| { readonly kind: "covered"; readonly why: string }
	/** it cannot be forwarded */
	| { readonly kind: "lost"; readonly why: string };

/** The targets that entries are sent to. */
export interface Targets {
	/** the default: the nested page table, or the virtual IOMMU */
	readonly otherwise: number | undefined;
	/** page tables by the guest's PASID, and by its domain ID */
	readonly pasids: ReadonlyMap<number, readonly number[]>;
	readonly domains: ReadonlyMap<number, readonly number[]>;
}

/** A decoded descriptor and its fate. */
export interface Judged {
	/** the descriptor's name, or its number */
	readonly name: string;
	readonly fields: Readonly<Values>;
	readonly fate: Fate;
	/** it completes once everything before it is done, and nothing after it may overtake it */
	readonly waits?: boolean;
	/** what a completed wait writes to the guest's memory; undefined: nothing */
	readonly status?: { readonly address: bigint; readonly data: Uint8Array };
	/** the hardware would stop its queue here: the error's name */
	readonly stops?: string;
	/** it answers page requests */
	readonly response?: QueueResponse;
}

/** A response to page requests, in a guest's queue. */
export interface QueueResponse {
	/** the guest's requester ID of the device */
	readonly rid: number;
	/** undefined: without PASID; null: the response does not say */
	readonly pasid: number | undefined | null;
	readonly group: number;
	readonly code: "success" | "invalid" | "failure";
}

/** How hardware reports a device-TLB invalidation that failed: under which name, and whether its queue stops then. */
export interface CompletionError {
	readonly name: string;
	readonly stops: boolean;
}

/** A vendor's queue. */
export interface GuestQueue {
	/** what help calls its descriptors: "SMMUv3 commands" */
	readonly about: string;
	/** possible descriptor sizes in bytes, the usual one first */
	readonly sizes: readonly [number, ...number[]];
	/** the names of the descriptors */
	readonly names: readonly string[];
	/** Encodes a descriptor from its name and fields. Throws a RangeError that says what is wrong. */
	encode(name: string, fields: Readonly<Values>, size: number): Uint8Array;
	/** Decodes a descriptor and decides its fate. */
	forward(bytes: Uint8Array, targets: Targets): Judged;
	/** The invalidations of a descriptor for caches that use the guest's own IDs (a table that was bound as a whole). */
	invalidations(bytes: Uint8Array): Invalidation[];
	/** what becomes of device-TLB invalidations that fail; absent: nothing fails */
	readonly completionErrors?: Readonly<Record<AtcError, CompletionError>>;
	/** the kind of object whose invalidation arrays the entries go to */
	readonly target: "hwpt" | "viommu";
	/** the guest's PASIDs and domain IDs can select among several targets */
	readonly maps?: boolean;
	/** the arrays: IOMMU_HWPT_INVALIDATE's data type, and the size of an entry in bytes; absent: the uAPI has none */
	readonly array?: { readonly type: number; readonly entryLength: number };
}
