/** Translates a DMA access through both stages, with caches; the same for every vendor. */
import type { Cached, IommuCaches } from "./caches.js";
import type { WalkObserver } from "./observe.js";
import type { PhysMemory } from "./phys-memory.js";
import type { RangeEntry } from "./range-cache.js";
import { type FaultKind, READ, type WalkCache, type WalkResult, WRITE } from "./walk.js";

/** The host's tables beneath a guest's: the mappings of an IOAS. */
export interface Stage2 {
	/** Looks up a guest-physical address; undefined: not mapped. */
	find(ipa: bigint): Stage2Page | undefined;
}

export interface Stage2Page {
	/** host-physical address of the byte looked up */
	readonly pa: bigint;
	/** READ, WRITE */
	readonly perm: number;
	/** log2 of the aligned block that this applies to, at least 12 */
	readonly shift: number;
}

export type Outcome =
	/** `length`: bytes from there on that this translation covers */
	{ readonly ok: true; readonly pa: bigint; readonly length: bigint } | Refusal;

export interface Refusal {
	readonly ok: false;
	readonly kind: FaultKind;
	/** 2: the host's tables do not map it, or refuse the access; of a table of the guest too */
	readonly stage: 1 | 2;
	/** stage 2: the host maps it, but forbids the access */
	readonly mapped: boolean;
	/** a table of the guest was being read or updated, not the data itself */
	readonly table: boolean;
	readonly level: number;
	/** the guest-physical address that stage 2 refused, or that of the guest's faulting entry */
	readonly ipa: bigint;
	/** it was an ATS request: nothing is recorded, and the device may send a page request (PRI) */
	readonly ats: boolean;
}

/** The address space of a request, and the device if it caches translations. */
export interface Space {
	readonly caches: IommuCaches;
	readonly domain: number;
	/** PASID or ASID */
	readonly context: number;
	/** a cached translation allows reading whatever stage 2 says */
	readonly hitsAllowReads?: boolean;
	/** for a device that caches translations itself: its requester ID, and its PASID or NO_PASID */
	readonly ats?: { readonly device: number; readonly context: number };
	/** told what is read; absent: nobody draws this translation */
	readonly observe?: WalkObserver;
}

/** One stage 1, whatever its architecture. */
export interface Stage1 {
	/** walks the guest's tables; `memory` is guest-physical */
	walk(memory: PhysMemory, va: bigint, access: number, cache: WalkCache, observe?: WalkObserver): WalkResult;
	/** why these permissions refuse an access; undefined: they allow it */
	refuses(perm: number, access: number): FaultKind | undefined;
	/** a root that was already translated when its pointer was fetched: guest-physical page and host page */
	readonly root?: { readonly ipa: bigint; readonly pa: bigint };
	/** the tables can mark entries as global, and they are cached as such */
	readonly globals?: boolean;
}

/** A guest's physical memory as its IOMMU reads it: through the host's tables. */
export function guestMemory(host: PhysMemory, stage2: Stage2, root?: Stage1["root"], observe?: WalkObserver): PhysMemory {
	const locate = (ipa: bigint, perm: number): bigint | undefined => {
		if (root && (ipa & ~0xfffn) === root.ipa) return root.pa | (ipa & 0xfffn);
		const page = stage2.find(ipa);
		observe?.located(ipa, page, perm);
		return page && (page.perm & perm) === perm ? page.pa : undefined;
	};
	return {
		read64: (ipa) => {
			const pa = locate(ipa, READ);
			return pa === undefined ? undefined : host.read64(pa);
		},
		write64: (ipa, value) => {
			const pa = locate(ipa, WRITE);
			return pa !== undefined && (host.write64?.(pa, value) ?? false);
		},
	};
}

