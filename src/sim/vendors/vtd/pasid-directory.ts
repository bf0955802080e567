/** Translates through a guest's whole PASID directory that is bound to devices. */
import { IommuCaches } from "../../mmu/caches.js";
import { HostMemory } from "../common/host-memory.js";
import type { TableTranslator } from "../common/table-translator.js";
import type { VtdDriver } from "./driver.js";
import { type CachedVtdPasid, VtdTranslator } from "./translate.js";

/** A directory with 64 PASIDs per entry (Intel VT-d specification, 9.5). */
export function vtdTable(driver: VtdDriver, base: bigint, size: number): TableTranslator {
	const translator = new VtdTranslator(
		new IommuCaches<CachedVtdPasid>(driver.description.caches, driver.caches.failing),
		new HostMemory(driver.context.memory),
		driver.translator.limits,
	);
	const pasidTable = { base, entries: Math.max(1, size / 64) };
	return {
		caches: translator.caches,
		pasids: pasidTable.entries * 64,
		translate: (device, stage2, iova, access, pasid) => {
			const request = { rid: device.requester.wire, pasid, domain: 0, pasidTable, stage2, ats: device.pci.ats };
			return driver.finish(device, iova, access, pasid, translator.translate(request, iova, access));
		},
	};
}
