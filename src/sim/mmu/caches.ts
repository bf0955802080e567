/** The translation caches of an IOMMU and of the devices behind it. */
import type { Range } from "../../formats/ranges.js";
import type { CacheSizes } from "../board/description.js";
import { type AtcFailure, FailingAtcs, NO_PASID } from "./failing-atcs.js";
import { RangeCache, type RangeEntry, type RangeSelector } from "./range-cache.js";
import type { WalkCache, WalkStart } from "./walk.js";

/** A translation as a cache keeps it. */
export interface Cached {
	/** output address of the range's first byte */
	readonly pa: bigint;
	/** READ, WRITE, EXEC, USER of walk.ts: what the guest's tables allow */
	readonly perm: number;
	/** what the host's tables beneath allow, if there are any */
	readonly parent?: number;
	/** the guest-physical address between the two stages */
	readonly ipa?: bigint;
	/** not marked dirty yet: a write walks again */
	readonly clean?: boolean;
}

export { NO_PASID };

export type CacheName = "iotlb" | "paging" | "pasid" | "atc";

/** One invalidation, whatever requested it. An absent field matches everything. */
export interface Invalidation {
	/** the name it is counted under: the command's or the descriptor's */
	readonly type: string;
	readonly cache: CacheName;
	/** requester ID, for the PASID cache and ATCs */
	readonly device?: number;
	readonly domain?: number;
	readonly context?: number;
	readonly range?: Range;
	readonly keepGlobals?: boolean;
}

/** A PASID table entry or context descriptor that was fetched. */
export interface PasidEntry<C> {
	readonly device: number;
	/** PASID or substream ID */
	readonly context: number;
	/** VT-d domain ID, where descriptors select the entry by it */
	readonly domain?: number;
	readonly value: C;
}

/** One line of a listing. */
export interface CacheRow {
	readonly cache: CacheName;
	readonly device?: number;
	readonly domain?: number;
	readonly context: number;
	readonly range?: Range;
	readonly global?: boolean;
	readonly pa?: bigint;
	readonly perm?: number;
	/** for the paging-structure cache: the level of the table */
	readonly level?: number;
}

export interface CacheStats {
	readonly hits: Readonly<Record<CacheName, number>>;
	readonly misses: Readonly<Record<CacheName, number>>;
	readonly evictions: Readonly<Record<CacheName, number>>;
	/** invalidations by type; and the entries they dropped */
	readonly invalidations: Readonly<Record<string, { count: number; dropped: number }>>;
}

const zero = (): Record<CacheName, number> => ({ iotlb: 0, paging: 0, pasid: 0, atc: 0 });

/**
 * What one IOMMU and the devices behind it cache between transactions: IOTLB, paging-structure
 * cache, PASID (or context descriptor) cache, and the devices' own ATS caches. Entries stay
 * until they are invalidated or evicted; changes to memory go unnoticed.
 */
export class IommuCaches<C = unknown> {
	readonly #iotlb: RangeCache<Cached>;
	readonly #paging: RangeCache<WalkStart>;
	readonly #atcs = new Map<number, RangeCache<Cached>>();
	/** by device, then PASID; Map order is the order of use */
	readonly #pasids = new Map<number, PasidEntry<C>>();
	readonly #hits = zero();
	readonly #misses = zero();
	#pasidEvictions = 0;
	readonly #invalidations = new Map<string, { count: number; dropped: number }>();
	/** called for each invalidation that fails; true: it is submitted once more */
	onAtcFailure: ((failure: AtcFailure) => boolean) | undefined;
	readonly #pasidCapacity: number;
	readonly #atcCapacity: number;

	/** @param failing which invalidations of devices' caches will fail; the caches of one IOMMU share it */
	constructor(
		capacities: CacheSizes = {},
		readonly failing: FailingAtcs = new FailingAtcs(),
	) {
		this.#iotlb = new RangeCache(capacities.iotlb ?? 4096);
		this.#paging = new RangeCache(capacities.paging ?? 1024);
		this.#pasidCapacity = capacities.pasid ?? 4096;
		this.#atcCapacity = capacities.atc ?? 512;
	}

