import { type IommuGroup, IommuDevice } from "../../iommu/device.js";
import type { Interval } from "../../iova/interval-set.js";
import type { SmmuDomain } from "./domains.js";
import type { Smmu } from "./smmu.js";
import type { SmmuViommu } from "./viommu.js";

export interface SmmuDeviceOptions {
	readonly name: string;
	readonly group: IommuGroup;
	/** its requester IDs as stream IDs, its own first; more than one behind a PCIe-to-PCI bridge */
	readonly sids: readonly number[];
	/** the one its transactions carry */
	readonly wire: number;
	/** PASIDs it has, 0: no such capability */
	readonly pasids: number;
	/** it caches translations itself, and so far as it goes may */
	readonly ats: boolean;
	readonly reserved: readonly Interval[];
}

/** Who is told of a device's events: settled when it is attached, whatever becomes of its vDEVICE later. */
export interface EventTarget {
	readonly viommu: SmmuViommu;
	readonly virtId: bigint;
}

/** A device behind an SMMUv3, with what its stream table entry (and context descriptors) say. */
export class SmmuDevice extends IommuDevice {
	declare readonly iommu: Smmu;
	readonly sids: readonly number[];
	readonly wire: number;
	readonly ats: boolean;
	/** undefined: its transactions are aborted */
	domain: SmmuDomain | undefined;
	events: EventTarget | undefined;
	/** of transactions with a PASID, where the host keeps the context descriptors */
	readonly byPasid = new Map<number, SmmuDomain>();

	constructor(smmu: Smmu, options: SmmuDeviceOptions) {
		super(options.name, smmu, options.group, options.pasids, options.reserved);
		this.sids = options.sids;
		this.wire = options.wire;
		this.ats = options.ats;
	}
}