/** Translates an access through the host's tables alone; undefined if they refuse it. */
export function translateStage2(
	stage2: Stage2,
	ipa: bigint,
	access: number,
	observe?: WalkObserver,
): { ok: true; pa: bigint; length: bigint } | undefined {
	const page = stage2.find(ipa);
	observe?.output(ipa, page);
	const wanted = access & (READ | WRITE);
	if (!page || (page.perm & wanted) !== wanted) return undefined;
	const size = 1n << BigInt(page.shift);
	return { ok: true, pa: page.pa, length: size - (ipa & (size - 1n)) };
}

/** Translates one access from the caches, or by walking the tables, and caches the result. */
export function translate(space: Space, stage1: Stage1, stage2: Stage2, host: PhysMemory, va: bigint, access: number): Outcome {
	const { caches, domain, context, ats, observe } = space;
	const own = ats && caches.findAtc(ats.device, ats.context, va);
	// the device caches what it may do, and asks again for what it may not
	if (own && !stale(own.value, access) && !refusal(stage1, own.value, access)) return use(own, va);
	const cached = caches.findIotlb(domain, context, va);
	if (cached && !stale(cached.value, access)) {
		const refused = refusal(stage1, cached.value, access);
		if (refused) {
			const ipa = cached.value.ipa === undefined ? 0n : cached.value.ipa + (va - cached.first);
			return { ok: false, table: false, mapped: true, level: 0, ipa, ats: ats !== undefined, ...refused };
		}
		if (ats) caches.addAtc(ats.device, { ...cached, context: ats.context, global: false });
		return use(cached, va);
	}
	const memory = guestMemory(host, stage2, stage1.root, observe);
	const walked = stage1.walk(memory, va, access, caches.walkCache(domain, context), observe);
	if (!walked.ok) {
		const { fault: kind, level, entry: ipa } = walked;
		const table = kind === "table-fetch" || kind === "update";
		const under = table ? stage2.find(ipa) : undefined;
		const allowed = under !== undefined && (under.perm & (kind === "update" ? WRITE : READ)) !== 0;
		const stage = table && !allowed ? 2 : 1;
		return { ok: false, kind, stage, mapped: under !== undefined, table, level, ipa, ats: ats !== undefined };
	}
	const page = stage2.find(walked.pa);
	observe?.output(walked.pa, page);
	const wanted = access & (READ | WRITE);
	if (!page || (page.perm & wanted) !== wanted) {
		const kind = page ? "permission" : "not-present";
		return { ok: false, kind, stage: 2, mapped: page !== undefined, table: false, level: 0, ipa: walked.pa, ats: ats !== undefined };
	}
	const shift = Math.min(page.shift, walked.size.toString(2).length - 1);
	const inside = va & ((1n << BigInt(shift)) - 1n);
	const entry: RangeEntry<Cached> = {
		domain,
		context,
		first: va - inside,
		shift,
		global: stage1.globals === true && walked.global,
		value: {
			pa: page.pa - inside,
			perm: walked.perm,
			parent: page.perm | (space.hitsAllowReads ? READ : 0),
			ipa: walked.pa - inside,
			clean: walked.clean,
		},
	};
	caches.addIotlb(entry);
	if (ats) caches.addAtc(ats.device, { ...entry, context: ats.context, global: false });
	return use(entry, va);
}

function use(entry: RangeEntry<Cached>, va: bigint): Outcome {
	const offset = va - entry.first;
	return { ok: true, pa: entry.value.pa + offset, length: (1n << BigInt(entry.shift)) - offset };
}

/** Whether a write goes through a translation of a clean page, which must be marked dirty first. */
function stale(cached: Cached, access: number): boolean {
	return cached.clean === true && (access & WRITE) !== 0;
}

/** Checks a cached translation: stage 1 first, then stage 2. */
function refusal(stage1: Stage1, cached: Cached, access: number): { kind: FaultKind; stage: 1 | 2 } | undefined {
	const kind = stage1.refuses(cached.perm, access);
	if (kind) return { kind, stage: 1 };
	const wanted = access & (READ | WRITE);
	if (cached.parent !== undefined && (cached.parent & wanted) !== wanted) return { kind: "permission", stage: 2 };
	return undefined;
}
