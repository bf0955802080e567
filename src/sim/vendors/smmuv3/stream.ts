/** The SMMU driver's state for one device. */
import type { HwDevice } from "../common/device.js";
import type { SmmuDomain, SmmuPagingDomain } from "./domains.js";
import type { Smmu } from "./smmu.js";
import type { SmmuViommu } from "./viommu.js";

/** The receiver of a device's events: fixed when the device is attached, whatever happens to its vDEVICE later. */
export interface EventTarget {
	readonly viommu: SmmuViommu;
	readonly virtId: bigint;
}

/** A device's entries in the SMMU's tables: its stream table entries, and the context descriptors of its PASIDs. */
export class SmmuStream {
	/** its stream IDs; more than one behind a PCIe-to-PCI bridge */
	readonly sids: readonly number[];
	/** the stream ID that its transactions carry */
	readonly wire: number;
	/** it may cache translations itself */
	readonly ats: boolean;
	/** undefined: its transactions are aborted */
	domain: SmmuDomain | undefined;
	events: EventTarget | undefined;
	/** the host's context descriptors */
	readonly byPasid = new Map<number, SmmuPagingDomain>();

	constructor(
		readonly smmu: Smmu,
		readonly device: HwDevice,
	) {
		// PCI requester IDs are stream IDs one to one
		this.sids = device.requester.rids;
		this.wire = device.requester.wire;
		this.ats = device.pci.ats && smmu.ats;
	}
}
