/** Records what a translation reads on its way, for those who draw it. */
import type { PhysMemory } from "./phys-memory.js";
import type { Stage2Page } from "./translate.js";

/** Told what a translation reads, in order. Translations that nobody draws have none. */
export interface WalkObserver {
	/** A table's guest-physical address was looked up in the host's tables, for `access`; undefined: it is not mapped. */
	located(ipa: bigint, page: Stage2Page | undefined, access: number): void;
	/** A walker read an entry at a guest-physical address; `value` undefined: it could not. */
	entry(level: number, at: bigint, value: bigint | undefined): void;
	/** A structure that selects the tables was read. `words` is empty if it could not be. */
	structure(name: string, at: bigint, words: readonly bigint[]): void;
	/** The address that the guest's tables gave, or the device's own without such tables, was looked up. */
	output(ipa: bigint, page: Stage2Page | undefined): void;
}

/** One thing that was read. Addresses of stages 0 and 1 are guest-physical. */
export interface WalkStep {
	/** 0: a structure that selects the tables; 1: an entry of the guest's tables; 2: a mapping of the host */
	readonly stage: 0 | 1 | 2;
	/** of a structure: its name in the specification */
	readonly name?: string;
	/** of an entry: as the walkers count */
	readonly level?: number;
	/** where it was read; for a mapping of the host the address that was looked up */
	readonly address: bigint;
	/** what was read; empty if it could not be read, and for mappings of the host */
	readonly words: readonly bigint[];
	/** of a mapping of the host; absent: it does not map the address */
	readonly page?: Stage2Page;
}

/** Collects the steps of one translation. */
export class WalkRecorder implements WalkObserver {
	readonly steps: WalkStep[] = [];

	located(ipa: bigint, page: Stage2Page | undefined, access: number): void {
		const before = this.steps.at(-1);
		// the words of a structure are read one by one, and an entry that was just read may be written
		const same = before !== undefined && before.address >> 12n === ipa >> 12n;
		const allowed = page !== undefined && (page.perm & access) === access;
		if (same && (before.stage === 2 || allowed)) return;
		this.steps.push({ stage: 2, address: ipa, words: [], page });
	}

	entry(level: number, at: bigint, value: bigint | undefined): void {
		// an entry that could not be read: the mapping before it says why
		if (value !== undefined) this.steps.push({ stage: 1, level, address: at, words: [value] });
	}

	structure(name: string, at: bigint, words: readonly bigint[]): void {
		if (words.length > 0) this.steps.push({ stage: 0, name, address: at, words });
	}

	output(ipa: bigint, page: Stage2Page | undefined): void {
		this.steps.push({ stage: 2, address: ipa, words: [], page });
	}
}

/** Memory whose writes stay here: what a translation would set in a table is not set. */
export class ShadowMemory implements PhysMemory {
	readonly #written = new Map<bigint, bigint>();

	constructor(readonly memory: PhysMemory) {}

	read64(addr: bigint): bigint | undefined {
		return this.#written.get(addr) ?? this.memory.read64(addr);
	}

	write64(addr: bigint, value: bigint): boolean {
		if (this.memory.read64(addr) === undefined) return false;
		this.#written.set(addr, value);
		return true;
	}
}
