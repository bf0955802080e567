/** SMMUv3's page tables, the kernel's and guests'. */
import { STE } from "../../../formats/smmuv3/index.js";
import { encodeFields } from "../../../formats/words.js";
import { EINVAL, ENOENT } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { AttachHandle, IommuDevice } from "../../contract/device.js";
import { NestedDomain } from "../../contract/domain.js";
import type { Area } from "../../iova/area.js";
import type { Interval } from "../../iova/interval-set.js";
import { DirtyPages, HwPagingDomain } from "../common/paging-domain.js";
import type { GuestSte } from "./check-ste.js";
import type { Smmu } from "./smmu.js";
import type { SmmuStream } from "./stream.js";
import { decodeSte, STE_BYPASS, STE_S1, type SteStage1 } from "./stream-table.js";
import type { SmmuViommu } from "./viommu.js";

/** bits of IOVA that four levels of 4K tables translate */
const TABLE_BITS = 48;
const BYPASS = decodeSte(encodeFields(STE, { v: 1n, config: BigInt(STE_BYPASS) }, [0n, 0n]));

export type SmmuDomain = SmmuPagingDomain | SmmuNestedDomain;

/**
 * A device's stream table entries say this from now on (undefined: abort). What was fetched by way of the old one is
 * dropped, unless the two are the same bit for bit: then the driver has nothing to write.
 */
export function install(stream: SmmuStream, domain: SmmuDomain | undefined): void {
	const old = stream.domain;
	stream.domain = domain;
	const from = old && tableOf(old);
	const to = domain && tableOf(domain);
	to?.streams.add(stream);
	if (from !== to) from?.leave(stream);
	const { caches } = stream.smmu;
	const same = old instanceof SmmuNestedDomain && domain instanceof SmmuNestedDomain && from === to && sameSte(old.ste, domain.ste);
	for (const sid of stream.sids) {
		if (!same) caches.invalidate({ type: "CFGI_STE", cache: "pasid", device: sid });
		if (stream.ats) caches.invalidate({ type: "ATC_INV", cache: "atc", device: sid });
	}
}

/** The kernel's table under (or instead of) a guest's. */
function tableOf(domain: SmmuDomain): SmmuPagingDomain {
	return domain instanceof SmmuNestedDomain ? domain.parent : domain;
}

function sameSte(one: GuestSte, other: GuestSte): boolean {
	return one.words[0] === other.words[0] && one.words[1] === other.words[1];
}

/** A table that the kernel fills: stage 1, or stage 2 for nesting parents and where there is no other. */
export class SmmuPagingDomain extends HwPagingDomain {
	declare readonly iommu: Smmu;
	readonly pageSizes = 0x40201000n;
	readonly aperture: Interval;
	/** those whose transactions go through it, nested ones among them */
	readonly streams = new Set<SmmuStream>();
	/** stage 1 tables have no way to forbid reading alone */
	protected override readonly alwaysReadable: boolean;

	constructor(
		smmu: Smmu,
		readonly stage: 1 | 2,
		readonly nestParent: boolean,
		dirty: boolean,
		/** of stage 2: what TLB entries carry; nesting parents share it with their vIOMMUs */
		readonly vmid: number,
	) {
		super(smmu);
		const bits = stage === 1 ? TABLE_BITS : Math.min(smmu.features.outputBits, TABLE_BITS);
		this.aperture = { start: 0n, last: (1n << BigInt(bits)) - 1n };
		this.alwaysReadable = stage === 1;
		this.enforcesCoherency = smmu.description.canwbs;
		// the entries themselves say what was written
		if (dirty) this.dirty = new DirtyPages(true);
	}

	override attach(device: IommuDevice, pasid: number, _handle: AttachHandle): Ret {
		// a device without PASIDs has none that could be programmed: any goes
		if (pasid !== 0 && device.maxPasidLog2 === 0) return 0;
		const stream = this.iommu.stream(device);
		if (stream === undefined || (pasid !== 0 && this.stage !== 1)) return -EINVAL;
		if (pasid !== 0) stream.byPasid.set(pasid, this);
		else {
			install(stream, this);
			stream.events = undefined;
		}
		return 0;
	}

	/** the guest part of an entry that uses this table alone */
	readonly ste: SteStage1 = BYPASS;

	/** What nests on it is cached by the guest's addresses, which the kernel does not know: all of it goes. */
	override unmapped(area: Area): void {
		super.unmapped(area);
		if (!this.nestParent) return;
		this.iommu.flushVmid(this.vmid, "unmap");
		for (const { ats, wire } of this.streams) if (ats) this.iommu.caches.invalidate({ type: "unmap/atc", cache: "atc", device: wire });
	}

	/** With the last device go the TLB entries: from then on unmapping tells the hardware nothing. */
	leave(stream: SmmuStream): void {
		if (this.streams.delete(stream) && this.streams.size === 0 && this.stage === 2) this.iommu.flushVmid(this.vmid, "detach");
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
		readonly ste: GuestSte,
	) {
		super(viommu.parent.iommu);
	}

	get parent(): SmmuPagingDomain {
		return this.viommu.parent;
	}

	/** -EINVAL: another SMMU's device, or a PASID; -ENOENT: stage 1 needs a vDEVICE, whom its events name. */
	override attach(device: IommuDevice, pasid: number, _handle: AttachHandle): Ret {
		const stream = this.iommu.stream(device);
		if (stream === undefined || pasid !== 0) return -EINVAL;
		const virtId = this.viommu.virtId(device);
		if (virtId === undefined && this.ste.valid && this.ste.config === STE_S1) return -ENOENT;
		install(stream, this);
		stream.events = virtId === undefined ? undefined : { viommu: this.viommu, virtId };
		return 0;
	}
}
