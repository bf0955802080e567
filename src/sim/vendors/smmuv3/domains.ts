/** SMMUv3 page tables, kernel-managed and nested, and the stream table entries that use them. */
import { STE } from "../../../formats/smmuv3/index.js";
import { encodeFields } from "../../../formats/words.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { AttachHandle, IommuDevice } from "../../contract/device.js";
import { NestedDomain } from "../../contract/domain.js";
import type { Area } from "../../iova/area.js";
import type { Interval } from "../../iova/interval-set.js";
import { DirtyPages, HwPagingDomain } from "../common/paging-domain.js";
import type { GuestSte } from "./check-ste.js";
import { smmuNestedAttachChecks, smmuPagingAttachChecks } from "./checks.js";
import type { Smmu } from "./smmu.js";
import type { SmmuStream } from "./stream.js";
import { decodeSte, STE_BYPASS, STE_S1, type SteStage1 } from "./stream-table.js";
import type { SmmuViommu } from "./viommu.js";

/** bits of IOVA that four levels of 4K tables cover */
const TABLE_BITS = 48;
const BYPASS = decodeSte(encodeFields(STE, { v: 1n, config: BigInt(STE_BYPASS) }, [0n, 0n]));

export type SmmuDomain = SmmuPagingDomain | SmmuNestedDomain;

/**
 * Installs a domain in a device's stream table entries (undefined: abort). Drops what was cached through the old entry,
 * unless the two are identical: then the driver writes nothing.
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

/** The kernel's table beneath (or instead of) a guest's. */
function tableOf(domain: SmmuDomain): SmmuPagingDomain {
	return domain instanceof SmmuNestedDomain ? domain.parent : domain;
}

function sameSte(one: GuestSte, other: GuestSte): boolean {
	return one.words[0] === other.words[0] && one.words[1] === other.words[1];
}

/** A kernel-managed table: stage 1, or stage 2 for nesting parents and if the SMMU has no stage 1. */
export class SmmuPagingDomain extends HwPagingDomain {
	declare readonly iommu: Smmu;
	readonly pageSizes = 0x40201000n;
	readonly aperture: Interval;
	/** streams whose transactions go through it, including nested ones */
	readonly streams = new Set<SmmuStream>();
	override readonly secondStage: boolean;
	/** what the quirk of TLB hits needs to know of the TLB, see translate.ts */
	readonly written = new Set<bigint>();
	/** stage 1 tables cannot forbid reading alone */
	protected override readonly alwaysReadable: boolean;

	constructor(
		smmu: Smmu,
		readonly stage: 1 | 2,
		readonly nestParent: boolean,
		dirty: boolean,
		/** for stage 2: the VMID of its TLB entries; nesting parents share it with their vIOMMUs */
		readonly vmid: number,
	) {
		super(smmu);
		const bits = stage === 1 ? TABLE_BITS : Math.min(smmu.features.outputBits, TABLE_BITS);
		this.aperture = { start: 0n, last: (1n << BigInt(bits)) - 1n };
		this.secondStage = stage === 2;
		this.alwaysReadable = stage === 1;
		this.enforcesCoherency = smmu.description.canwbs;
		// table entries record what was written
		if (dirty) this.dirty = new DirtyPages(smmu.host.reasons, true);
	}

	override attach(device: IommuDevice, pasid: number, _handle: AttachHandle): Ret {
		// a device without PASIDs has nothing to program, so any PASID is accepted
		if (pasid !== 0 && device.maxPasidLog2 === 0) return 0;
		const stream = this.iommu.stream(device);
		const { reasons } = this.iommu.host;
		if (stream === undefined) return reasons.fail(smmuPagingAttachChecks.smmuOtherSmmu, this.iommu.name, device.name, device.iommu.name);
		if (pasid !== 0) stream.byPasid.set(pasid, this);
		else {
			install(stream, this);
			stream.events = undefined;
		}
		return 0;
	}

	/** the guest's part of an entry that uses only this table */
	readonly ste: SteStage1 = BYPASS;

	/** Nested translations are cached by the guest's addresses, which the kernel does not know, so all of them are dropped. */
	override unmapped(area: Area): void {
		super.unmapped(area);
		for (const page of this.written) if (page >= area.start >> 12n && page <= area.last >> 12n) this.written.delete(page);
		if (!this.nestParent) return;
		this.iommu.flushVmid(this.vmid, "unmap");
		for (const { ats, wire } of this.streams) if (ats) this.iommu.caches.invalidate({ type: "unmap/atc", cache: "atc", device: wire });
	}

	/** Drops the TLB entries with the last device: from then on unmapping does not reach the hardware. */
	leave(stream: SmmuStream): void {
		if (!this.streams.delete(stream) || this.streams.size > 0 || this.stage !== 2) return;
		this.written.clear();
		this.iommu.flushVmid(this.vmid, "detach");
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

	/** Without PASID, as the core makes sure. -EINVAL: a device behind another SMMU; -ENOENT: stage 1 needs a vDEVICE, whose ID its events carry. */
	override attach(device: IommuDevice): Ret {
		const stream = this.iommu.stream(device);
		const { reasons } = this.iommu.host;
		if (stream === undefined) return reasons.fail(smmuNestedAttachChecks.smmuOtherSmmu, this.iommu.name, device.name, device.iommu.name);
		const virtId = this.viommu.virtId(device);
		if (virtId === undefined && this.ste.valid && this.ste.config === STE_S1)
			return reasons.fail(smmuNestedAttachChecks.smmuNoVdevice, device.name);
		install(stream, this);
		stream.events = virtId === undefined ? undefined : { viommu: this.viommu, virtId };
		return 0;
	}
}
