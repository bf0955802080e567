/** The simulated SMMUv3 driver: what the iommufd core calls. */
import {
	iommufd_hw_capabilities as CAP,
	iommufd_hwpt_alloc_flags as FLAG,
	iommu_hw_info_arm_smmuv3,
	iommu_hw_info_tegra241_cmdqv,
	iommu_viommu_type,
	iommu_hw_info_type as TYPE,
} from "../../../../structs/index.js";
import { EINVAL, ENODEV } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { PciDevice } from "../../board/description.js";
import { ControlError } from "../../contract/control-error.js";
import type { Domain, PagingDomain } from "../../contract/domain.js";
import type { DmaOutcome, HwInfo } from "../../contract/driver.js";
import type { AllocData } from "../../contract/user-data.js";
import type { ViommuCore, ViommuOps } from "../../contract/viommu.js";
import type { IommuCaches } from "../../mmu/caches.js";
import type { Reasons } from "../../why/reasons.js";
import type { HwDevice } from "../common/device.js";
import type { DrawnWalk } from "../common/draw-walk.js";
import type { HwDriver } from "../common/driver.js";
import type { EventOutcome, RaisedEvent } from "../common/event.js";
import type { TableTranslator } from "../common/table-translator.js";
import { smmuTable } from "./cd-table.js";
import { smmuInfoChecks, smmuInitViommuChecks, smmuPagingChecks, smmuViommuChecks } from "./checks.js";
import { access, forbiddenAts, hostStage1, resolve, throughTable } from "./dma.js";
import { install, SmmuNestedDomain, SmmuPagingDomain } from "./domains.js";
import { drawSmmu, tablesOf } from "./draw.js";
import type { SmmuLog } from "./log.js";
import { raiseSmmu } from "./raise.js";
import type { Smmu } from "./smmu.js";
import { Tegra241Viommu } from "./tegra241-viommu.js";
import type { CachedCd } from "./translate.js";
import { SmmuViommu } from "./viommu.js";

const NEST = FLAG.IOMMU_HWPT_ALLOC_NEST_PARENT;
const DIRTY = FLAG.IOMMU_HWPT_ALLOC_DIRTY_TRACKING;

/** The SMMUv3 driver, for one SMMU. */
export class Smmuv3Driver implements HwDriver {
	/** the interrupt translation service (ITS) distinguishes devices */
	readonly isolatesMsi = true;

	constructor(readonly smmu: Smmu) {}

	get reasons(): Reasons {
		return this.smmu.host.reasons;
	}

	get log(): SmmuLog {
		return this.smmu.log;
	}

	get caches(): IommuCaches<CachedCd> {
		return this.smmu.caches;
	}

	pasidWidth(pci: PciDevice): number {
		return Math.min(pci.pasidWidth, this.smmu.features.ssidBits);
	}

	capabilities(pci: PciDevice): number {
		return pci.ats ? 0 : CAP.IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	}

	bindTable(base: bigint, size: number): TableTranslator {
		return smmuTable(this.smmu, base, size);
	}

