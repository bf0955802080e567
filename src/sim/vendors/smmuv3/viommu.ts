/** Virtual IOMMUs of an SMMUv3. */
import {
	iommu_viommu_arm_smmuv3_invalidate as ENTRY,
	iommu_hwpt_invalidate_data_type as INVALIDATE,
	iommu_veventq_type,
} from "../../../../structs/index.js";
import type { SmmuCommand } from "../../../formats/smmuv3/commands.js";
import { withStreamId } from "../../../formats/smmuv3/events.js";
import { EINVAL, EIO, ENOMEM, EOPNOTSUPP } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import type { NestedDomain } from "../../contract/domain.js";
import type { InvalidateArray, InvalidateResult } from "../../contract/invalidation.js";
import type { AllocData } from "../../contract/user-data.js";
import type { ViommuCore, ViommuOps } from "../../contract/viommu.js";
import { copySte } from "./check-ste.js";
import { checkCommand } from "./commands.js";
import { SmmuNestedDomain, type SmmuPagingDomain } from "./domains.js";
import { smmuInvalidations } from "./invalidations.js";

/** Commands that go to the hardware at once. */
const BATCH = 63;
/** Entries that fit into the largest piece of memory the kernel can allocate, 4 MiB. */
const MAX_ENTRIES = (4 << 20) / ENTRY.size;

/** A vIOMMU of an SMMUv3: the guest's share of one nesting parent's VMID. */
export class SmmuViommu implements ViommuOps {
	readonly #virtIds = new Map<IommuDevice, bigint>();

	constructor(
		readonly viommu: ViommuCore,
		readonly parent: SmmuPagingDomain,
	) {}

	/** What the guest calls a device. */
	virtId(device: IommuDevice): bigint | undefined {
		return this.#virtIds.get(device);
	}

	allocNested(_device: IommuDevice, flags: number, from: AllocData): NestedDomain | Ret {
		if (flags !== 0) return -EOPNOTSUPP;
		const ste = copySte(from);
		return typeof ste === "number" ? ste : new SmmuNestedDomain(this, ste);
	}

	/** -EOPNOTSUPP: one stream ID can not stand for a device that has two. */
	addVdevice(device: IommuDevice, virtId: bigint): Ret {
		if (this.parent.iommu.stream(device)?.sids.length !== 1) return -EOPNOTSUPP;
		this.#virtIds.set(device, virtId);
		return 0;
	}

	removeVdevice(device: IommuDevice): void {
		this.#virtIds.delete(device);
	}

	/**
	 * Commands in the guest's words. What is before a bad one (-EIO) counts as done, but those of them
	 * that were waiting in the batch with it never reach the hardware.
	 */
	invalidate(array: InvalidateArray): InvalidateResult {
		const { count, type } = array;
		if (count > MAX_ENTRIES) {
			this.parent.iommu.host.warn("page allocation failure: the commands do not fit into one allocation");
			return { rc: -ENOMEM, done: count };
		}
		if (count === 0 || type !== INVALIDATE.IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3) return { rc: -EINVAL, done: 0 };
		const bytes = array.entries(ENTRY.size);
		if (typeof bytes === "number") return { rc: bytes, done: 0 };
		let batch: SmmuCommand[] = [];
		for (let i = 0; i < count; i++) {
			const command = this.#convert(bytes.subarray(i * ENTRY.size, (i + 1) * ENTRY.size));
			if (command === undefined) return { rc: -EIO, done: i };
			batch.push(command);
			if (batch.length < BATCH && i + 1 < count) continue;
			for (const each of batch) this.#issue(each);
			batch = [];
		}
		return { rc: 0, done: count };
	}

	/** Send a record of the SMMU's to the guest, the device under the name it had when it was attached. */
	report(record: Uint8Array, virtId: bigint): void {
		this.viommu.report(iommu_veventq_type.IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, withStreamId(record, virtId));
	}

	/** The command as the hardware gets it; undefined: the guest may not give it. */
	#convert(bytes: Uint8Array): SmmuCommand | undefined {
		const { iommu } = this.parent;
		const command = checkCommand(bytes, iommu.features, iommu.ats);
		const virtual = command?.fields.sid;
		if (command === undefined || virtual === undefined) return command;
		const device = this.viommu.findDevice(virtual);
		const stream = device && iommu.stream(device);
		return stream && { ...command, fields: { ...command.fields, sid: BigInt(stream.wire) } };
	}

	#issue(command: SmmuCommand): void {
		const { iommu, vmid } = this.parent;
		for (const it of smmuInvalidations(command, vmid)) iommu.caches.invalidate(it);
	}
}
