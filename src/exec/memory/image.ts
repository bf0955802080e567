/** A process's memory as the simulated kernel sees it: of one program image, until the process ends or executes another. */
import { EFAULT } from "../../kernel/errno.js";
import { PROT_READ, PROT_WRITE, type Ret } from "../../kernel/kernel.js";
import { type Extent, type PhysicalMemory, pageOf, type UserMemory } from "../../sim/index.js";
import type { Native } from "../native.js";
import { type LockedMemory, userOf } from "./locked-memory.js";
import { type Mapping, Maps } from "./maps.js";
import { CHUNK, CHUNK_PAGES, PrivatePages } from "./private-pages.js";
import { RemoteBytes } from "./remote.js";
import type { SharedFiles } from "./shared-files.js";
import { ALL_PAGES, type Witness } from "./witness.js";

/** Memory is looked through in pieces of this many bytes. */
const PIECE = 0x10000;

export class Image implements UserMemory {
	gone = false;
	readonly bytes: RemoteBytes;
	readonly maps: Maps;
	readonly #physical: PhysicalMemory;
	readonly #shared: SharedFiles;
	readonly #locked: LockedMemory;
	/** as which its pinned pages count */
	#user: number | undefined;
	readonly #chunks = new Map<number, PrivatePages>();

	/** @param witness takes what the kernel sees, where that is recorded */
	constructor(
		native: Native,
		pid: number,
		physical: PhysicalMemory,
		shared: SharedFiles,
		readonly witness: Witness | undefined,
		locked: LockedMemory,
	) {
		this.#locked = locked;
		this.bytes = new RemoteBytes(native, pid);
		this.maps = new Maps(native, pid);
		this.#physical = physical;
		this.#shared = shared;
		shared.add(this);
	}

	read(addr: bigint, into: Uint8Array): Ret {
		if (this.bytes.read(addr, into) < into.length) return -EFAULT;
		this.#seen(addr, into);
		return 0;
	}

	write(addr: bigint, from: Uint8Array, force = false): Ret {
		this.#touched(addr, from.length);
		const done = force ? this.bytes.poke(addr, from) : this.bytes.write(addr, from);
		return done === from.length ? 0 : -EFAULT;
	}

	clear(addr: bigint, length: number): Ret {
		const zeroes = new Uint8Array(Math.min(length, PIECE));
		for (let done = 0; done < length; done += PIECE)
			if (this.write(addr + BigInt(done), zeroes.subarray(0, Math.min(PIECE, length - done))) < 0) return -EFAULT;
		return 0;
	}

	scan(addr: bigint, length: number, visit: (offset: number, bytes: Uint8Array) => boolean): Ret {
		const piece = new Uint8Array(Math.min(length, PIECE));
		for (let done = 0; done < length; ) {
			const wanted = piece.subarray(0, Math.min(PIECE, length - done));
			const got = this.bytes.read(addr + BigInt(done), wanted);
			this.#seen(addr + BigInt(done), wanted.subarray(0, got));
			if (got > 0 && visit(done, wanted.subarray(0, got))) return 0;
			if (got < wanted.length) return -EFAULT;
			done += got;
		}
		return 0;
	}

	accessible(addr: bigint, length: number, prot: number): boolean {
		const end = pageOf(addr + BigInt(length) + 0xfffn);
		for (let page = pageOf(addr); page < end; ) {
			const mapping = this.#mapping(page);
			if (mapping === undefined || !permits(mapping, prot)) return false;
			this.witness?.touched(page, Math.min(mapping.end, end) - page, mapping);
			page = mapping.end;
		}
		return true;
	}

	extents(page: number, count: number, write: boolean): Extent[] {
		const found: Extent[] = [];
		const end = page + count;
		for (let at = page; at < end; ) {
			const mapping = this.#mapping(at);
			if (mapping === undefined || !permits(mapping, write ? PROT_WRITE : PROT_READ | PROT_WRITE)) break;
			const wanted = Math.min(end, mapping.end) - at;
			// A file may end before its mapping does.
			const there = mapping.file === undefined ? wanted : this.#reachable(at, wanted);
			if (there > 0) this.witness?.touched(at, there, mapping);
			if (there > 0) this.#add(found, mapping, at, there);
			at += there;
			if (there < wanted) break;
		}
		return found;
	}

