/** The memory of a random program: what it has created so far. */
import type { Random } from "./random.js";

/** How many of each kind are remembered: few, so that calls often use the same ones. */
const MOST = 12;
/** Numbers that no file has, whatever else the process has open. */
const NO_FILES = 0x7fff_0000;

/**
 * Addresses where no program of a real kernel has memory, so that what it answers is known: below the least address that can be
 * mapped, the last page of the user half, not canonical, and in the kernel's half. (The memory of other parts of the process is
 * anywhere else, and differs from run to run.)
 */
const NOWHERE = [0n, 0x1000n, 0x7fff_ffff_f000n, 0x8000_0000_0000n, 0xffff_ffff_ffff_f000n, (1n << 64n) - 1n];

/** The IDs, files and memory that a random program knows, so that its next calls mostly make sense. */
export class Known {
	/** IDs in the current context, by kind: "ioas", "hwpt", "dev", ... */
	#ids = new Map<string, number[]>();
	readonly #contexts = new Map<number, Map<string, number[]>>();
	readonly fds: { readonly fd: number; readonly kind: string }[] = [];
	readonly iovas: bigint[] = [];
	/** the highest address of memory that there ever was */
	highest = 0n;
	/** addresses of memory, and its length in bytes */
	readonly memory: { readonly addr: bigint; readonly length: bigint }[] = [];

	/** @param determined only addresses and files of which it is known what a real kernel says of them */
	constructor(readonly determined = false) {}

	/** Selects the context that the next IDs belong to. */
	use(fd: number): void {
		this.#ids = this.#contexts.get(fd) ?? new Map<string, number[]>();
		this.#contexts.set(fd, this.#ids);
	}

	forgetId(id: number): void {
		for (const ids of this.#ids.values()) if (ids.includes(id)) ids.splice(ids.indexOf(id), 1);
	}

	addId(kind: string, id: number): void {
		let ids = this.#ids.get(kind);
		if (ids === undefined) {
			ids = [];
			this.#ids.set(kind, ids);
		}
		keep(ids, id);
	}

	addIova(iova: bigint): void {
		keep(this.iovas, iova);
	}

	addMemory(addr: bigint, length: bigint): void {
		if (addr > this.highest) this.highest = addr;
		if (this.memory.some((each) => each.addr === addr)) return;
		keep(this.memory, { addr, length });
	}

	addFile(kind: string, fd: number): void {
		this.fds.push({ fd, kind });
	}

	closed(fd: number): void {
		this.#contexts.delete(fd);
		const at = this.fds.findIndex((each) => each.fd === fd);
		if (at >= 0) this.fds.splice(at, 1);
	}

	/** The kind of an open file. */
	kindOf(fd: number): string | undefined {
		return this.fds.find((each) => each.fd === fd)?.kind;
	}

	/** All IDs of the context. */
	ids(): number[] {
		return [...new Set([...this.#ids.values()].flat())];
	}

	/** The latest ID of the kind, or 0. */
	last(kind: string): number {
		return this.#ids.get(kind)?.at(-1) ?? 0;
	}

	/** Usually an ID of one of the kinds. */
	id(random: Random, kinds: readonly string[]): number {
		const ids = this.#ids.get(random.pick(kinds)) ?? [];
		if (ids.length > 0 && random.chance(92)) return random.pick(ids);
		const all = [...this.#ids.values()].flat();
		if (all.length > 0 && random.chance(70)) return random.pick(all);
		return random.chance(70) ? random.below(30) : random.u32();
	}

	/** The oldest file of the kind, or -1. */
	first(kind: string): number {
		return this.fds.find((each) => each.kind === kind)?.fd ?? -1;
	}

	/** Usually a file of the kind; -1 if there is none. */
	fd(random: Random, kind: string): number {
		const fds = this.fds.filter((each) => each.kind === kind);
		// Prefer the oldest context, or none would ever fill up.
		if (fds.length > 0 && kind === "iommufd" && random.chance(80)) return fds[0].fd;
		if (fds.length > 0 && random.chance(95)) return random.pick(fds).fd;
		if (this.fds.length > 0 && random.chance(60)) return random.pick(this.fds).fd;
		return random.chance(50) ? -1 : random.below(40) + (this.determined ? NO_FILES : 0);
	}

	/** How many of `length` bytes at an address are within the piece of memory that is there. */
	roomAt(at: bigint, length: number): bigint {
		const piece = this.memory.find(({ addr, length: whole }) => at >= addr && at < addr + whole);
		const room = piece === undefined ? 0n : piece.addr + piece.length - at;
		return room < BigInt(length) ? room : BigInt(length);
	}

	/** Usually an address in the program's memory. */
	address(random: Random): bigint {
		if (this.memory.length > 0 && random.chance(93)) {
			const { addr, length } = random.chance(60) ? this.memory[0] : random.pick(this.memory);
			// The last bytes: what is longer than they are ends in memory that is not mapped.
			if (random.chance(5)) return addr + length - random.pick([1n, 4n, 8n, 16n, 24n, 32n, 64n, 0x1000n]);
			const pages = length >> 12n;
			const page = random.chance(30) || pages === 0n ? 0n : random.u64() % (random.chance(90) && pages > 40n ? 40n : pages);
			const inside = random.chance(85) ? 0n : random.pick([0x800n, 0x10n, 0xff8n, BigInt(random.below(4096))]);
			return addr + page * 0x1000n + inside;
		}
		const not = this.determined ? random.u64() | (1n << 63n) : random.u64();
		return random.chance(85) ? random.pick(NOWHERE) : not;
	}

	/** A number for a pointer that is to mean nothing. */
	wildAddress(random: Random): bigint {
		return this.determined ? random.u64() | (1n << 63n) : random.u64();
	}
}

function keep<T>(list: T[], item: T): void {
	if (list.includes(item)) return;
	// The first is never dropped.
	if (list.length >= MOST) list.splice(1, 1);
	list.push(item);
}
