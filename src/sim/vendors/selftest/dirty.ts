/** Dirty tracking of the mock IOMMU. */
import { mock_aperture } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { PagingDomain } from "../../contract/domain.js";
import type { Pages } from "../../iova/pages.js";
import { BTree } from "../../memory/btree.js";
import type { MockTracker } from "./formats.js";

const SMALL = BigInt(mock_aperture.MOCK_PAGE_SIZE);
const PAGE = 0x1000n;
const LARGEST = 1n << 36n;

/** Dirty bits of a mock table, one for each entry. An entry maps a whole page if it can, else half of one. */
export class MockDirty implements MockTracker {
	enabled = false;
	/** start of a dirty entry -> its bytes */
	readonly #entries = new BTree<bigint, bigint>(undefined, (a, b) => (a < b ? -1 : a > b ? 1 : 0));

	constructor(readonly domain: PagingDomain) {}

	set(enable: boolean): Ret {
		if (enable) this.#entries.clear();
		this.enabled = enable;
		return 0;
	}

	/** Every page counts, mapped or not. */
	mark(start: bigint, number: bigint, pageSize: bigint): bigint {
		const entry = this.#entry(start + number * pageSize);
		if (entry !== undefined) this.#entries.set(entry.start, entry.size);
		return 1n;
	}

	read(start: bigint, last: bigint, clear: boolean, visit: (start: bigint, last: bigint) => void): Ret {
		const found: bigint[] = [];
		const first = this.#entries.getPairOrNextLower(start);
		const from = first !== undefined && first[0] + first[1] > start ? first[0] : start;
		for (const [at, size] of this.#entries.entries(from)) {
			if (at > last) break;
			visit(at, at + size - 1n);
			found.push(at);
		}
		if (clear) for (const at of found) this.#entries.delete(at);
		return 0;
	}

	forget(start: bigint, last: bigint): void {
		this.#entries.deleteRange(start, last, true);
	}

	/**
	 * The entry that maps an IOVA: as large as the common alignment of IOVA and memory, and the area, allow. Small pages of
	 * memory are not contiguous, so an entry holds at most one of them; memory of a device is contiguous, and a huge page.
	 */
	#entry(iova: bigint): { start: bigint; size: bigint } | undefined {
		const area = this.domain.space?.find(iova);
		if (area === undefined) return undefined;
		const byte = area.byte(iova);
		const { origin, isDevice } = area.pages;
		const block = isDevice ? LARGEST : blockAt(area.pages, byte);
		// Where the bytes of a huge page are in it is told by their address.
		const place = block > PAGE && origin.type === "user" ? (origin.uptr & -PAGE) + byte : byte;
		let entry = { start: iova & -SMALL, size: SMALL };
		for (let size = SMALL * 2n; size <= block; size *= 2n) {
			if (size > PAGE && (size & this.domain.pageSizes) === 0n) continue;
			const start = iova & -size;
			const fits = ((place ^ iova) & (size - 1n)) === 0n && start >= area.start && start + size - 1n <= area.last;
			if (!fits) break;
			entry = { start, size };
		}
		return entry;
	}
}

/** Bytes of the contiguous block of memory that holds a byte of the mapping. */
function blockAt(pages: Pages, byte: bigint): bigint {
	const pinned = pages.pinnedPage(Number(byte >> 12n));
	const block = pinned?.object.blockAt?.(pinned.page);
	return block === undefined || BigInt(block) < PAGE ? PAGE : BigInt(block);
}
