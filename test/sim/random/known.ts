/** The memory of a random program: what it has created so far. */
import type { Random } from "./random.js";

/** How many of each kind are remembered: few, so that calls often use the same ones. */
const MOST = 12;

/** The IDs, files and memory that a random program knows, so that its next calls mostly make sense. */
export class Known {
	/** IDs in the current context, by kind: "ioas", "hwpt", "dev", ... */
	#ids = new Map<string, number[]>();
	readonly #contexts = new Map<number, Map<string, number[]>>();
	readonly fds: { readonly fd: number; readonly kind: string }[] = [];
	readonly iovas: bigint[] = [];
	/** addresses of memory, and its length in bytes */
	readonly memory: { readonly addr: bigint; readonly length: bigint }[] = [];

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
		return random.chance(50) ? -1 : random.below(40);
	}

	/** Usually an address in the program's memory. */
	address(random: Random): bigint {
		if (this.memory.length > 0 && random.chance(93)) {
			const { addr, length } = random.chance(60) ? this.memory[0] : random.pick(this.memory);
			const pages = length >> 12n;
			const page = random.chance(30) || pages === 0n ? 0n : random.u64() % (random.chance(90) && pages > 40n ? 40n : pages);
			const inside = random.chance(85) ? 0n : random.pick([0x800n, 0x10n, 0xff8n, BigInt(random.below(4096))]);
			return addr + page * 0x1000n + inside;
		}
		return random.pick([0n, 0x1000n, 0x7fff_ffff_f000n, 0xffff_ffff_ffff_f000n, (1n << 64n) - 1n, random.u64()]);
	}
}

function keep<T>(list: T[], item: T): void {
	if (list.includes(item)) return;
	// The first is never dropped.
	if (list.length >= MOST) list.splice(1, 1);
	list.push(item);
}
