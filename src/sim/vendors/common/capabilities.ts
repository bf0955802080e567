/** The PCI capabilities that GET_HW_INFO reports, the same for every vendor. */
import { iommufd_hw_capabilities as CAP } from "../../../../structs/index.js";
import type { PciDevice } from "../../board/description.js";

/** IOMMU_HW_CAP_* of a PCI device, without dirty tracking. `pasidWidth`: bits of PASID that it gets; 0: none. */
export function pciCapabilities(pci: PciDevice, pasidWidth: number): number {
	const pasid = pasidWidth > 0 ? CAP.IOMMU_HW_CAP_PCI_PASID_EXEC | CAP.IOMMU_HW_CAP_PCI_PASID_PRIV : 0;
	return pasid | (pci.ats ? 0 : CAP.IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
}
