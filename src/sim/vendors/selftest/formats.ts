/** The formats of the mock IOMMU's kernel-managed page tables. */
import { iommu_hwpt_selftest, mock_aperture } from "../../../../structs/index.js";
import type { DirtyTracker, PagingDomain } from "../../contract/domain.js";
import type { Interval } from "../../iova/interval-set.js";
import type { Release } from "../../uapi/release.js";
import { MockDirty } from "./dirty.js";
import { OldDirty } from "./old-dirty.js";

/** Dirty tracking of a mock table, which a test command can make dirty. */
export interface MockTracker extends DirtyTracker {
	/** Marks page `number` of `pageSize` bytes from `start` as written. Returns how much that adds to the count of dirty pages. */
	mark(start: bigint, number: bigint, pageSize: bigint): bigint;
	/** Forgets what was dirty in [start, last], which is unmapped. */
	forget(start: bigint, last: bigint): void;
}

/** What a mock table can hold. */
export interface MockFormat {
	readonly smallestPage: bigint;
	readonly pageSizes: bigint;
	readonly aperture: Interval;
	/** the most bytes of iommu_hwpt_selftest that nested tables on this one take */
	readonly nestedData: number;
	/** Called where an answer depends on the format being another one than Linux 7.3's. */
	readonly differs?: () => void;
	tracker(domain: PagingDomain): MockTracker;
}

const SMALL = BigInt(mock_aperture.MOCK_PAGE_SIZE);
const APERTURE = { start: BigInt(mock_aperture.MOCK_APERTURE_START), last: BigInt(mock_aperture.MOCK_APERTURE_LAST) };
const NOW = { nestedData: iommu_hwpt_selftest.size, tracker: (domain: PagingDomain) => new MockDirty(domain) };

/** Pages of 2 KiB, and every power of two from there to 64 GiB; IOVA from 16 MiB to 2 GiB. */
export const USUAL: MockFormat = { ...NOW, smallestPage: SMALL, pageSizes: (1n << 37n) - SMALL, aperture: APERTURE };

/** MOCK_IOMMUPT_HUGE: pages of 4 KiB and 1 MiB, IOVA of 38 bits. */
export const HUGE: MockFormat = { ...NOW, smallestPage: 0x1000n, pageSizes: 0x101000n, aperture: { start: 0n, last: (1n << 38n) - 1n } };

/** The one format of releases before "selftest.page-tables", for devices without and with entries of 1 MiB. */
export function oldFormat(release: Release, hugeEntries: boolean): MockFormat {
	return {
		smallestPage: SMALL,
		pageSizes: SMALL | (hugeEntries ? BigInt(mock_aperture.MOCK_HUGE_PAGE_SIZE) : 0n),
		aperture: APERTURE,
		nestedData: iommu_hwpt_selftest.offsets.pagetable_type,
		differs: () => release.lacks("selftest.page-tables"),
		tracker: (domain) => new OldDirty(domain, release),
	};
}
