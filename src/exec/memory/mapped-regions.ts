/** Pages of drivers that programs have mapped through a simulated file: they are in what stands for the file in the program. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { ENODEV } from "../../kernel/errno.js";
import type { Kernel } from "../../kernel/kernel.js";
import type { MemoryObject, PageStore } from "../../sim/index.js";
import { AT, type Native } from "../native.js";
import type { OpenFile } from "../open-files.js";
import type { Traced } from "../traced.js";
import { keyOfStat } from "./maps.js";

const PAGE_SIZE = 4096;

/** A recording has the mappings from here on, where programs have nothing. */
const RECORDED_AT = 0x1000_0000_0000n;

/** What of a file is mapped: offset in bytes. */
export interface Part {
	readonly offset: bigint;
	readonly pages: number;
	readonly prot: number;
	/** the file's own page at which the object begins */
	readonly start: number;
}

interface Store {
	readonly fd: number;
	readonly key: string;
	/** at which of its pages objects are, by their own */
	readonly placed: Map<number, number>;
}

interface Region {
	readonly pid: number;
	/** where a recording has it */
	readonly recorded: { readonly kernel: Pick<Kernel, "munmap">; readonly addr: bigint; readonly length: bigint };
	/** of the file, as Maps names it */
	readonly key: string;
	/** the file's page at which the object begins */
	readonly page: number;
	readonly object: MemoryObject;
}

export class MappedRegions {
	readonly #native: Native;
	/** our own descriptors of what stands for files */
	readonly #stores = new Map<OpenFile, Store>();
	#regions: Region[] = [];

	readonly #kernelOf: (process: Traced, open: OpenFile) => Pick<Kernel, "mmap" | "munmap">;
	#recordedAt = RECORDED_AT;

	/** @param kernelOf what is told of mappings, for a recording */
	constructor(native: Native, kernelOf: (process: Traced, open: OpenFile) => Pick<Kernel, "mmap" | "munmap">) {
		this.#native = native;
		this.#kernelOf = kernelOf;
	}

	/**
	 * The program is about to map `object`, which begins at page `offset` of the file that it has at `fd`. Minus the errno; undefined: the machine's kernel maps
	 * what stands for the file, which has the pages from now on.
	 */
	map(process: Traced, open: OpenFile, fd: number, offset: number, object: MemoryObject, part: Part): number | undefined {
		const { pid } = process;
		if (object.moveTo === undefined) return object.kind === "device" ? -ENODEV : undefined;
		const store = this.#storeOf(pid, open, fd);
		// Its pages are in one place only: where it was mapped first.
		const placed = store.placed.get(part.start) ?? offset;
		if (placed !== offset) return -ENODEV;
		store.placed.set(part.start, offset);
		const end = BigInt(offset + object.pages) * BigInt(PAGE_SIZE);
		if (fstatSync(store.fd, { bigint: true }).size < end) this.#native.call("ftruncate", store.fd, end);
		open.mapped = true;
		object.moveTo(this.#pagesAt(store.fd, offset));
		object.onMapping?.(1);
		this.#regions.push({ pid, recorded: this.#record(process, open, part), key: store.key, page: offset, object });
		return undefined;
	}

	/** A process is about to unmap [from, to) (bytes). */
	unmapping({ pid, image }: Traced, from: bigint, to: bigint): void {
		if (this.#regions.length === 0) return;
		const end = Number((to + 0xfffn) >> 12n);
		for (let page = Number(from >> 12n); page < end; ) {
			const mapping = image.maps.find(page);
			if (mapping === undefined || mapping.start >= end) return;
			const { file } = mapping;
			if (file !== undefined) this.#drop((region) => region.pid === pid && region.key === file.key && region.page === file.page, 1);
			page = mapping.end;
		}
	}

	forgetProcess(pid: number): void {
		this.#drop((region) => region.pid === pid);
	}

	forgetFile(open: OpenFile): void {
		const store = this.#stores.get(open);
		if (store === undefined) return;
		this.#stores.delete(open);
		this.#drop(({ key }) => key === store.key);
		closeSync(store.fd);
	}

	#drop(matches: (region: Region) => boolean, most = Number.POSITIVE_INFINITY): void {
		const gone: Region[] = [];
		this.#regions = this.#regions.filter((region) => gone.length >= most || !matches(region) || gone.push(region) === 0);
		for (const { object, recorded } of gone) {
			object.onMapping?.(-1);
			recorded.kernel.munmap(recorded.addr, recorded.length);
		}
	}

	/** Where the program will have it is not known yet; a recording can have it anywhere. */
	#record(process: Traced, open: OpenFile, { offset, pages, prot }: Part): Region["recorded"] {
		const kernel = this.#kernelOf(process, open);
		const [addr, length] = [this.#recordedAt, BigInt(pages * PAGE_SIZE)];
		this.#recordedAt += length;
		kernel.mmap({ addr, length, prot, fd: open.number, offset });
		return { kernel, addr, length };
	}

	#storeOf(pid: number, open: OpenFile, number: number): Store {
		const known = this.#stores.get(open);
		if (known !== undefined) return known;
		// Its last close in programs is told all the same: that is of another open file.
		const fd = openSync(`/proc/${pid}/fd/${number}`, "r+");
		const store = { fd, key: keyOfStat(fstatSync(fd, { bigint: true })), placed: new Map() };
		this.#stores.set(open, store);
		return store;
	}

	#pagesAt(fd: number, first: number): PageStore {
		const native = this.#native;
		const position = (page: number, offset: number): bigint => BigInt(first + page) * BigInt(PAGE_SIZE) + BigInt(offset);
		const writeAt = (page: number, offset: number, from: Uint8Array, at: number, count: number): void => {
			native.bytes.set(from.subarray(at, at + count), AT.data);
			native.call("pwrite64", fd, native.at(AT.data), count, position(page, offset));
		};
		return {
			readAt(page, offset, into, at, count) {
				native.call("pread64", fd, native.at(AT.data), count, position(page, offset));
				into.set(native.bytes.subarray(AT.data, AT.data + count), at);
			},
			writeAt,
			clearAt: (page, offset, count) => writeAt(page, offset, new Uint8Array(count), 0, count),
		};
	}
}
