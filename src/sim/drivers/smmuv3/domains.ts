import { EINVAL, ENOENT } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { AttachHandle, IommuDevice } from "../../iommu/device.js";
import { type DirtyTracker, NestedDomain, PagingDomain } from "../../iommu/domain.js";
import type { Area } from "../../iova/area.js";
import type { Interval } from "../../iova/interval-set.js";
import { decodeSte, STE_BYPASS, STE_S1, type SteStage1 } from "../../machine/smmuv3-ste.js";
import type { Stage2, Stage2Page } from "../../machine/translate.js";
import { READ, WRITE } from "../../machine/walk.js";
import { SmmuDevice } from "./device.js";
import type { Smmu } from "./smmu.js";
import type { SmmuViommu } from "./viommu.js";

/** bits of IOVA that four levels of 4K tables translate */
const TABLE_BITS = 48;
const BYPASS: SteStage1 = decodeSte([1n | (BigInt(STE_BYPASS) << 1n), 0n]);

export type SmmuDomain = SmmuPagingDomain | SmmuNestedDomain;

/** The device is on this table from now on: its entry (not one of a PASID's) is written and fetched anew. */
function install(device: SmmuDevice, domain: SmmuDomain): void {
	device.domain = domain;
	forgetEntry(device);
}

/** A stream table entry changed: what was fetched through it is dropped. */
export function forgetEntry(device: SmmuDevice): void {
	for (const sid of device.sids)
		device.iommu.caches.invalidate({ type: "CFGI_STE", cache: "pasid", device: sid });
}

/** A table that the kernel fills: stage 1, or stage 2 for nesting parents and where there is no other. */
export class SmmuPagingDomain extends PagingDomain {
	declare readonly iommu: Smmu;
	readonly smallestPage = 0x1000n;
	readonly pageSizes = 0x40201000n;
	readonly aperture: Interval;
	readonly tracker: SmmuDirty | undefined;
	/** of stage 2: what TLB entries on top of it carry; nesting parents share it with their vIOMMUs */
	readonly vmid: number;

	constructor(
		smmu: Smmu,
		readonly stage: 1 | 2,
		readonly nestParent: boolean,
		dirty: boolean,
	) {
		super(smmu);
		const bits = stage === 1 ? TABLE_BITS : Math.min(smmu.features.outputBits, TABLE_BITS);
		this.aperture = { start: 0n, last: (1n << BigInt(bits)) - 1n };
		this.vmid = stage === 2 ? smmu.takeVmid() : 0;
		this.enforcesCoherency = smmu.description.canwbs;
		if (dirty) this.dirty = this.tracker = new SmmuDirty();
	}

	override attach(device: IommuDevice, pasid: number, _handle: AttachHandle): Ret {
		if (!(device instanceof SmmuDevice) || device.iommu !== this.iommu) return -EINVAL;
		if (pasid === 0) {
			install(device, this);
			device.events = undefined;
			return 0;
		}
		if (this.stage !== 1) return -EINVAL;
		device.byPasid.set(pasid, this);
		return 0;
	}

	/** What of host memory an IOVA means. */
	find(iova: bigint): Stage2Page | undefined {
		const area = this.space?.find(iova);
		if (area === undefined) return undefined;
		const page = area.pages.pinnedPage(area.index(iova));
		if (page === undefined) return undefined;
		// stage 1 tables have no way to forbid reading alone
		const perm = (area.readable || this.stage === 1 ? READ : 0) | (area.writable ? WRITE : 0);
		const pa = (BigInt(page.object.frame + page.page) << 12n) | (area.byte(iova) & 0xfffn);
		return { pa, perm, shift: 12 };
	}

	/** as the lower stage of a nested translation, or on its own */
	readonly stage2: Stage2 = { find: (ipa) => this.find(ipa) };

	/** the guest part of an entry that uses this table alone */
	readonly ste: SteStage1 = BYPASS;

	/** What nests on it is cached by the guest's addresses, which the kernel does not know. */
	override unmapped(area: Area): void {
		this.tracker?.forget(area);
		if (this.nestParent) this.iommu.flushVmid(this.vmid, "unmap");
	}

	override free(): void {
		if (this.stage === 2) this.iommu.freeVmid(this.vmid);
	}
}

/** A guest's stream table entry, on a nesting parent. */
export class SmmuNestedDomain extends NestedDomain {
	declare readonly iommu: Smmu;

	constructor(
		readonly viommu: SmmuViommu,
		readonly ste: SteStage1,
	) {
		super(viommu.parent.iommu);
	}

	get parent(): SmmuPagingDomain {
		return this.viommu.parent;
	}

	/** -EINVAL: another SMMU's device, or a PASID; -ENOENT: stage 1 needs a vDEVICE, whom its events name. */
	override attach(device: IommuDevice, pasid: number, _handle: AttachHandle): Ret {
		if (!(device instanceof SmmuDevice) || device.iommu !== this.iommu || pasid !== 0) return -EINVAL;
		const virtId = this.viommu.virtId(device);
		if (virtId === undefined && this.ste.valid && this.ste.config === STE_S1) return -ENOENT;
		install(device, this);
		device.events = virtId === undefined ? undefined : { viommu: this.viommu, virtId };
		return 0;
	}
}

/** Dirty state of a stage 1 table: hardware keeps it in the entries whether anybody asks or not. */
export class SmmuDirty implements DirtyTracker {
	enabled = false;
	readonly #pages = new Set<bigint>();

	set(enable: boolean): Ret {
		if (enable) this.#pages.clear();
		this.enabled = enable;
		return 0;
	}

	mark(iova: bigint): void {
		this.#pages.add(iova >> 12n);
	}

	read(start: bigint, last: bigint, clear: boolean, visit: (start: bigint, last: bigint) => void): Ret {
		const [from, to] = [start >> 12n, last >> 12n];
		for (const page of [...this.#pages].sort((a, b) => (a < b ? -1 : 1))) {
			if (page < from || page > to) continue;
			visit(page << 12n, (page << 12n) | 0xfffn);
			if (clear) this.#pages.delete(page);
		}
		return 0;
	}

	forget(area: Area): void {
		for (const page of this.#pages) if (page >= area.start >> 12n && page <= area.last >> 12n) this.#pages.delete(page);
	}
}
