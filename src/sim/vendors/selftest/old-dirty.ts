/** Dirty tracking of the mock IOMMU before it used the kernel's generic page tables. */
import { mock_aperture } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { PagingDomain } from "../../contract/domain.js";
import { BTree } from "../../memory/btree.js";
import type { Release } from "../../uapi/release.js";
import type { MockTracker } from "./formats.js";

const ENTRY = BigInt(mock_aperture.MOCK_PAGE_SIZE);

/** Dirty bits of entries of 2 KiB. */
export class OldDirty implements MockTracker {
	enabled = false;
	/** the numbers of dirty entries */
	readonly #dirty = new BTree<bigint, true>(undefined, (a, b) => (a < b ? -1 : a > b ? 1 : 0));

	constructor(
		readonly domain: PagingDomain,
		readonly release: Release,
	) {}

	set(enable: boolean): Ret {
		if (enable) this.#dirty.clear();
		this.enabled = enable;
		return 0;
	}

	/** The page's number is taken for an entry's: with pages of another size than an entry's, another one is marked, or none. */
	mark(start: bigint, number: bigint, pageSize: bigint): bigint {
		if (pageSize !== ENTRY) this.release.lacks("selftest.mark-dirty");
		const entry = start / pageSize + number;
		if (this.domain.space?.find(entry * ENTRY) === undefined) return 0n;
		this.#dirty.set(entry, true);
		return 1n;
	}

	read(start: bigint, last: bigint, clear: boolean, visit: (start: bigint, last: bigint) => void): Ret {
		// An error here, which the core loses.
		if (!this.enabled) {
			this.release.lacks("dirty.tracking-off");
			return 0;
		}
		const found = [...this.#dirty.keys(start / ENTRY)];
		for (const entry of found) {
			if (entry * ENTRY > last) break;
			visit(entry * ENTRY, entry * ENTRY + ENTRY - 1n);
			if (clear) this.#dirty.delete(entry);
		}
		return 0;
	}

	forget(start: bigint, last: bigint): void {
		this.#dirty.deleteRange(start / ENTRY, last / ENTRY, true);
	}
}
