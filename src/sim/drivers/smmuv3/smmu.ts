import type { HwDevice } from "../../hardware/device.js";
import type { DriverContext, HwIommu } from "../../hardware/driver.js";
import type { IommuDevice } from "../../iommu/device.js";
import { IommuCaches } from "../../machine/caches.js";
import type { Smmuv3Iommu } from "../../machine/description.js";
import type { PhysMemory } from "../../machine/memory.js";
import { decodeSmmuIdr, type SmmuFeatures } from "../../machine/smmuv3-ste.js";
import { type CachedCd, SmmuTranslator } from "../../machine/smmuv3-translate.js";
import { Smmuv3Driver } from "./driver.js";
import { SmmuStream } from "./stream.js";

const word = new Uint8Array(8);
const wordView = new DataView(word.buffer);

/** One SMMUv3: its registers, its caches and what the driver keeps for it. */
export class Smmu implements HwIommu {
	readonly driver = new Smmuv3Driver(this);
	readonly name: string;
	readonly features: SmmuFeatures;
	readonly caches: IommuCaches<CachedCd>;
	readonly translator: SmmuTranslator;
	readonly #streams = new WeakMap<IommuDevice, SmmuStream>();
	readonly #vmids = new Set<number>();
	#nextStag = 0;

	constructor(
		readonly description: Smmuv3Iommu,
		readonly host: DriverContext,
	) {
		const { memory } = host;
		this.name = description.name;
		this.features = decodeSmmuIdr(description.idr);
		this.caches = new IommuCaches(description.caches);
		const words: PhysMemory = {
			read64: (pa) => (memory.read(pa, word) ? wordView.getBigUint64(0, true) : undefined),
			write64: (pa, value) => {
				wordView.setBigUint64(0, value, true);
				return memory.write(pa, word);
			},
		};
		this.translator = new SmmuTranslator(this.features, this.caches, words);
	}

	/** A device's; undefined if it is behind another IOMMU. */
	stream(device: IommuDevice): SmmuStream | undefined {
		if (device.iommu !== this) return undefined;
		let stream = this.#streams.get(device);
		if (stream === undefined) {
			stream = new SmmuStream(this, device as HwDevice);
			this.#streams.set(device, stream);
		}
		return stream;
	}

	/** both stages, one on top of the other */
	get nests(): boolean {
		return this.features.stage1 && this.features.stage2;
	}

	/** A guest can not make its memory incoherent behind the host's back. */
	get staysCoherent(): boolean {
		return this.description.canwbs || this.features.forceWriteBack;
	}

	/** Hardware sets dirty state, and its table walks are coherent (COHACC). */
	get tracksDirty(): boolean {
		return this.features.setDirty && (this.description.idr[0] & 0x10) !== 0;
	}

	/** ATS reaches the SMMU, and it takes it. */
	get ats(): boolean {
		return this.description.ats && this.features.ats;
	}

	/** The lowest VMID that no nesting parent has, from 1. */
	takeVmid(): number {
		let vmid = 1;
		while (this.#vmids.has(vmid)) vmid++;
		this.#vmids.add(vmid);
		return vmid;
	}

	/** Nobody uses it any more: nothing of it may be cached when it is given out again. */
	freeVmid(vmid: number): void {
		this.flushVmid(vmid, "free");
		this.#vmids.delete(vmid);
	}

	flushVmid(vmid: number, why: string): void {
		this.caches.invalidate({ type: why, cache: "iotlb", domain: vmid });
		this.caches.invalidate({ type: `${why}/paging`, cache: "paging", domain: vmid });
	}

	/** Names a transaction that stalls. */
	takeStag(): number {
		const stag = this.#nextStag;
		this.#nextStag = (stag + 1) & 0xffff;
		return stag;
	}
}
