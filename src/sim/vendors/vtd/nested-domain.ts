/** VT-d nested page tables: attach, invalidate, flush. */
import {
	iommu_hwpt_invalidate_data_type as DATA,
	iommu_hwpt_vtd_s1_invalidate as ENTRY,
	iommu_hwpt_vtd_s1_invalidate_flags as ENTRY_FLAG,
	iommu_hwpt_vtd_s1_flags as FLAG,
} from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { NestedDomain } from "../../contract/domain.js";
import type { IommuInstance } from "../../contract/driver.js";
import type { InvalidateArray, InvalidateResult } from "../../contract/invalidation.js";
import type { X86Paging } from "../../mmu/walk-x86.js";
import type { HwDevice } from "../common/device.js";
import { INV_V10 } from "./board.js";
import { vtdEntryChecks, vtdInvalidateChecks, vtdInvalidationChecks } from "./checks.js";
import type { VtdDriver } from "./driver.js";
import { writeHwError } from "./inv-v10.js";
import { vtdS1Invalidation } from "./invalidations.js";
import { enableFaults, needsPasidEntry, type VtdPagingDomain } from "./paging-domain.js";

const ALL_PAGES = (1n << 64n) - 1n;

/** The guest's description of its table (struct iommu_hwpt_vtd_s1). */
export interface VtdS1Config {
	readonly flags: bigint;
	readonly pgtbl_addr: bigint;
	/** 48 or 57 */
	readonly addr_width: number;
}

/** A guest's first-stage table on one of the host's second-stage tables. */
export class VtdNestedDomain extends NestedDomain {
	/** devices and PASIDs that were attached; some may be attached elsewhere by now */
	readonly #users = new Map<HwDevice, Set<number>>();
	readonly paging: X86Paging;
	readonly supervisor: boolean;

	constructor(
		iommu: IommuInstance,
		readonly driver: VtdDriver,
		readonly parent: VtdPagingDomain,
		readonly config: VtdS1Config,
		/** VT-d domain ID */
		readonly id: number,
	) {
		super(iommu);
		parent.children.add(this);
		const { flags, pgtbl_addr, addr_width } = config;
		const has = (flag: number | bigint) => (flags & BigInt(flag)) !== 0n;
		this.supervisor = has(FLAG.IOMMU_VTD_S1_SRE);
		this.paging = {
			levels: addr_width === 57 ? 5 : 4,
			root: pgtbl_addr,
			outputBits: driver.features.secondStageWidth,
			page1G: (driver.features.firstStagePages & (1n << 30n)) !== 0n,
			writeProtect: has(FLAG.IOMMU_VTD_S1_WPE),
			noExecute: true,
			accessedDirty: true,
			extendedAccessed: has(FLAG.IOMMU_VTD_S1_EAFE),
		};
	}

	override attach(device: HwDevice, pasid: number): Ret {
		if (pasid !== 0 && !needsPasidEntry(device)) return 0;
		let rc = enableFaults(this, device);
		if (rc === 0) rc = this.#check();
		if (rc < 0) return rc;
		this.driver.forget(device, pasid);
		const pasids = this.#users.get(device);
		if (pasids === undefined) this.#users.set(device, new Set([pasid]));
		else pasids.add(pasid);
		return 0;
	}

	override free(): void {
		this.parent.children.delete(this);
		this.flush();
	}

	/** Drops every translation made through the parent, which has changed. */
	flush(): void {
		const type = "host-unmap";
		const { caches } = this.driver;
		caches.invalidate({ type, cache: "iotlb", domain: this.id });
		caches.invalidate({ type, cache: "paging", domain: this.id });
		for (const context of this.#contexts()) caches.invalidate({ type, cache: "atc", ...context });
	}

	/** Checks that the hardware's PASID table entry can hold the configuration; else -EINVAL. */
	#check(): Ret {
		const { features, reasons } = this.driver;
		const { name } = this.iommu;
		const { flags, addr_width } = this.config;
		if (flags & BigInt(FLAG.IOMMU_VTD_S1_SRE) && !features.supervisor) return reasons.fail(vtdEntryChecks.vtdNoSupervisor, name);
		if (flags & BigInt(FLAG.IOMMU_VTD_S1_EAFE) && !features.extendedAccessed)
			return reasons.fail(vtdEntryChecks.vtdNoExtendedAccessed, name);
		if (addr_width === 57 && !features.fiveLevels) return reasons.fail(vtdEntryChecks.vtdNoFiveLevels, name);
		return addr_width === 48 || addr_width === 57 ? 0 : reasons.fail(vtdEntryChecks.vtdAddrWidth, addr_width);
	}

	override invalidate(array: InvalidateArray): InvalidateResult {
		if (array.type !== DATA.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1)
			return { rc: this.driver.reasons.fail(vtdInvalidateChecks.vtdArrayType, array.type), done: 0 };
		const reports = this.driver.context.kernel.vendor[INV_V10];
		for (let i = 0; i < array.count; i++) {
			const bytes = array.entry(i, ENTRY.size);
			if (typeof bytes === "number") return { rc: bytes, done: i };
			const entry = ENTRY.decode(bytes);
			if (!reports) {
				const rc = this.#invalidateOne(entry);
				if (rc < 0) return { rc, done: i };
				continue;
			}
			let rc: Ret = 0;
			const failed = this.driver.reporting(() => {
				// in the proposal the kernel writes the last word
				rc = this.#invalidateOne({ ...entry, __reserved: 0 });
			});
			if (rc === 0) rc = writeHwError(this.driver, array, i, failed);
			if (rc < 0) return { rc, done: i };
		}
		return { rc: 0, done: array.count };
	}

	#invalidateOne(entry: { addr: bigint; npages: bigint; flags: number; __reserved: number }): Ret {
		const { addr, npages, flags } = entry;
		const leaf = ENTRY_FLAG.IOMMU_VTD_INV_FLAGS_LEAF;
		const { caches, reasons } = this.driver;
		if (flags & ~leaf) return reasons.fail(vtdInvalidationChecks.vtdEntryFlags, flags);
		if (entry.__reserved !== 0) return reasons.fail(vtdInvalidationChecks.vtdEntryReserved, entry.__reserved);
		if ((addr & 0xfffn) !== 0n) return reasons.fail(vtdInvalidationChecks.vtdEntryAddr, addr);
		if (npages === ALL_PAGES && addr !== 0n) return reasons.fail(vtdInvalidationChecks.vtdEntryEverything, addr);
		for (const each of vtdS1Invalidation({ addr, npages, leaf: (flags & leaf) !== 0 }, this.id, this.#contexts())) caches.invalidate(each);
		return 0;
	}

	/** Requester IDs and PASIDs of the devices that use it at the moment. */
	#contexts(): { device: number; context: number }[] {
		const found: { device: number; context: number }[] = [];
		for (const [device, pasids] of this.#users) {
			for (const pasid of pasids) {
				if (device.group.attached.get(pasid)?.domain !== this) pasids.delete(pasid);
				else found.push({ device: device.requester.wire, context: device.cacheContext(pasid) });
			}
			if (pasids.size === 0) this.#users.delete(device);
		}
		return found;
	}
}
