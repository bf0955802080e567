/** Translates through a guest's whole PASID directory that is bound to devices. */
import { hex } from "../../../formats/bits.js";
import { IommuCaches } from "../../mmu/caches.js";
import type { HwDevice } from "../common/device.js";
import { HostMemory } from "../common/host-memory.js";
import type { HwPagingDomain } from "../common/paging-domain.js";
import type { TableTranslator } from "../common/table-translator.js";
import { drawVtd } from "./draw.js";
import type { VtdDriver } from "./driver.js";
import { type CachedVtdPasid, type VtdRequest, VtdTranslator } from "./translate.js";

/** A directory with 64 PASIDs per entry (Intel VT-d specification, 9.5). */
export function vtdTable(driver: VtdDriver, base: bigint, size: number): TableTranslator {
	const translator = new VtdTranslator(
		new IommuCaches<CachedVtdPasid>(driver.description.caches, driver.caches.failing),
		new HostMemory(driver.context.memory),
		driver.translator.limits,
	);
	const pasidTable = { base, entries: Math.max(1, size / 64) };
	const requestOf = (device: HwDevice, stage2: HwPagingDomain, pasid: number | undefined): VtdRequest => {
		return { rid: device.requester.wire, pasid, domain: 0, pasidTable, stage2, ats: device.pci.ats };
	};
	return {
		caches: translator.caches,
		pasids: pasidTable.entries * 64,
		walk: (device, stage2, iova, access, pasid) =>
			drawVtd(driver, `the guest's PASID directory at ${hex(base)}, on the host's second stage`, iova, translator.caches, (through) =>
				through.translate(requestOf(device, stage2, pasid), iova, access),
			),
		translate: (device, stage2, iova, access, pasid) => {
			const outcome = translator.translate(requestOf(device, stage2, pasid), iova, access);
			return driver.finish(device, iova, access, pasid, outcome);
		},
	};
}
