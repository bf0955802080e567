import { type Bdf, formatBdf } from "../machine/bdf.js";
import type { PciDevice } from "../machine/description.js";
import type { Requester } from "../machine/topology.js";
import { IommuDevice, type IommuGroup } from "../iommu/device.js";
import type { HwIommu } from "./driver.js";

/** A PCI function behind a physical IOMMU. */
export class HwDevice extends IommuDevice {
	declare readonly iommu: HwIommu;

	constructor(
		readonly pci: PciDevice,
		iommu: HwIommu,
		group: IommuGroup,
		/** the requester IDs that its transactions carry */
		readonly requester: Requester,
	) {
		const width = iommu.driver.pasidWidth(pci);
		// The kernel bounds PASIDs only where there is a capability that could.
		const pasids = width > 0 ? 2 ** width : Number.POSITIVE_INFINITY;
		const regions = [...iommu.description.reserved, ...pci.reserved];
		const reserved = regions.map(({ first, last }) => ({ start: first, last }));
		super(formatBdf(pci.bdf), iommu, group, pasids, reserved);
		this.maxPasidLog2 = width;
		this.capabilities = iommu.driver.capabilities(pci);
	}

	get bdf(): Bdf {
		return this.pci.bdf;
	}
}
