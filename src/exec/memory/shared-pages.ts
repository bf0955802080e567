/** The pages of a file that processes have mapped shared, or that IOAS_MAP_FILE names. */
import { closeSync, openSync, readdirSync, statSync } from "node:fs";
import { IntervalCounter, type MemoryObject } from "../../sim/index.js";
import { AT, type Native } from "../native.js";
import { keyOfStat, type Maps } from "./maps.js";
import type { RemoteBytes } from "./remote.js";

const PAGE_SIZE = 4096;
/** ranges of addresses that are remembered */
const SOURCES = 64;

/** A process that may have the file mapped. */
export interface Mapped {
	readonly bytes: RemoteBytes;
	readonly maps: Maps;
}

/** Where a process has pages of the file: `count` pages from `page` on are at address `at` (in pages). */
export interface Source {
	readonly memory: RemoteBytes;
	readonly maps: Maps;
	readonly at: number;
	readonly page: number;
	readonly count: number;
}

export class SharedPages implements MemoryObject {
	readonly kind = "memfd";
	readonly pins = new IntervalCounter();
	onMapping = undefined;
	/** bytes of one page of the file: more than 4096 for hugetlb */
	pageSize = PAGE_SIZE;
	readonly #native: Native;
	/** our own file, where it can be opened */
	#fd: number | undefined;
	#sources: Source[] = [];
	/** what was pinned when the last process unmapped it and no file could be opened */
	readonly #kept = new Map<number, Uint8Array>();
	readonly #others: () => Iterable<Mapped>;

	/** @param others all processes that may have it mapped */
	constructor(
		native: Native,
		others: () => Iterable<Mapped>,
		readonly frame: number,
		readonly key: string,
		readonly pages: number,
	) {
		this.#native = native;
		this.#others = others;
	}

