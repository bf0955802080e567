import {
	iommu_hw_info_amd,
	iommu_hw_info_type as INFO,
	iommufd_hw_capabilities as CAP,
	iommufd_hwpt_alloc_flags as FLAG,
} from "../../../../structs/index.js";
import { EINVAL, EOPNOTSUPP } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import { throughHost } from "../../hardware/dma.js";
import type { DriverContext, HwDriver } from "../../hardware/driver.js";
import type { IommuDevice } from "../../iommu/device.js";
import type { Domain, PagingDomain } from "../../iommu/domain.js";
import type { AllocData, DmaOutcome, HwInfo, ViommuOps } from "../../iommu/driver.js";
import type { AmdIommu, PciDevice } from "../../machine/description.js";
import { AmdPagingDomain } from "./domains.js";
import { AmdFeatures } from "./features.js";

const { IOMMU_HWPT_ALLOC_NEST_PARENT: NEST, IOMMU_HWPT_ALLOC_DIRTY_TRACKING: DIRTY, IOMMU_HWPT_ALLOC_PASID: PASID } = FLAG;

/** The AMD driver, for one IOMMU. */
export class AmdDriver implements HwDriver {
	readonly kind = "amd";
	readonly features: AmdFeatures;
	readonly isolatesMsi: boolean;

	constructor(
		readonly description: AmdIommu,
		readonly context: DriverContext,
	) {
		this.features = new AmdFeatures(description);
		this.isolatesMsi = description.interruptRemapping;
	}

	pasidWidth(pci: PciDevice): number {
		return Math.min(this.features.pasidWidth, pci.pasidWidth);
	}

	capabilities(pci: PciDevice): number {
		const pasid = this.pasidWidth(pci) > 0 ? CAP.IOMMU_HW_CAP_PCI_PASID_EXEC | CAP.IOMMU_HW_CAP_PCI_PASID_PRIV : 0;
		return pasid | (pci.ats ? 0 : CAP.IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
	}

	canTrackDirty(): boolean {
		return this.features.dirtyTracking;
	}

	allocPaging(device: IommuDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		if (from?.data !== undefined || flags & ~(NEST | DIRTY | PASID)) return -EOPNOTSUPP;
		// A table for PASIDs has the guest's format: neither a parent nor tracked.
		if (flags & PASID && (this.features.pasidWidth === 0 || flags !== PASID)) return -EOPNOTSUPP;
		if (flags & NEST && !this.features.nesting) return -EOPNOTSUPP;
		if (flags & DIRTY && !this.features.dirtyTracking) return -EOPNOTSUPP;
		return new AmdPagingDomain(device.iommu, flags);
	}

	hwInfo(_device: IommuDevice, type: number): HwInfo | Ret | undefined {
		if (!this.context.kernel.amdIommufd) return undefined;
		if (type !== INFO.IOMMU_HW_INFO_TYPE_DEFAULT && type !== INFO.IOMMU_HW_INFO_TYPE_AMD) return -EOPNOTSUPP;
		const { efr, efr2 } = this.description;
		return { type: INFO.IOMMU_HW_INFO_TYPE_AMD, data: iommu_hw_info_amd.encode({ efr, efr2 }) };
	}

	/** Every type: the driver does not look at it. */
	viommuSupported(): Ret {
		return this.context.kernel.amdIommufd ? 0 : -EOPNOTSUPP;
	}

	initViommu(): ViommuOps | Ret {
		return {};
	}

	admits(_device: IommuDevice, domain: Domain): Ret {
		return domain.iommu.driver instanceof AmdDriver ? 0 : -EINVAL;
	}

	dma(device: IommuDevice, iova: bigint, access: number, pasid?: number): DmaOutcome {
		const domain = device.group.attached.get(pasid ?? 0)?.domain;
		if (domain instanceof AmdPagingDomain) return throughHost(domain, iova, access) ?? { ok: false };
		return { ok: false };
	}
}
