/** Translates through a guest's whole CR3 table that is bound to devices. */
import { hex } from "../../../formats/bits.js";
import { IommuCaches } from "../../mmu/caches.js";
import type { HwDevice } from "../common/device.js";
import { HostMemory } from "../common/host-memory.js";
import type { HwPagingDomain } from "../common/paging-domain.js";
import type { TableTranslator } from "../common/table-translator.js";
import { drawAmd } from "./draw.js";
import type { AmdDriver } from "./driver.js";
import { type AmdRequest, AmdTranslator } from "./translate.js";

/** A guest CR3 table of one to three levels. */
export function amdTable(driver: AmdDriver, base: bigint, size: number): TableTranslator {
	const caches = new IommuCaches<bigint>(driver.description.caches, driver.caches.failing);
	const translator = new AmdTranslator(caches, new HostMemory(driver.context.memory), driver.features);
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
	const requestOf = (device: HwDevice, stage2: HwPagingDomain, pasid: number | undefined): AmdRequest => {
		return { rid: device.requester.wire, pasid, dte, domain: 0, stage2, ats: device.pci.ats };
	};
	return {
		caches,
		pasids: Math.min(1 << 20, 512 ** (dte.glx + 1)),
		walk: (device, stage2, iova, access, pasid) =>
			drawAmd(driver, `the guest's CR3 table at ${hex(base)}, on the host's table`, iova, caches, (through) =>
				through.translate(requestOf(device, stage2, pasid), iova, access),
			),
		translate: (device, stage2, iova, access, pasid) =>
			driver.finish(device, iova, pasid, 0, translator.translate(requestOf(device, stage2, pasid), iova, access)),
	};
}