	findIotlb(domain: number, context: number, address: bigint): RangeEntry<Cached> | undefined {
		const entry = this.#iotlb.find(domain, context, address);
		if (entry) this.#hits.iotlb++;
		else this.#misses.iotlb++;
		return entry;
	}

	addIotlb(entry: RangeEntry<Cached>): void {
		this.#iotlb.add(entry);
	}

	/** The paging-structure cache of one address space, as a walker wants it. */
	walkCache(domain: number, context: number): WalkCache {
		return {
			find: (va) => {
				const entry = this.#paging.find(domain, context, va);
				if (entry) this.#hits.paging++;
				else this.#misses.paging++;
				return entry?.value;
			},
			add: (va, shift, value) => {
				const first = va & ~((1n << BigInt(shift)) - 1n);
				this.#paging.add({ domain, context, first, shift, value });
			},
		};
	}

	findPasid(device: number, context: number): C | undefined {
		const key = pasidKey(device, context);
		const entry = this.#pasids.get(key);
		if (!entry) {
			this.#misses.pasid++;
			return undefined;
		}
		this.#hits.pasid++;
		// the order of use matters only once the cache may have to evict
		if (this.#pasids.size * 2 > this.#pasidCapacity) {
			this.#pasids.delete(key);
			this.#pasids.set(key, entry);
		}
		return entry.value;
	}

	addPasid(entry: PasidEntry<C>): void {
		const key = pasidKey(entry.device, entry.context);
		this.#pasids.delete(key);
		if (this.#pasids.size >= this.#pasidCapacity) {
			const [oldest] = this.#pasids.keys();
			this.#pasids.delete(oldest);
			this.#pasidEvictions++;
		}
		this.#pasids.set(key, entry);
	}

	/** A device's own cache of translations; `context` is its PASID, or NO_PASID. */
	findAtc(device: number, context: number, address: bigint): RangeEntry<Cached> | undefined {
		const entry = this.#atcs.get(device)?.find(0, context, address);
		if (entry) this.#hits.atc++;
		else this.#misses.atc++;
		return entry;
	}

	addAtc(device: number, entry: Omit<RangeEntry<Cached>, "domain">): void {
		let atc = this.#atcs.get(device);
		if (!atc) {
			atc = new RangeCache(this.#atcCapacity);
			this.#atcs.set(device, atc);
		}
		atc.add({ ...entry, domain: 0 });
	}

	#fails(it: Invalidation): boolean {
		if (it.cache !== "atc" || it.device === undefined) return false;
		for (;;) {
			const failure = this.failing.take(it.device, it.context);
			if (failure === undefined) return false;
			if (this.onAtcFailure?.(failure) !== true) return true;
		}
	}

	/** Performs and counts it. Returns the number of entries dropped. */
	invalidate(it: Invalidation): number {
		const dropped = this.failing.any && this.#fails(it) ? 0 : this.#drop(it);
		const known = this.#invalidations.get(it.type);
		if (known) {
			known.count++;
			known.dropped += dropped;
		} else this.#invalidations.set(it.type, { count: 1, dropped });
		return dropped;
	}

	/** Empties a device's own cache, as a reset does; `contexts`: only what it cached for these PASIDs (or NO_PASID). */
	forgetAtc(device: number, contexts?: Iterable<number>): void {
		if (contexts === undefined) this.#atcs.delete(device);
		else for (const context of contexts) this.#atcs.get(device)?.invalidate({ context });
	}