	/** Notes a place where the pages can be reached. */
	addSource(source: Source): void {
		const known = this.#sources.some(
			(each) =>
				each.memory === source.memory &&
				each.at - each.page === source.at - source.page &&
				each.page <= source.page &&
				each.page + each.count >= source.page + source.count,
		);
		if (known) return;
		this.#sources = [source, ...this.#sources].slice(0, SOURCES);
		// Later its process may be gone.
		this.#reach();
	}

	blockAt(): number {
		return this.pageSize;
	}

	/** Opens the file at `path`, unless it is open. */
	open(path: string): void {
		if (this.#fd !== undefined) return;
		for (const flags of ["r+", "r"])
			try {
				this.#fd = openSync(path, flags);
				return;
			} catch {}
	}

	/** The process ends, or executes another program. */
	lose(memory: RemoteBytes): void {
		this.#reach();
		if (this.#fd === undefined) this.#keepPinned();
		this.#sources = this.#sources.filter((each) => each.memory !== memory);
	}

	/** A process is about to unmap [from, to), addresses in pages. */
	unmapping(memory: RemoteBytes, from: number, to: number): void {
		if (!this.#sources.some((each) => each.memory === memory && each.at < to && each.at + each.count > from)) return;
		if (!this.pins.empty) this.#reach();
		if (this.#fd === undefined) this.#keepPinned();
		this.#sources = this.#sources.flatMap((each) => (each.memory === memory ? cut(each, from, to) : [each]));
	}

	/** Nobody can need it any more. */
	get idle(): boolean {
		return this.pins.empty && this.#sources.length === 0;
	}

	close(): void {
		if (this.#fd !== undefined) closeSync(this.#fd);
		this.#fd = undefined;
	}

	readAt(page: number, offset: number, into: Uint8Array, at: number, count: number): void {
		this.#reach();
		const bytes = into.subarray(at, at + count);
		if (this.#fd !== undefined) {
			const { bytes: scratch } = this.#native;
			const got = this.#native.call("pread64", this.#fd, this.#native.at(AT.data), count, BigInt(page) * 4096n + BigInt(offset));
			if (got === count) {
				bytes.set(scratch.subarray(AT.data, AT.data + count));
				return;
			}
		}
		const place = this.#place(page);
		if (place !== undefined && place.memory.peek(address(place, page, offset), bytes) === count) return;
		const kept = this.#kept.get(page);
		if (kept === undefined) bytes.fill(0);
		else bytes.set(kept.subarray(offset, offset + count));
	}

	writeAt(page: number, offset: number, from: Uint8Array, at: number, count: number): void {
		this.#reach();
		const bytes = from.subarray(at, at + count);
		if (this.#fd !== undefined) {
			this.#native.bytes.set(bytes, AT.data);
			const done = this.#native.call("pwrite64", this.#fd, this.#native.at(AT.data), count, BigInt(page) * 4096n + BigInt(offset));
			if (done === count) return;
		}
		// hugetlb's files have no write
		const place = this.#place(page);
		if (place !== undefined && place.memory.poke(address(place, page, offset), bytes) === count) return;
		this.#kept.get(page)?.set(bytes, offset);
	}

	clearAt(page: number, offset: number, count: number): void {
		this.writeAt(page, offset, new Uint8Array(count), 0, count);
	}

	nextTouched(index: number): number {
		return index < this.pages ? index : Number.POSITIVE_INFINITY;
	}

	#place(page: number): Source | undefined {
		return this.#known(page) ?? this.#search(page);
	}

	/** Looks for a process that has the page mapped. */
	#search(page: number): Source | undefined {
		for (const { bytes, maps } of this.#others())
			for (const { file, start, end } of maps.all()) {
				if (file?.key !== this.key || file.page > page || file.page + (end - start) <= page) continue;
				const source = { memory: bytes, maps, at: start, page: file.page, count: end - start };
				this.addSource(source);
				return source;
			}
		return undefined;
	}

	#known(page: number): Source | undefined {
		return this.#sources.find(
			(each) => each.page <= page && page < each.page + each.count && each.maps.find(each.at + (page - each.page))?.file?.key === this.key,
		);
	}

	/** Tries to open the file: where it is mapped (which needs privileges), or where a process has it open. */
	#reach(): void {
		if (this.#fd !== undefined) return;
		for (const { memory, maps, at } of this.#sources) {
			const mapping = maps.find(at);
			if (mapping?.file?.key !== this.key) continue;
			this.open(`/proc/${memory.pid}/map_files/${hex(mapping.start)}-${hex(mapping.end)}`);
			if (this.#fd === undefined) this.#openAsDescriptor(memory.pid);
			if (this.#fd !== undefined) return;
		}
	}

	#openAsDescriptor(pid: number): void {
		const folder = `/proc/${pid}/fd`;
		try {
			for (const name of readdirSync(folder)) {
				const stat = statSync(`${folder}/${name}`, { bigint: true, throwIfNoEntry: false });
				if (stat?.isFile() && keyOfStat(stat) === this.key) {
					this.open(`${folder}/${name}`);
					return;
				}
			}
		} catch {}
	}

	#keepPinned(): void {
		for (const [from, to] of this.pins.runs(0, this.pages))
			for (let page = from; page < to; page++) {
				const bytes = new Uint8Array(PAGE_SIZE);
				this.readAt(page, 0, bytes, 0, PAGE_SIZE);
				this.#kept.set(page, bytes);
			}
	}
}

function cut(source: Source, from: number, to: number): Source[] {
	const end = source.at + source.count;
	if (source.at >= to || end <= from) return [source];
	const left = source.at < from ? [{ ...source, count: from - source.at }] : [];
	const right = end > to ? [{ ...source, at: to, page: source.page + (to - source.at), count: end - to }] : [];
	return [...left, ...right];
}

function address({ at, page: first }: Source, page: number, offset: number): bigint {
	return (BigInt(at + (page - first)) << 12n) + BigInt(offset);
}

const hex = (page: number): string => (BigInt(page) << 12n).toString(16);
