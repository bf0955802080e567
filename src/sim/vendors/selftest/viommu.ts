/** The mock IOMMU's vIOMMU: nested tables, events, hardware queues and mmap. */
import {
	iommu_viommu_selftest as DATA,
	defines,
	iommu_viommu_invalidate_selftest as ENTRY,
	iommu_viommu_event_selftest as EVENT,
	mock_dev_cache,
} from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import type { NestedDomain, PagingDomain } from "../../contract/domain.js";
import type { InvalidateArray, InvalidateResult } from "../../contract/invalidation.js";
import type { AllocData, GivenData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
import type { HwQueueCore, HwQueueOps, ViommuCore, ViommuOps } from "../../contract/viommu.js";
import { faultAt } from "../../memory/fault.js";
import { PAGE_SIZE } from "../../memory/memory-object.js";
import type { Reasons } from "../../why/reasons.js";
import {
	mockCommandChecks,
	mockInitViommuChecks,
	mockQueueChecks,
	mockQueueTypeChecks,
	mockReportChecks,
	mockViommuInvalidateChecks,
	mockViommuNestedChecks,
} from "./checks.js";
import type { MockDevice } from "./device.js";
import { mockNested } from "./nested.js";

/** minimum size of the caller's data in bytes: in_data and out_data */
const MIN_DATA = DATA.offsets.out_mmap_offset;

const REGION_PAGES = 2;

/** A vIOMMU of the mock IOMMU. */
export class MockViommu implements ViommuOps {
	readonly #queues: (HwQueueCore | undefined)[] = [];

	private constructor(
		readonly viommu: ViommuCore,
		readonly parent: PagingDomain,
		/** the mappable region of the context's file that shows the data, if the caller gave any */
		readonly region: number | undefined,
	) {}

	static create(viommu: ViommuCore, parent: PagingDomain, from: AllocData): MockViommu | Ret {
		let region: number | undefined;
		if (from.data !== undefined) {
			const type = defines.IOMMU_VIOMMU_TYPE_SELFTEST;
			const bytes = copyUserData(from.process, from.data, type, DATA.size, MIN_DATA);
			if (typeof bytes === "number") return bytes;
			const data = DATA.decode(bytes);
			const { object, offset } = viommu.newMappable(REGION_PAGES);
			object.writeAt(0, 0, DATA.encode({ in_data: data.in_data }), 0, 4);
			region = offset;
			const answer = DATA.encode({
				in_data: data.in_data,
				out_data: data.in_data,
				out_mmap_offset: BigInt(region * PAGE_SIZE),
				out_mmap_length: BigInt(REGION_PAGES * PAGE_SIZE),
			});
			const given = answer.subarray(0, Math.min(from.data.length, DATA.size));
			const { memory, reasons } = from.process;
			const { uptr } = from.data;
			if (memory.write(uptr, given) < 0) {
				viommu.removeMappable(region);
				return reasons.fail(mockInitViommuChecks.mockDataNotWritable, uptr, faultAt(memory, uptr, given.length, true));
			}
		}
		return new MockViommu(viommu, parent, region);
	}

	get #reasons(): Reasons {
		return this.viommu.iommu.driver.reasons;
	}

	destroy(): void {
		if (this.region !== undefined) this.viommu.removeMappable(this.region);
	}

	allocNested(device: IommuDevice, _flags: number, from: GivenData): NestedDomain | Ret {
		const { type } = from.data;
		if (type !== defines.IOMMU_HWPT_DATA_SELFTEST) return this.#reasons.fail(mockViommuNestedChecks.mockNestedType, type);
		return mockNested(device, this.parent, from, this);
	}

	invalidate(array: InvalidateArray): InvalidateResult {
		if (array.type !== defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST)
			return { rc: this.#reasons.fail(mockViommuInvalidateChecks.mockCommandsType, array.type), done: 0 };
		const bytes = array.entries(ENTRY.size);
		if (typeof bytes === "number") return { rc: bytes, done: 0 };
		for (let i = 0; i < array.count; i++) {
			const rc = this.#invalidateOne(ENTRY.decode(bytes, i * ENTRY.size));
			if (rc < 0) return { rc, done: i };
		}
		return { rc: 0, done: array.count };
	}

	hwQueueSupported(type: number): Ret {
		return type === defines.IOMMU_HW_QUEUE_TYPE_SELFTEST ? 0 : this.#reasons.fail(mockQueueTypeChecks.mockQueueType, type);
	}

	/** A queue depends on the previous one, which must exist. */
	initHwQueue(queue: HwQueueCore, index: number): HwQueueOps | Ret {
		if (index >= defines.IOMMU_TEST_HW_QUEUE_MAX) return this.#reasons.fail(mockQueueChecks.mockQueueIndex, index);
		if (this.#queues[index] !== undefined) return this.#reasons.fail(mockQueueChecks.mockQueueTaken, index);
		const previous = index === 0 ? undefined : this.#queues[index - 1];
		if (index > 0 && previous === undefined) return this.#reasons.fail(mockQueueChecks.mockQueuePrevious, index, index - 1);
		previous?.hold(queue);
		this.#queues[index] = queue;
		return {
			destroy: () => {
				// The mock driver clears slot 0 whichever queue is destroyed, so index 1 stays taken (EEXIST).
				this.#queues[0] = undefined;
				previous?.letGo();
			},
		};
	}

	/** Sends a device's event to the guest. -EOPNOTSUPP without a queue for it. */
	report(device: MockDevice): Ret {
		const event = EVENT.encode({ virt_id: Number(BigInt.asUintN(32, device.virtId)) });
		const sent = this.viommu.report(defines.IOMMU_VEVENTQ_TYPE_SELFTEST, event);
		return sent ? 0 : this.#reasons.fail(mockReportChecks.mockNoVeventq, device.name);
	}

	#invalidateOne(entry: { flags: number; vdev_id: number; cache_id: number }): Ret {
		const { flags, vdev_id, cache_id } = entry;
		if (flags & ~defines.IOMMU_TEST_INVALIDATE_FLAG_ALL) return this.#reasons.fail(mockCommandChecks.mockCommandFlags, flags);
		if (cache_id > mock_dev_cache.MOCK_DEV_CACHE_ID_MAX) return this.#reasons.fail(mockCommandChecks.mockCacheId, cache_id);
		const device = this.viommu.findDevice(BigInt(vdev_id)) as MockDevice | undefined;
		if (device === undefined) return this.#reasons.fail(mockCommandChecks.mockCommandDevice, vdev_id);
		if (flags & defines.IOMMU_TEST_INVALIDATE_FLAG_ALL) device.caches.fill(0);
		else device.caches[cache_id] = 0;
		return 0;
	}
}