	/** Raises an event given by its name: to the guest that has the device, else to the kernel log. */
	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		return raiseSmmu(this.smmu, device, event);
	}

	canTrackDirty(_device: HwDevice): boolean {
		return this.smmu.tracksDirty;
	}

	/** Allocates stage 1 if the SMMU has it; a nesting parent is stage 2, beneath the guest's stage 1. -ENOSPC: no VMID is left. */
	allocPaging(_device: HwDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		const { smmu } = this;
		const { stage1 } = smmu.features;
		const { reasons } = this;
		if (from?.data !== undefined) return reasons.fail(smmuPagingChecks.smmuPagingData, from.data.type);
		const nest = (flags & NEST) !== 0;
		if (nest && flags !== NEST) return reasons.fail(smmuPagingChecks.smmuParentFlags, flags);
		if (nest && !smmu.nests) return reasons.fail(smmuPagingChecks.smmuNoNesting, smmu.name, smmu.stages);
		if (flags !== 0 && !nest && !stage1) return reasons.fail(smmuPagingChecks.smmuNoStage1, flags, smmu.name);
		if (stage1 && !nest) return new SmmuPagingDomain(smmu, 1, false, (flags & DIRTY) !== 0, 0);
		const vmid = smmu.takeVmid();
		return vmid < 0 ? vmid : new SmmuPagingDomain(smmu, 2, nest, false, vmid);
	}

	detached(device: HwDevice, pasid: number): void {
		const stream = this.smmu.stream(device);
		if (stream === undefined) return;
		if (pasid !== 0) {
			stream.byPasid.delete(pasid);
			return;
		}
		install(stream, undefined);
		stream.events = undefined;
	}

	guestOwnsPasids(domain: Domain): boolean {
		return domain instanceof SmmuNestedDomain;
	}

	hwInfo(_device: HwDevice, type: number): HwInfo | Ret {
		const { tegra241 } = this.smmu.description;
		if (type === TYPE.IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV && tegra241 !== undefined) {
			const { version, log2Vcmdqs: log2vcmdqs, log2Vsids: log2vsids } = tegra241;
			return { type, data: iommu_hw_info_tegra241_cmdqv.encode({ version, log2vcmdqs, log2vsids }) };
		}
		if (type !== TYPE.IOMMU_HW_INFO_TYPE_DEFAULT && type !== TYPE.IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
			return this.reasons.fail(smmuInfoChecks.smmuInfoType, type);
		const { idr, iidr, aidr } = this.smmu.description;
		return {
			type: TYPE.IOMMU_HW_INFO_TYPE_ARM_SMMUV3,
			data: iommu_hw_info_arm_smmuv3.encode({ flags: 0, idr: [...idr], iidr, aidr }),
		};
	}

	viommuSupported(_device: HwDevice, type: number): Ret {
		const { smmu } = this;
		const own = type === iommu_viommu_type.IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV && smmu.description.tegra241 !== undefined;
		if (type !== iommu_viommu_type.IOMMU_VIOMMU_TYPE_ARM_SMMUV3 && !own) return this.reasons.fail(smmuViommuChecks.smmuViommuType, type);
		if (!smmu.nests) return this.reasons.fail(smmuViommuChecks.smmuNoNesting, smmu.name, smmu.stages);
		return smmu.staysCoherent ? 0 : this.reasons.fail(smmuViommuChecks.smmuIncoherent, smmu.name);
	}

	initViommu(viommu: ViommuCore, parent: PagingDomain, from: AllocData): ViommuOps | Ret {
		if (!(parent instanceof SmmuPagingDomain) || parent.iommu !== viommu.iommu)
			return this.reasons.fail(smmuInitViommuChecks.smmuOtherParent, parent.iommu.name, viommu.iommu.name);
		const { tegra241 } = this.smmu.description;
		const extended = tegra241 !== undefined && viommu.viommuType === iommu_viommu_type.IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV;
		return extended ? Tegra241Viommu.create(viommu, parent, tegra241, from) : new SmmuViommu(viommu, parent);
	}

	refuseAts(device: HwDevice, iova: bigint, what: number, pasid?: number): (DmaOutcome & { ok: false }) | undefined {
		const stream = this.smmu.stream(device);
		return stream && forbiddenAts(stream, iova, what, pasid);
	}

	walk(device: HwDevice, iova: bigint, what: number, pasid?: number): DrawnWalk {
		const stream = this.smmu.stream(device);
		if (stream === undefined) throw new ControlError(ENODEV, `${device.name} is behind another SMMU`);
		const table = (pasid === undefined ? undefined : stream.byPasid.get(pasid)) ?? stream.domain;
		return drawSmmu(this.smmu, tablesOf(table), iova, this.caches, (through) => resolve(stream, iova, what, pasid, through));
	}

	walkTable(domain: Domain, iova: bigint, what: number, pasid?: number): DrawnWalk {
		if (!(domain instanceof SmmuPagingDomain || domain instanceof SmmuNestedDomain))
			throw new ControlError(EINVAL, "this table is another SMMU's");
		return drawSmmu(this.smmu, tablesOf(domain), iova, this.caches, (through) =>
			domain instanceof SmmuPagingDomain && domain.stage === 1
				? hostStage1(undefined, domain, iova, what, pasid, through)
				: throughTable(domain, { sid: 0, ssid: pasid }, iova, what, through),
		);
	}

	dma(device: HwDevice, iova: bigint, what: number, pasid?: number): DmaOutcome {
		if (this.smmu.doorbells.size > 0) for (const each of this.smmu.doorbells) each();
		const stream = this.smmu.stream(device);
		return stream === undefined ? { ok: false } : access(stream, iova, what, pasid);
	}
}
