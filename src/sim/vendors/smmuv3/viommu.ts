/** vIOMMUs of an SMMUv3: vDEVICEs, commands, events. */
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

/** How many commands go to the hardware in one batch. */
const BATCH = 63;
/** How many entries fit into the kernel's largest allocation, 4 MiB. */
const MAX_ENTRIES = (4 << 20) / ENTRY.size;

/** A vIOMMU of an SMMUv3: the guest's share of one nesting parent's VMID. */
export class SmmuViommu implements ViommuOps {
	readonly #virtIds = new Map<IommuDevice, bigint>();

	constructor(
		readonly viommu: ViommuCore,
		readonly parent: SmmuPagingDomain,
	) {}

	/** The guest's ID of a device. */
	virtId(device: IommuDevice): bigint | undefined {
		return this.#virtIds.get(device);
	}

	allocNested(_device: IommuDevice, flags: number, from: AllocData): NestedDomain | Ret {
		if (flags !== 0) return -EOPNOTSUPP;
		const ste = copySte(from);
		return typeof ste === "number" ? ste : new SmmuNestedDomain(this, ste);
	}

	/** -EOPNOTSUPP: one stream ID cannot stand for a device that has two. */
	addVdevice(device: IommuDevice, virtId: bigint): Ret {
		if (this.parent.iommu.stream(device)?.sids.length !== 1) return -EOPNOTSUPP;
		this.#virtIds.set(device, virtId);
		return 0;
	}

	removeVdevice(device: IommuDevice): void {
		this.#virtIds.delete(device);
	}

	/**
	 * Executes commands with the guest's IDs. Those before a bad one (-EIO) count as done, but those
	 * in the same batch never reach the hardware.
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

	/** Sends an SMMU record to the guest, with the virtual ID that the device had when it was attached. */
	report(record: Uint8Array, virtId: bigint): void {
		this.viommu.report(iommu_veventq_type.IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, withStreamId(record, virtId));
	}

	/** Converts a command to what the hardware gets; undefined: the guest may not send it. */
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
