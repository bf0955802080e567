/** The memory of a process as far as the trace has it: extents, and what is in them where it matters. */
import { readdirSync, statfsSync, statSync } from "node:fs";
import { keyOfStat, type Mapping, Maps } from "../exec/memory/maps.js";
import type { Native } from "../exec/native.js";
import { toHex } from "../trace/hex.js";
import type { Step } from "../trace/index.js";
import { pagesOf } from "./pointers.js";
import { presentRuns } from "./present.js";

const PAGE_SIZE = 4096;
/** bytes of one `poke` */
const PIECE = 0x10000;
/** pages of a file's mapping that are all looked at */
const WHOLE_FILE = 65536;
/** file systems in memory: the kernel pins pages of their files only */
const TMPFS = 0x01021994;
const HUGETLBFS = 0x958458f6;
const NONE = Buffer.alloc(PAGE_SIZE);

/** Pages of the trace's memory; `end` is exclusive. */
interface Extent {
	readonly start: number;
	readonly end: number;
	readonly prot: string;
	readonly file?: { readonly name: string; readonly page: number };
	/** bytes of its pages, if they are huge and of no file */
	readonly pageSize?: number;
	/** a device gets at it */
	kept?: boolean;
}

const address = (page: number): string => `0x${(BigInt(page) * 4096n).toString(16)}`;
const sameFile = (extent: Extent, page: number, file: Extent["file"]): boolean =>
	extent.file === undefined
		? file === undefined
		: file !== undefined && extent.file.name === file.name && extent.file.page - extent.start === file.page - page;

/** Gives a file of a kind its name. */
type Named = (kind: string) => string;

/** Copies out of a process. Number of bytes until the first that cannot be read. */
export function readMemory(native: Native, pid: number, addr: bigint, into: Uint8Array): number {
	for (let done = 0; done < into.length; ) {
		const piece = into.subarray(done, done + 0x100000);
		const got = native.remote(pid, BigInt.asUintN(64, addr + BigInt(done)), piece);
		if (got > 0) done += got;
		if (got < piece.length) return done;
	}
	return into.length;
}

export class TraceMemory {
	readonly #native: Native;
	readonly #named: Named;
	#maps: Maps | undefined;
	/** in order */
	#extents: Extent[] = [];
	readonly #memfds: Map<string, string>;
	/** lengths of memfds that were seen by a descriptor, in bytes */
	readonly #sizes = new Map<string, number>();
	/** the last known bytes of pages that devices get at */
	readonly #known: Map<number, Buffer>;

	/** @param from that of the process that this one is a copy of */
	constructor(
		native: Native,
		readonly pid: number,
		named: Named,
		from?: TraceMemory,
	) {
		this.#native = native;
		this.#named = named;
		this.#memfds = new Map(from ? from.#memfds : []);
		this.#known = new Map(from ? from.#known : []);
		this.#extents = from ? from.#extents.map((extent) => ({ ...extent })) : [];
	}