	/** Drops what was cached for a device by itself and from its PASID table, as when it gets no more translations. */
	forget(device: number): void {
		this.forgetAtc(device);
		for (const [key, entry] of this.#pasids) if (entry.device === device) this.#pasids.delete(key);
	}

	#drop(it: Invalidation): number {
		switch (it.cache) {
			case "iotlb":
				return this.#iotlb.invalidate(it);
			case "paging":
				return this.#paging.invalidate(it);
			case "pasid": {
				const entries = this.#selectPasids(it);
				for (const e of entries) this.#pasids.delete(pasidKey(e.device, e.context));
				return entries.length;
			}
			case "atc": {
				let dropped = 0;
				for (const [, atc] of this.#selectAtcs(it)) dropped += atc.invalidate(atcSelector(it));
				return dropped;
			}
		}
	}

	/** What an invalidation would drop. */
	wouldHit(it: Invalidation): CacheRow[] {
		switch (it.cache) {
			case "iotlb":
				return this.#iotlb.select(it).map((e) => rowOf("iotlb", e));
			case "paging":
				return this.#paging.select(it).map(pagingRow);
			case "pasid":
				return this.#selectPasids(it).map(pasidRow);
			case "atc":
				return this.#selectAtcs(it).flatMap(([device, atc]) => atc.select(atcSelector(it)).map((e) => rowOf("atc", e, device)));
		}
	}

	/** Everything that is cached, oldest first within each cache. */
	list(): CacheRow[] {
		return [
			...Array.from(this.#pasids.values(), pasidRow),
			...Array.from(this.#paging.entries(), pagingRow),
			...Array.from(this.#iotlb.entries(), (e) => rowOf("iotlb", e)),
			...[...this.#atcs].flatMap(([device, atc]) => Array.from(atc.entries(), (e) => rowOf("atc", e, device))),
		];
	}

	stats(): CacheStats {
		let atc = 0;
		for (const cache of this.#atcs.values()) atc += cache.evictions;
		return {
			hits: { ...this.#hits },
			misses: { ...this.#misses },
			evictions: {
				iotlb: this.#iotlb.evictions,
				paging: this.#paging.evictions,
				pasid: this.#pasidEvictions,
				atc,
			},
			invalidations: Object.fromEntries([...this.#invalidations].map(([type, n]) => [type, { ...n }])),
		};
	}

	#selectPasids(it: Invalidation): PasidEntry<C>[] {
		if (it.device !== undefined && it.context !== undefined) {
			const entry = this.#pasids.get(pasidKey(it.device, it.context));
			return entry ? [entry] : [];
		}
		return [...this.#pasids.values()].filter(
			(e) =>
				(it.device === undefined || e.device === it.device) &&
				(it.context === undefined || e.context === it.context) &&
				(it.domain === undefined || e.domain === it.domain),
		);
	}

	#selectAtcs(it: Invalidation): [number, RangeCache<Cached>][] {
		if (it.device === undefined) return [...this.#atcs];
		const atc = this.#atcs.get(it.device);
		return atc ? [[it.device, atc]] : [];
	}
}

const pasidKey = (device: number, context: number) => device * 0x20_0000 + context;
const atcSelector = (it: Invalidation): RangeSelector => ({ context: it.context, range: it.range });

function rowOf(cache: "iotlb" | "atc", e: RangeEntry<Cached>, device?: number): CacheRow {
	return {
		cache,
		device,
		domain: cache === "atc" ? undefined : e.domain,
		context: e.context,
		range: { first: e.first, last: e.first + (1n << BigInt(e.shift)) - 1n },
		global: e.global,
		pa: e.value.pa,
		perm: e.value.perm,
	};
}

function pagingRow(e: RangeEntry<WalkStart>): CacheRow {
	return {
		cache: "paging",
		domain: e.domain,
		context: e.context,
		range: { first: e.first, last: e.first + (1n << BigInt(e.shift)) - 1n },
		pa: e.value.table,
		perm: e.value.perm,
		level: e.value.level,
	};
}

function pasidRow(e: PasidEntry<unknown>): CacheRow {
	return { cache: "pasid", device: e.device, domain: e.domain, context: e.context };
}
