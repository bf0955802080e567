/** The toy vendor's driver: translates through the host's table, or through a guest's table with one base address per PASID. */
import { EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import type { Ret } from "../../../../src/kernel/kernel.js";
import type { Iommu, PciDevice } from "../../../../src/sim/board/description.js";
import type { PagingDomain } from "../../../../src/sim/contract/domain.js";
import type { DmaOutcome } from "../../../../src/sim/contract/driver.js";
import type { AllocData } from "../../../../src/sim/contract/user-data.js";
import { IOVA_MAX } from "../../../../src/sim/iova/interval-set.js";
import { IommuCaches } from "../../../../src/sim/mmu/caches.js";
import { guestMemory, translateStage2 } from "../../../../src/sim/mmu/translate.js";
import { pciCapabilities } from "../../../../src/sim/vendors/common/capabilities.js";
import type { HwDevice } from "../../../../src/sim/vendors/common/device.js";
import { throughHost } from "../../../../src/sim/vendors/common/dma.js";
import type { DriverContext, HwDriver } from "../../../../src/sim/vendors/common/driver.js";
import { type EventOutcome, numberedFault, type RaisedEvent } from "../../../../src/sim/vendors/common/event.js";
import { HostMemory } from "../../../../src/sim/vendors/common/host-memory.js";
import { HwPagingDomain } from "../../../../src/sim/vendors/common/paging-domain.js";
import type { TableTranslator } from "../../../../src/sim/vendors/common/table-translator.js";
import type { DriverChecks } from "../../../../src/sim/vendors/vendor.js";
import { check, checks } from "../../../../src/sim/why/check.js";
import type { Reasons } from "../../../../src/sim/why/reasons.js";

const toyPagingChecks = checks("the toy's manual", {
	toyFlags: check(EOPNOTSUPP, "flags is {flags:x}", "toys have no flags"),
	toyData: check(EOPNOTSUPP, "data of type {type} came with the allocation", "toys take no data"),
});

/** What the driver checks where the core asks it. */
export const toyChecks: DriverChecks = { allocPaging: toyPagingChecks };

export interface ToyIommu extends Iommu {
	readonly kind: "toy";
	/** bits of PASID */
	readonly width: number;
}

class ToyDomain extends HwPagingDomain {
	readonly aperture = { start: 0n, last: IOVA_MAX };
	readonly pageSizes = 0x1000n;

	override attach(): Ret {
		return 0;
	}
}

export class ToyDriver implements HwDriver {
	readonly isolatesMsi = true;
	readonly caches: IommuCaches<bigint>;

	constructor(
		readonly description: ToyIommu,
		readonly context: DriverContext,
	) {
		this.caches = new IommuCaches(description.caches);
	}

	get reasons(): Reasons {
		return this.context.reasons;
	}

	pasidWidth(pci: PciDevice): number {
		return Math.min(this.description.width, pci.pasidWidth);
	}

	capabilities(pci: PciDevice): number {
		return pciCapabilities(pci, this.pasidWidth(pci));
	}

	canTrackDirty(): boolean {
		return false;
	}

	allocPaging(device: HwDevice, flags: number, from?: AllocData): PagingDomain | Ret {
		if (flags !== 0) return this.reasons.fail(toyPagingChecks.toyFlags, flags);
		return from?.data === undefined ? new ToyDomain(device.iommu) : this.reasons.fail(toyPagingChecks.toyData, from.data.type);
	}

	dma(device: HwDevice, iova: bigint, access: number): DmaOutcome {
		const domain = device.group.attached.get(0)?.domain;
		const found = domain instanceof HwPagingDomain ? throughHost(domain, iova, access) : undefined;
		return found ?? { ok: false, why: "the toy has no such page" };
	}

	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		const { code } = numberedFault(device, event);
		this.context.warn(`toy: fault ${code} of ${device.name}`);
		return { record: undefined, fate: "unhandled", why: "guests have no event queue" };
	}

	bindTable(base: bigint): TableTranslator {
		const { caches, context } = this;
		const host = new HostMemory(context.memory);
		return {
			caches,
			translate(device, stage2, iova, access, pasid = 0) {
				const rid = device.requester.wire;
				const start = caches.findPasid(rid, pasid) ?? guestMemory(host, stage2).read64(base + BigInt(pasid) * 8n);
				if (start === undefined) return { ok: false, why: "the toy's table cannot be read" };
				caches.addPasid({ device: rid, context: pasid, value: start });
				return translateStage2(stage2, start + iova, access) ?? { ok: false, why: "the toy has no such page" };
			},
		};
	}
}
