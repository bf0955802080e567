/** The state of a simulated SMMUv3: streams, caches, VMIDs, stall tags. */
import type { Ret } from "../../../kernel/kernel.js";
import { formatRid } from "../../board/bdf.js";
import type { IommuDevice } from "../../contract/device.js";
import { IdPool } from "../../memory/id-pool.js";
import { IommuCaches } from "../../mmu/caches.js";
import { atcChecks, endOf } from "../common/checks.js";
import { HwDevice } from "../common/device.js";
import type { DriverContext, HwIommu } from "../common/driver.js";
import { HostMemory } from "../common/host-memory.js";
import { QUIRKS, type Smmuv3Iommu } from "./board.js";
import { smmuVmidChecks } from "./checks.js";
import { Smmuv3Driver } from "./driver.js";
import { SmmuLog } from "./log.js";
import { SmmuStream } from "./stream.js";
import { decodeSmmuIdr, type SmmuFeatures } from "./stream-table.js";
import type { Tegra241Cmdqv } from "./tegra241-board.js";
import { tegraVintfChecks } from "./tegra241-checks.js";
import { type CachedCd, SmmuTranslator } from "./translate.js";

/** One SMMUv3: its registers, its caches and the driver's state. */
export class Smmu implements HwIommu {
	readonly driver = new Smmuv3Driver(this);
	readonly name: string;
	readonly features: SmmuFeatures;
	readonly caches: IommuCaches<CachedCd>;
	readonly log: SmmuLog;
	readonly translator: SmmuTranslator;
	readonly #streams = new Map<IommuDevice, SmmuStream>();
	readonly #vmids = new IdPool<true>(1);
	/** virtual interfaces of the Tegra241 CMDQV extension; 0 is the kernel's own */
	readonly #vintfs = new IdPool<true>(1);
	/** called before an access is translated, where guests' own queues may have been rung without anybody being told */
	readonly doorbells = new Set<() => void>();
	/** takes the failures of device-cache invalidations while a guest's own queue runs */
	atcFailed: (() => void) | undefined;
	#nextStag = 0;

	constructor(
		readonly description: Smmuv3Iommu,
		readonly host: DriverContext,
	) {
		this.name = description.name;
		this.features = decodeSmmuIdr(description.idr);
		this.log = new SmmuLog(description);
		this.caches = new IommuCaches(description.caches);
		this.caches.onAtcFailure = ({ device, error }) => {
			// a command of a guest's own queue: the error is the queue's
			if (this.atcFailed !== undefined) {
				this.atcFailed();
				return false;
			}
			this.log.invalidationError();
			host.reasons.note(atcChecks.atcKept, formatRid(device), endOf(error));
			host.warn(`${this.name}: CERROR_ATC_INV_SYNC: ATC_INV of sid 0x${device.toString(16)} ${endOf(error)}; its cache keeps its entries`);
			return false;
		};
		this.translator = new SmmuTranslator(this.features, this.caches, new HostMemory(host.memory), {
			walkFaultsAsStage1: this.has(QUIRKS.walkFaultsAsStage1),
			hitsAllowReads: this.has(QUIRKS.hitsAllowReads),
		});
	}

	/** Whether it deviates from the specification in this way (QUIRKS). */
	has(quirk: string): boolean {
		return this.description.quirks.includes(quirk);
	}

	/** A device's stream; undefined if it is behind another IOMMU. */
	stream(device: IommuDevice): SmmuStream | undefined {
		if (device.iommu !== this || !(device instanceof HwDevice)) return undefined;
		let stream = this.#streams.get(device);
		if (stream === undefined) {
			stream = new SmmuStream(this, device);
			this.#streams.set(device, stream);
		}
		return stream;
	}

	/** the stages that it has, in words */
	get stages(): string {
		const { stage1, stage2 } = this.features;
		return stage1 && stage2 ? "both stages" : `stage ${stage1 ? 1 : 2}`;
	}

	/** both stages can be nested */
	get nests(): boolean {
		return this.features.stage1 && this.features.stage2;
	}

	/** A guest cannot make its memory accesses incoherent. */
	get staysCoherent(): boolean {
		return this.description.canwbs || this.features.forceWriteBack;
	}

	/** Hardware sets dirty state, and its table walks are coherent (COHACC). */
	get tracksDirty(): boolean {
		return this.features.setDirty && this.features.coherentWalks;
	}

	/** ATS requests reach the SMMU, and it supports them. */
	get ats(): boolean {
		return this.description.ats && this.features.ats;
	}

	/** Takes the lowest VMID that no stage 2 uses, from 1; -ENOSPC if all are in use. */
	takeVmid(): Ret {
		const count = 2 ** this.features.vmidBits - 1;
		return this.#vmids.size < count ? this.#vmids.add(true) : this.host.reasons.fail(smmuVmidChecks.smmuVmids, count, this.name);
	}

	/** Frees a VMID and drops its cached translations, as it may be reused. */
	freeVmid(vmid: number): void {
		this.flushVmid(vmid, "free");
		this.#vmids.delete(vmid);
	}

	/** Takes a virtual interface of the Tegra241 CMDQV extension; -ENOSPC if all are in use. */
	takeVintf({ log2Vintfs }: Tegra241Cmdqv): Ret {
		const count = 2 ** log2Vintfs - 1;
		return this.#vintfs.size < count ? this.#vintfs.add(true) : this.host.reasons.fail(tegraVintfChecks.tegraVintfs, count, this.name);
	}

	freeVintf(vintf: number): void {
		this.#vintfs.delete(vintf);
	}

	flushVmid(vmid: number, why: string): void {
		this.caches.invalidate({ type: why, cache: "iotlb", domain: vmid });
		this.caches.invalidate({ type: `${why}/paging`, cache: "paging", domain: vmid });
	}

	/** Takes a tag (STAG) for a stalled transaction. */
	takeStag(): number {
		const stag = this.#nextStag;
		this.#nextStag = (stag + 1) & 0xffff;
		return stag;
	}
}
