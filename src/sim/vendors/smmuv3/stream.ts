/** The SMMU driver's state for one device. */
import type { HwDevice } from "../common/device.js";
import type { SmmuDomain, SmmuPagingDomain } from "./domains.js";
import type { Smmu } from "./smmu.js";
import type { SmmuViommu } from "./viommu.js";

/**
 * The receiver of a device's events: that of the moment when its table was attached. vDEVICEs that come, go or change their ID
 * later, tables that are refused and tables that are attached already change nothing; a table without a vDEVICE (bypass, abort)
 * and a table of the kernel have none. Source: golden hw/README.md, "Real events", and hw/smmuv3-late.
 */
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
