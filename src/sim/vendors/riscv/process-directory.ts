/** Translates through a guest's whole process directory that is bound to devices. */
import { hex } from "../../../formats/bits.js";
import { RISCV_PD_MODES } from "../../../formats/riscv/index.js";
import { IommuCaches } from "../../mmu/caches.js";
import type { HwDevice } from "../common/device.js";
import { HostMemory } from "../common/host-memory.js";
import type { HwPagingDomain } from "../common/paging-domain.js";
import type { TableTranslator } from "../common/table-translator.js";
import { BARE, type ContextResult, type ProcessContext } from "./contexts.js";
import { drawRiscv } from "./draw.js";
import type { RiscvDriver } from "./driver.js";
import { processIdBits } from "./features.js";
import { type RiscvRequest, RiscvTranslator } from "./translate.js";

/** A directory of one to three levels: the smallest that has room for `size` processes. Requests without process ID use process 0. */
export function riscvTable(driver: RiscvDriver, base: bigint, size: number): TableTranslator {
	const { features } = driver;
	const caches = new IommuCaches<ProcessContext>(driver.description.caches, driver.caches.failing);
	const translator = new RiscvTranslator(caches, new HostMemory(driver.context.memory), features);
	const mode = size <= 256 ? RISCV_PD_MODES.PD8 : size <= 2 ** 17 ? RISCV_PD_MODES.PD17 : RISCV_PD_MODES.PD20;
	const context: ContextResult = {
		ok: true,
		context: {
			ats: features.ats,
			pageRequests: features.ats,
			quiet: false,
			setsAccessed: features.setsAccessed,
			defaultProcess: true,
			directory: { mode, root: base },
			stage1: BARE,
		},
	};
	const requestOf = (device: HwDevice, stage2: HwPagingDomain, pasid: number | undefined): RiscvRequest => {
		return { rid: device.requester.wire, pasid, context, domain: 0, stage2, ats: device.pci.ats };
	};
	return {
		caches,
		pasids: 2 ** processIdBits(mode),
		walk: (device, stage2, iova, access, pasid) =>
			drawRiscv(driver, `the guest's process directory at ${hex(base)}, on the host's second stage`, iova, caches, (through) =>
				through.translate(requestOf(device, stage2, pasid), iova, access),
			),
		translate: (device, stage2, iova, access, pasid) =>
			driver.finish(device, iova, access, pasid, translator.translate(requestOf(device, stage2, pasid), iova, access)),
	};
}
