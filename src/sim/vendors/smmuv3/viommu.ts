/** vIOMMUs of an SMMUv3: vDEVICEs, commands, events. */
import {
	iommu_viommu_arm_smmuv3_invalidate as ENTRY,
	iommu_hwpt_invalidate_data_type as INVALIDATE,
	iommu_veventq_type,
} from "../../../../structs/index.js";
import { hex } from "../../../formats/bits.js";
import type { SmmuCommand } from "../../../formats/smmuv3/commands.js";
import { withStreamId } from "../../../formats/smmuv3/events.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../contract/device.js";
import type { NestedDomain } from "../../contract/domain.js";
import type { InvalidateArray, InvalidateResult } from "../../contract/invalidation.js";
import type { GivenData } from "../../contract/user-data.js";
import type { ViommuCore, ViommuOps } from "../../contract/viommu.js";
import type { Reasons } from "../../why/reasons.js";
import { copySte } from "./check-ste.js";
import { smmuInvalidateChecks, smmuNestedChecks, smmuSidChecks, smmuVdeviceChecks } from "./checks.js";
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

	get #reasons(): Reasons {
		return this.parent.iommu.host.reasons;
	}

	/** The guest's ID of a device. */
	virtId(device: IommuDevice): bigint | undefined {
		return this.#virtIds.get(device);
	}

	allocNested(_device: IommuDevice, flags: number, from: GivenData): NestedDomain | Ret {
		if (flags !== 0) return this.#reasons.fail(smmuNestedChecks.smmuNestedFlags, flags);
		const ste = copySte(from);
		return typeof ste === "number" ? ste : new SmmuNestedDomain(this, ste);
	}

	/** -EOPNOTSUPP: one stream ID cannot stand for a device that has two. */
	addVdevice(device: IommuDevice, virtId: bigint): Ret {
		const sids = this.parent.iommu.stream(device)?.sids ?? [];
		if (sids.length !== 1)
			return this.#reasons.fail(smmuVdeviceChecks.smmuAliases, device.name, () => sids.map((sid) => hex(sid)).join(" and "));
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
			return { rc: this.#reasons.fail(smmuInvalidateChecks.smmuTooMany, count), done: count };
		}
		if (type !== INVALIDATE.IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3)
			return { rc: this.#reasons.fail(smmuInvalidateChecks.smmuArrayType, type), done: 0 };
		if (count === 0) return { rc: this.#reasons.fail(smmuInvalidateChecks.smmuNoCommands), done: 0 };
		const bytes = array.entries(ENTRY.size);
		if (typeof bytes === "number") return { rc: bytes, done: 0 };
		let batch: SmmuCommand[] = [];
		for (let i = 0; i < count; i++) {
			const command = this.#convert(bytes.subarray(i * ENTRY.size, (i + 1) * ENTRY.size), i);
			if (typeof command === "number") {
				if (batch.length > 0)
					this.#reasons.note(smmuInvalidateChecks.smmuBatchLost, i - batch.length, i - 1, this.parent.iommu.name, BATCH, i);
				return { rc: command, done: i };
			}
			batch.push(command);
			if (batch.length < BATCH && i + 1 < count) continue;
			for (const each of batch) this.#issue(each);
			batch = [];
		}
		return { rc: 0, done: count };
	}

	/** Sends an SMMU record to the guest, with the virtual ID that the device had when it was attached; undefined: it has no event queue. */
	report(record: Uint8Array, virtId: bigint): "queued" | "lost" | undefined {
		return this.viommu.report(iommu_veventq_type.IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, withStreamId(record, virtId));
	}

	/** Converts command `index` to what the hardware gets; -EIO: the guest may not send it. */
	#convert(bytes: Uint8Array, index: number): SmmuCommand | Ret {
		const { iommu } = this.parent;
		const command = checkCommand(bytes, iommu.features, iommu.ats, index, this.#reasons);
		if (typeof command === "number") return command;
		const virtual = command.fields.sid;
		if (virtual === undefined) return command;
		const device = this.viommu.findDevice(virtual);
		const stream = device && iommu.stream(device);
		if (stream === undefined) return this.#reasons.fail(smmuSidChecks.smmuCommandSid, index, command.name ?? "", virtual);
		return { ...command, fields: { ...command.fields, sid: BigInt(stream.wire) } };
	}

	#issue(command: SmmuCommand): void {
		const { iommu, vmid } = this.parent;
		for (const it of smmuInvalidations(command, vmid)) iommu.caches.invalidate(it);
	}
}