	/** Copies out of the process. Number of bytes until the first that cannot be read. */
	read(addr: bigint, into: Uint8Array): number {
		return readMemory(this.#native, this.pid, addr, into);
	}

	/** The steps that make what the process has there exist in the trace. */
	ensure(addr: bigint, length: bigint): Step[] {
		const range = pagesOf(addr, length);
		if (range === undefined) return [];
		this.#maps ??= new Maps(this.#native, this.pid);
		const steps: Step[] = [];
		for (let page = range.first; page < range.end; ) {
			const mapping = this.#maps.find(page);
			const start = Math.min(range.end, Math.max(page, mapping?.start ?? range.end));
			steps.push(...this.#drop(page, start));
			if (mapping === undefined || start === range.end) break;
			// Private huge pages are only there as a whole.
			const huge = mapping.shared || mapping.pageSize <= PAGE_SIZE ? undefined : mapping.pageSize / PAGE_SIZE;
			const end = huge === undefined ? Math.min(mapping.end, range.end) : Math.ceil(Math.min(mapping.end, range.end) / huge) * huge;
			const prot = `${mapping.readable ? "r" : ""}${mapping.writable ? "w" : ""}` || "none";
			let file: Extent["file"];
			if (mapping.shared && mapping.file !== undefined) {
				const made = this.#memfd(mapping.file.key, () => this.#length(mapping), mapping.pageSize);
				steps.push(...made.steps);
				file = { name: made.name, page: mapping.file.page + start - mapping.start };
			}
			const first = huge === undefined ? start : Math.floor(start / huge) * huge;
			steps.push(...this.#place({ start: first, end, prot, file, ...(huge !== undefined && { pageSize: mapping.pageSize }) }));
			page = end;
		}
		return steps;
	}

	/** The name of a file in memory that the process has open, and the step that makes it if it is new. Undefined: it is another kind of file. */
	memfd(fd: number): { name: string; steps: Step[] } | undefined {
		try {
			const path = `/proc/${this.pid}/fd/${fd}`;
			const stat = statSync(path, { bigint: true });
			const { type } = statfsSync(path);
			if (!stat.isFile() || (type !== TMPFS && type !== HUGETLBFS)) return undefined;
			const key = keyOfStat(stat);
			const size = Number(stat.size);
			// What has another length than its name's is a new file of the trace.
			if ((this.#sizes.get(key) ?? size) !== size) this.#memfds.delete(key);
			this.#sizes.set(key, size);
			return this.#memfd(key, () => size, type === HUGETLBFS ? Number(stat.blksize) : PAGE_SIZE);
		} catch {
			return undefined;
		}
	}

	/** A mapping of a recorded file, which has its own step. */
	mapped(start: number, pages: number, prot: string, name: string, page: number): Step[] {
		const steps = this.#drop(start, start + pages);
		this.#insert({ start, end: start + pages, prot, file: { name, page } });
		return steps;
	}

	/** The steps for memory that is not mapped any more. */
	unmapped(addr: bigint, length: bigint): Step[] {
		const range = pagesOf(addr, length);
		return range === undefined ? [] : this.#drop(range.first, range.end);
	}

	/** The same for all memory: the process ends, or executes another program. */
	gone(): Step[] {
		this.#maps?.close();
		this.#maps = undefined;
		return this.#extents.flatMap(({ start, end }) => this.#drop(start, end));
	}

	/** The step that puts bytes there. */
	poke(addr: bigint, bytes: Uint8Array): Step[] {
		return bytes.length === 0 ? [] : [{ op: "poke", addr: `0x${addr.toString(16)}`, data: toHex(bytes) }];
	}

	/** From now on the contents of this memory are kept. */
	keep(addr: bigint, length: bigint): void {
		const range = pagesOf(addr, length);
		if (range === undefined) return;
		for (const extent of this.#extents) if (extent.start < range.end && extent.end > range.first) extent.kept = true;
	}

	/** The steps that bring kept memory up to date. */
	refresh(): Step[] {
		return this.#extents.filter(({ kept }) => kept).flatMap((extent) => this.#refreshed(extent));
	}

	#refreshed({ start, end, file }: Extent): Step[] {
		const steps: Step[] = [];
		const bytes = Buffer.alloc(PIECE);
		// A file's page may have contents without being in this process's tables.
		const whole = file !== undefined && end - start <= WHOLE_FILE;
		for (const run of whole ? [{ start, end }] : presentRuns(this.pid, start, end)) {
			for (let page = run.start; page < run.end; ) {
				const wanted = Math.min(PIECE / PAGE_SIZE, run.end - page);
				const got = this.read(BigInt(page) * 4096n, bytes.subarray(0, wanted * PAGE_SIZE));
				for (let at = 0; at + PAGE_SIZE <= got; at += PAGE_SIZE) {
					const now = bytes.subarray(at, at + PAGE_SIZE);
					const number = page + at / PAGE_SIZE;
					if (now.equals(this.#known.get(number) ?? NONE)) continue;
					this.#known.set(number, Buffer.from(now));
					steps.push(...this.poke(BigInt(number) * 4096n, now));
				}
				page += wanted;
			}
		}
		return steps;
	}

	#memfd(key: string, length: () => number, pageSize: number): { name: string; steps: Step[] } {
		const known = this.#memfds.get(key);
		if (known !== undefined) return { name: known, steps: [] };
		const name = this.#named("memfd");
		this.#memfds.set(key, name);
		const huge = pageSize > PAGE_SIZE ? { page_size: pageSize } : {};
		return { name, steps: [{ op: "memfd", fd: name, length: length(), ...huge }] };
	}

	/** How long a mapped file is: by one of the process's descriptors, otherwise as far as it is mapped. */
	#length({ start, end, file }: Mapping): number {
		try {
			for (const fd of readdirSync(`/proc/${this.pid}/fd`)) {
				const stat = statSync(`/proc/${this.pid}/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
				if (stat !== undefined && keyOfStat(stat) === file?.key) return Number(stat.size);
			}
		} catch {}
		return ((file?.page ?? 0) + end - start) * PAGE_SIZE;
	}

	/** Adds what is missing; what is there with other properties is replaced. */
	#place(wanted: Extent): Step[] {
		const steps: Step[] = [];
		for (const extent of [...this.#extents]) {
			if (extent.end <= wanted.start || extent.start >= wanted.end) continue;
			const same = extent.prot === wanted.prot && extent.pageSize === wanted.pageSize && sameFile(extent, wanted.start, wanted.file);
			if (!same) steps.push(...this.#drop(Math.max(extent.start, wanted.start), Math.min(extent.end, wanted.end)));
		}
		const there = this.#extents.filter(({ start, end }) => end > wanted.start && start < wanted.end);
		let from = wanted.start;
		for (const { start, end } of [...there, { start: wanted.end, end: wanted.end }]) {
			if (start > from) {
				const file = wanted.file && { ...wanted.file, page: wanted.file.page + from - wanted.start };
				this.#insert({ ...wanted, start: from, end: start, file });
				const of = file && { memfd: file.name, offset: address(file.page) };
				const huge = wanted.pageSize !== undefined && { page_size: wanted.pageSize };
				steps.push({ op: "mmap", addr: address(from), length: (start - from) * PAGE_SIZE, prot: wanted.prot, ...of, ...huge });
			}
			from = Math.max(from, end);
		}
		return steps;
	}

	#insert(extent: Extent): void {
		const at = this.#extents.findIndex(({ start }) => start > extent.start);
		this.#extents.splice(at < 0 ? this.#extents.length : at, 0, extent);
	}

	#drop(first: number, end: number): Step[] {
		const steps: Step[] = [];
		this.#extents = this.#extents.flatMap((extent) => {
			const from = Math.max(extent.start, first);
			const to = Math.min(extent.end, end);
			if (from >= to) return [extent];
			steps.push({ op: "munmap", addr: address(from), length: (to - from) * PAGE_SIZE });
			for (const page of this.#known.keys()) if (page >= from && page < to) this.#known.delete(page);
			const moved = (start: number) => extent.file && { ...extent.file, page: extent.file.page + start - extent.start };
			return [
				...(extent.start < from ? [{ ...extent, end: from }] : []),
				...(to < extent.end ? [{ ...extent, start: to, file: moved(to) }] : []),
			];
		});
		return steps;
	}
}