	lock(pages: number): number | undefined {
		const { pid } = this.bytes;
		this.#user ??= userOf(pid);
		return this.#locked.lock(pid, this.#user, pages);
	}

	unlock(pages: number): void {
		this.#locked.unlock(this.#user ?? 0, pages);
	}

	/** The private pages of [from, to) (bytes) are about to be dropped, and others come in their place: what is pinned there is kept. */
	dropping(from: bigint, to: bigint): void {
		const first = pageOf(from);
		const end = pageOf(to + 0xfffn);
		for (const [start, chunk] of this.#chunks)
			if (start < end && start + CHUNK > first) chunk.unmapping(Math.max(first - start, 0), Math.min(end - start, CHUNK));
	}

	/** Whether private pages of it are pinned. */
	get pinned(): boolean {
		for (const chunk of this.#chunks.values()) if (!chunk.pins.empty) return true;
		return false;
	}

	/** [from, to) (bytes) is about to be unmapped: what is pinned there is kept. */
	unmapping(from: bigint, to: bigint): void {
		const first = pageOf(from);
		const end = pageOf(to + 0xfffn);
		this.dropping(from, to);
		this.#shared.unmapping(this.bytes, first, end);
		this.witness?.unmapping(first, end);
	}

	/** The whole image is about to go. */
	ending(): void {
		for (const chunk of this.#chunks.values()) chunk.keepAll();
	}

	/** The process has ended or executed another program. */
	close(): void {
		this.gone = true;
		this.witness?.unmapping(0, ALL_PAGES);
		this.#shared.lose(this);
		this.bytes.close();
		this.maps.close();
	}

	#seen(addr: bigint, bytes: Uint8Array): void {
		if (this.witness === undefined || bytes.length === 0) return;
		this.#touched(addr, bytes.length);
		this.witness.read(addr, bytes);
	}

	/** Has the witness note what is mapped in [addr, addr+length). */
	#touched(addr: bigint, length: number): void {
		if (this.witness === undefined) return;
		const end = pageOf(addr + BigInt(length) + 0xfffn);
		for (let page = pageOf(addr); page < end; ) {
			const mapping = this.#mapping(page);
			if (mapping === undefined) return;
			this.witness.touched(page, Math.min(mapping.end, end) - page, mapping);
			page = mapping.end;
		}
	}

	#mapping(page: number): Mapping | undefined {
		const mapping = this.maps.find(page);
		return mapping !== undefined && mapping.start <= page ? mapping : undefined;
	}

	/** How many of `count` pages from `page` exist. */
	#reachable(page: number, count: number): number {
		const byte = new Uint8Array(1);
		const exists = (each: number): boolean => this.bytes.read(BigInt(each) << 12n, byte) === 1;
		if (exists(page + count - 1)) return count;
		let good = 0;
		let bad = count;
		while (good < bad) {
			const middle = (good + bad) >> 1;
			if (exists(page + middle)) good = middle + 1;
			else bad = middle;
		}
		return good;
	}

	#add(found: Extent[], mapping: Mapping, from: number, count: number): void {
		if (mapping.shared && mapping.file !== undefined) {
			const page = mapping.file.page + (from - mapping.start);
			const object = this.#shared.pages(mapping.file.key, page + count);
			object.pageSize = Math.max(object.pageSize, mapping.pageSize);
			object.addSource({ memory: this.bytes, maps: this.maps, at: from, page, count });
			found.push({ object, page, count });
			return;
		}
		for (let at = from; at < from + count; ) {
			const start = at - (at % CHUNK);
			const object = this.#chunk(start);
			const end = Math.min(from + count, start + CHUNK);
			if (mapping.pageSize > 4096) object.addHuge(at - start, end - start, mapping.pageSize);
			const run = object.now(at - start, end - at);
			found.push({ object, ...run });
			at += run.count;
		}
	}

	#chunk(start: number): PrivatePages {
		let chunk = this.#chunks.get(start);
		if (chunk === undefined) {
			chunk = this.#physical.adopt(CHUNK_PAGES, (frame) => new PrivatePages(frame, this.bytes, start));
			this.#chunks.set(start, chunk);
		}
		return chunk;
	}
}

function permits({ readable, writable }: Mapping, prot: number): boolean {
	return ((prot & PROT_READ) !== 0 && readable) || ((prot & PROT_WRITE) !== 0 && writable);
}
