import {
	iommu_viommu_selftest as DATA,
	defines,
	iommu_viommu_invalidate_selftest as ENTRY,
	iommu_viommu_event_selftest as EVENT,
	iommufd_hwpt_alloc_flags as FLAG,
	mock_dev_cache,
} from "../../../../structs/index.js";
import { EEXIST, EINVAL, EIO, EOPNOTSUPP } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import type { NestedDomain, PagingDomain } from "../../contract/domain.js";
import type { AllocData, HwQueueOps, InvalidateArray, InvalidateResult, ViommuOps } from "../../contract/driver.js";
import { copyUserData } from "../../iommufd/command.js";
import type { HwQueue } from "../../iommufd/hw-queue.js";
import { copyEntries } from "../../iommufd/invalidate-call.js";
import type { Viommu } from "../../iommufd/viommu.js";
import { PAGE_SIZE } from "../../memory/memory-object.js";
import type { MockDevice } from "./device.js";
import { mockNested } from "./driver.js";

/** bytes of its data that the caller must give at least: in_data and out_data */
const MIN_DATA = DATA.offsets.out_mmap_offset;

const REGION_PAGES = 2;

/** A vIOMMU of the mock IOMMU. */
export class MockViommu implements ViommuOps {
	readonly #queues: (HwQueue | undefined)[] = [];

	private constructor(
		readonly viommu: Viommu,
		readonly parent: PagingDomain,
		/** page of the context's file that shows the data, if the caller gave any */
		readonly region: number | undefined,
	) {}

	static create(viommu: Viommu, parent: PagingDomain, from: AllocData): MockViommu | Ret {
		let region: number | undefined;
		if (from.data !== undefined) {
			const type = defines.IOMMU_VIOMMU_TYPE_SELFTEST;
			const bytes = copyUserData(from.process, from.data, type, DATA.size, MIN_DATA);
			if (typeof bytes === "number") return bytes;
			const data = DATA.decode(bytes);
			const { sim, mappable } = viommu.context;
			const object = sim.physical.newObject(REGION_PAGES, "anonymous");
			object.page(0).set(DATA.encode({ in_data: data.in_data }).subarray(0, 4));
			region = mappable.add(object);
			// A mapping keeps the vIOMMU, and the context as an open file would.
			object.onMapping = (change) => {
				viommu.users += change;
				if (change > 0) viommu.context.hold();
				else viommu.context.release();
			};
			const answer = DATA.encode({
				in_data: data.in_data,
				out_data: data.in_data,
				out_mmap_offset: BigInt(region * PAGE_SIZE),
				out_mmap_length: BigInt(REGION_PAGES * PAGE_SIZE),
			});
			const given = answer.subarray(0, Math.min(from.data.length, DATA.size));
			const rc = from.process.memory.write(from.data.uptr, given);
			if (rc < 0) {
				mappable.remove(region);
				return rc;
			}
		}
		return new MockViommu(viommu, parent, region);
	}

	destroy(): void {
		if (this.region !== undefined) this.viommu.context.mappable.remove(this.region);
	}

	allocNested(device: IommuDevice, flags: number, from: AllocData): NestedDomain | Ret {
		if (flags & ~FLAG.IOMMU_HWPT_ALLOC_PASID) return -EOPNOTSUPP;
		return mockNested(device, this.parent, from, this);
	}

	invalidate(array: InvalidateArray): InvalidateResult {
		const wrong = array.type !== defines.IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST;
		if (wrong) return { rc: -EINVAL, done: 0 };
		const bytes = copyEntries(array, ENTRY.size);
		if (typeof bytes === "number") return { rc: bytes, done: 0 };
		for (let i = 0; i < array.entries; i++) {
			const rc = this.#invalidateOne(ENTRY.decode(bytes, i * ENTRY.size));
			if (rc < 0) return { rc, done: i };
		}
		return { rc: 0, done: array.entries };
	}

	hwQueueSupported(type: number): Ret {
		return type === defines.IOMMU_HW_QUEUE_TYPE_SELFTEST ? 0 : -EOPNOTSUPP;
	}

	/** A queue depends on the one before it, which must be there. */
	initHwQueue(queue: HwQueue, index: number): HwQueueOps | Ret {
		if (index >= defines.IOMMU_TEST_HW_QUEUE_MAX) return -EINVAL;
		if (this.#queues[index] !== undefined) return -EEXIST;
		const previous = index === 0 ? undefined : this.#queues[index - 1];
		if (index > 0 && previous === undefined) return -EIO;
		if (previous !== undefined) previous.users++;
		this.#queues[index] = queue;
		return {
			destroy: () => {
				// The mock driver clears slot 0 whichever queue goes: index 1 stays taken (EEXIST).
				this.#queues[0] = undefined;
				if (previous !== undefined) previous.users--;
			},
		};
	}

	/** Send a device's event to the guest. -EOPNOTSUPP without a queue for it. */
	report(device: MockDevice): Ret {
		const queue = this.viommu.eventQueues.get(defines.IOMMU_VEVENTQ_TYPE_SELFTEST);
		if (queue === undefined) return -EOPNOTSUPP;
		queue.report(EVENT.encode({ virt_id: Number(BigInt.asUintN(32, device.virtId)) }));
		return 0;
	}

	#invalidateOne(entry: { flags: number; vdev_id: number; cache_id: number }): Ret {
		const { flags, vdev_id, cache_id } = entry;
		if (flags & ~defines.IOMMU_TEST_INVALIDATE_FLAG_ALL) return -EOPNOTSUPP;
		if (cache_id > mock_dev_cache.MOCK_DEV_CACHE_ID_MAX) return -EINVAL;
		const device = this.viommu.findDevice(BigInt(vdev_id)) as MockDevice | undefined;
		if (device === undefined) return -EINVAL;
		if (flags & defines.IOMMU_TEST_INVALIDATE_FLAG_ALL) device.caches.fill(0);
		else device.caches[cache_id] = 0;
		return 0;
	}
}
