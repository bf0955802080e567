import type { DmaOutcome } from "../contract/driver.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import { IommuCaches } from "../mmu/caches.js";
import type { AmdDriver } from "../vendors/amd/driver.js";
import { AmdTranslator } from "../vendors/amd/translate.js";
import type { HwDevice } from "../vendors/common/device.js";
import { HostMemory } from "../vendors/common/host-memory.js";
import type { HwPagingDomain } from "../vendors/common/paging-domain.js";
import { recorded } from "../vendors/smmuv3/dma.js";
import type { Smmuv3Driver } from "../vendors/smmuv3/driver.js";
import { STE_S1 } from "../vendors/smmuv3/stream-table.js";
import { SmmuTranslator } from "../vendors/smmuv3/translate.js";
import type { VtdDriver } from "../vendors/vtd/driver.js";
import { VtdTranslator } from "../vendors/vtd/translate.js";

/** How one vendor's hardware reads a guest's PASID table; with caches of its own, as the guest names domains itself. */
export interface TableTranslator {
	readonly kind: "vtd" | "smmuv3" | "amd";
	readonly caches: IommuCaches;
	translate(device: HwDevice, stage2: HwPagingDomain, iova: bigint, access: number, pasid: number | undefined): DmaOutcome;
}

/** A directory of 64 PASIDs an entry (Intel VT-d specification, 9.5). */
export function vtdTable(driver: VtdDriver, memory: PhysicalMemory, base: bigint, size: number): TableTranslator {
	const translator = new VtdTranslator(new IommuCaches(driver.description.caches), new HostMemory(memory), driver.translator.limits);
	const pasidTable = { base, entries: Math.max(1, size / 64) };
	return {
		kind: "vtd",
		caches: translator.caches as IommuCaches,
		translate: (device, stage2, iova, access, pasid) => {
			const request = { rid: device.requester.wire, pasid, domain: 0, pasidTable, stage2, ats: device.pci.ats };
			return driver.finish(device, iova, access, pasid, translator.translate(request, iova, access));
		},
	};
}

/** A table of context descriptors; two levels (4K leaves) where one page does not hold it. */
export function smmuTable(driver: Smmuv3Driver, memory: PhysicalMemory, base: bigint, size: number): TableTranslator {
	const { smmu } = driver;
	const translator = new SmmuTranslator(smmu.features, new IommuCaches(smmu.description.caches), new HostMemory(memory));
	const ste = {
		valid: true,
		config: STE_S1,
		format: size > 64 ? 1 : 0,
		contextPtr: base,
		cdMax: Math.log2(size),
		// without a PASID: CD 0
		defaultSubstream: 2,
		stallDisabled: false,
		ats: 1,
	};
	return {
		kind: "smmuv3",
		caches: translator.caches as IommuCaches,
		translate: (device, stage2, iova, access, pasid) => {
			const stream = smmu.stream(device);
			if (stream === undefined) return { ok: false };
			const from = { sid: stream.wire, vmid: 0, ste, stage2, ssid: pasid, ats: stream.ats };
			const outcome = translator.translate(from, iova, access);
			if (outcome.ok) return outcome;
			if (outcome.event === undefined) return { ok: false, ats: outcome.ats };
			return recorded(stream, outcome.event);
		},
	};
}

/** A guest CR3 table of one to three levels. */
export function amdTable(driver: AmdDriver, memory: PhysicalMemory, base: bigint, size: number): TableTranslator {
	const translator = new AmdTranslator(new IommuCaches(driver.description.caches), new HostMemory(memory));
	const dte = {
		valid: true,
		translationValid: true,
		hostMode: 0,
		hostRoot: 0n,
		pageRequests: true,
		guestIoValid: true,
		guestValid: true,
		glx: Math.min(2, Math.floor((Math.max(1, Math.log2(size)) - 1) / 9)),
		gcr3: base,
		domainId: 0,
		ats: true,
		guestLevels: 4,
	} as const;
	return {
		kind: "amd",
		caches: translator.caches as IommuCaches,
		translate: (device, stage2, iova, access, pasid) => {
			const request = { rid: device.requester.wire, pasid, dte, domain: 0, stage2, ats: device.pci.ats };
			return driver.finish(device, iova, pasid, 0, translator.translate(request, iova, access));
		},
	};
}
