/** Builders of x86-64 and Arm page tables for tests. */
import type { SparseMemory } from "./memory.js";

/** x86-64 page tables, built entry by entry as a guest would. New tables are placed from `next` upward. */
export class X86Tables {
	readonly root: bigint;
	#next: bigint;

	constructor(
		readonly memory: SparseMemory,
		readonly levels: 4 | 5,
		base: bigint,
	) {
		this.root = base;
		this.#next = base + 0x1000n;
	}

	/** Maps one page; `level` 1: 4K, 2: 2M, 3: 1G. `flags`: the leaf's low bits, P among them. */
	map(va: bigint, pa: bigint, level: number, flags: bigint, tableFlags = 7n): bigint {
		let table = this.root;
		for (let l = this.levels; l > level; l--) {
			const at = table + ((va >> BigInt(12 + 9 * (l - 1))) & 0x1ffn) * 8n;
			const entry = this.memory.read64(at) ?? 0n;
			if (entry === 0n) {
				table = this.#next;
				this.#next += 0x1000n;
				this.memory.write64(at, table | tableFlags);
			} else table = entry & 0x000f_ffff_ffff_f000n;
		}
		const at = table + ((va >> BigInt(12 + 9 * (level - 1))) & 0x1ffn) * 8n;
		this.memory.write64(at, pa | flags | (level > 1 ? 0x80n : 0n));
		return at;
	}
}

/** valid, access flag, inner shareable, user; add AP_READ_ONLY as needed */
export const ARM_PAGE = 0x743n;
export const ARM_READ_ONLY = 0x80n;

export class ArmTables {
	readonly ttb: bigint;
	#next: bigint;

	constructor(
		readonly memory: SparseMemory,
		readonly granule: 12 | 14 | 16,
		readonly inputBits: number,
		base: bigint,
	) {
		this.ttb = base;
		this.#next = base + (1n << BigInt(granule));
	}

	get firstLevel(): number {
		return 4 - Math.ceil((this.inputBits - this.granule) / (this.granule - 3));
	}

	shift(level: number): bigint {
		return BigInt(this.granule + (this.granule - 3) * (3 - level));
	}

	/** Maps one page (level 3) or block; `attributes` without the type bit. */
	map(va: bigint, pa: bigint, level = 3, attributes = ARM_PAGE): bigint {
		const input = BigInt.asUintN(this.inputBits, va);
		let table = this.ttb;
		for (let l = this.firstLevel; l < level; l++) {
			const at = table + this.#index(input, l) * 8n;
			const entry = this.memory.read64(at) ?? 0n;
			if (entry === 0n) {
				table = this.#next;
				this.#next += 1n << BigInt(this.granule);
				this.memory.write64(at, table | 3n);
			} else table = BigInt.asUintN(48, entry) & ~((1n << BigInt(this.granule)) - 1n);
		}
		const at = table + this.#index(input, level) * 8n;
		this.memory.write64(at, pa | (level === 3 ? attributes : attributes & ~2n));
		return at;
	}

	#index(input: bigint, level: number): bigint {
		const index = input >> this.shift(level);
		return level === this.firstLevel ? index : BigInt.asUintN(this.granule - 3, index);
	}
}
