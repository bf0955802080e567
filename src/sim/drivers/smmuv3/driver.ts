import {
	iommu_hw_info_arm_smmuv3,
	iommu_hw_info_type as TYPE,
	iommu_viommu_type,
	iommufd_hwpt_alloc_flags as FLAG,
} from "../../../../structs/index.js";
import { EINVAL, EOPNOTSUPP } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { IommuDevice } from "../../iommu/device.js";
import type { Domain, PagingDomain } from "../../iommu/domain.js";
import type { AllocData, DmaOutcome, HwInfo, IommuDriver, ViommuOps } from "../../iommu/driver.js";
import type { Viommu } from "../../iommufd/viommu.js";
import type { SmmuDevice } from "./device.js";
import { access } from "./dma.js";
import { install, SmmuNestedDomain, SmmuPagingDomain } from "./domains.js";
import type { Smmu } from "./smmu.js";
import { SmmuViommu } from "./viommu.js";

const NEST = FLAG.IOMMU_HWPT_ALLOC_NEST_PARENT;
const DIRTY = FLAG.IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
const PASID = FLAG.IOMMU_HWPT_ALLOC_PASID;

/** The driver of all SMMUv3s. */
export class Smmuv3Driver implements IommuDriver {
	canTrackDirty(device: IommuDevice): boolean {
		return (device.iommu as Smmu).tracksDirty;
	}

	/** Stage 1 where there is one; a nesting parent is stage 2, beneath the guest's stage 1. */
	allocPaging(device: IommuDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		const smmu = device.iommu as Smmu;
		if (flags & ~(NEST | DIRTY | PASID) || from?.data !== undefined) return -EOPNOTSUPP;
		if (flags & NEST) return flags === NEST && smmu.nests ? new SmmuPagingDomain(smmu, 2, true, false) : -EOPNOTSUPP;
		if (flags !== 0 && !smmu.features.stage1) return -EOPNOTSUPP;
		return new SmmuPagingDomain(smmu, smmu.features.stage1 ? 1 : 2, false, (flags & DIRTY) !== 0);
	}

	detached(device: IommuDevice, pasid: number): void {
		const smmuDevice = device as SmmuDevice;
		if (pasid !== 0) {
			smmuDevice.byPasid.delete(pasid);
			return;
		}
		install(smmuDevice, undefined);
		smmuDevice.events = undefined;
	}

	guestOwnsPasids(domain: Domain): boolean {
		return domain instanceof SmmuNestedDomain;
	}

	hwInfo(device: IommuDevice, type: number): HwInfo | Ret {
		if (type !== TYPE.IOMMU_HW_INFO_TYPE_DEFAULT && type !== TYPE.IOMMU_HW_INFO_TYPE_ARM_SMMUV3) return -EOPNOTSUPP;
		const { idr, iidr, aidr } = (device.iommu as Smmu).description;
		return {
			type: TYPE.IOMMU_HW_INFO_TYPE_ARM_SMMUV3,
			data: iommu_hw_info_arm_smmuv3.encode({ flags: 0, idr: [...idr], iidr, aidr }),
		};
	}

	viommuSupported(device: IommuDevice, type: number): Ret {
		const smmu = device.iommu as Smmu;
		const known = type === iommu_viommu_type.IOMMU_VIOMMU_TYPE_ARM_SMMUV3;
		return known && smmu.nests && smmu.staysCoherent ? 0 : -EOPNOTSUPP;
	}

	initViommu(viommu: Viommu, parent: PagingDomain, _from: AllocData): ViommuOps | Ret {
		// made for a device behind another SMMU
		if (!(parent instanceof SmmuPagingDomain) || parent.iommu !== viommu.iommu) return -EINVAL;
		return new SmmuViommu(viommu, parent);
	}

	dma(device: IommuDevice, iova: bigint, what: number, pasid?: number): DmaOutcome {
		return access(device as SmmuDevice, iova, what, pasid);
	}
}

export const smmuv3Driver = new Smmuv3Driver();
