/** Translates through a guest's whole context descriptor table that is bound to devices. */
import { hex } from "../../../formats/bits.js";
import { IommuCaches } from "../../mmu/caches.js";
import { HostMemory } from "../common/host-memory.js";
import type { TableTranslator } from "../common/table-translator.js";
import { finish } from "./dma.js";
import { drawSmmu } from "./draw.js";
import type { Smmu } from "./smmu.js";
import { STE_S1 } from "./stream-table.js";
import { type CachedCd, SmmuTranslator } from "./translate.js";

/** A table of context descriptors; two levels (4K leaves) if it does not fit in one page. */
export function smmuTable(smmu: Smmu, base: bigint, size: number): TableTranslator {
	const translator = new SmmuTranslator(
		smmu.features,
		new IommuCaches<CachedCd>(smmu.description.caches, smmu.caches.failing),
		new HostMemory(smmu.host.memory),
	);
	const ste = {
		valid: true,
		config: STE_S1,
		format: size > 64 ? 1 : 0,
		contextPtr: base,
		cdMax: Math.log2(size),
		// transactions without a PASID use CD 0
		defaultSubstream: 2,
		stallDisabled: false,
		ats: 1,
	};
	return {
		caches: translator.caches,
		pasids: size,
		walk: (device, stage2, iova, access, pasid) => {
			const from = { sid: device.requester.wire, vmid: 0, ste, stage2, ssid: pasid };
			const tables = `the guest's ${size} context descriptors at ${hex(base)}, stage 1 on the host's stage 2`;
			return drawSmmu(smmu, tables, iova, translator.caches, (through) => through.translate(from, iova, access));
		},
		translate: (device, stage2, iova, access, pasid) => {
			const stream = smmu.stream(device);
			if (stream === undefined) return { ok: false };
			const from = { sid: stream.wire, vmid: 0, ste, stage2, ssid: pasid, ats: stream.ats };
			return finish(stream, translator.translate(from, iova, access), iova, access, pasid);
		},
	};
}
