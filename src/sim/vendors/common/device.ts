/** Devices behind simulated hardware IOMMUs. */
import { type Bdf, formatBdf } from "../../board/bdf.js";
import type { PciDevice } from "../../board/description.js";
import type { Requester } from "../../board/topology.js";
import { IommuDevice, type IommuGroup } from "../../contract/device.js";
import { NO_PASID } from "../../mmu/caches.js";
import type { HwDriver, HwIommu } from "./driver.js";

/** A PCI function behind a physical IOMMU. */
export class HwDevice<D extends HwDriver = HwDriver> extends IommuDevice {
	declare readonly iommu: HwIommu<D>;

	constructor(
		readonly pci: PciDevice,
		iommu: HwIommu<D>,
		group: IommuGroup,
		/** the requester IDs that its transactions carry */
		readonly requester: Requester,
		/** a virtual device that is one PASID of its parent (Scalable IOV) */
		readonly part?: { readonly parent: HwDevice<D>; readonly name: string; readonly pasid: number; readonly pasids: readonly number[] },
	) {
		const width = iommu.driver.pasidWidth(pci);
		// The kernel limits PASIDs only for devices with the capability.
		const pasids = width > 0 ? 2 ** width : Number.POSITIVE_INFINITY;
		const regions = [...iommu.description.reserved, ...pci.reserved];
		const reserved = regions.map(({ first, last, type }) => ({ start: first, last, what: type }));
		super(part?.name ?? formatBdf(pci.bdf), iommu, group, pasids, reserved);
		this.maxPasidLog2 = width;
		part?.parent.parts.push(this);
		this.capabilities = iommu.driver.capabilities(pci);
	}

	/** virtual devices carved out of it */
	readonly parts: HwDevice<D>[] = [];
	/** a virtual function's physical function */
	pf: HwDevice<D> | undefined;
	/** a physical function's virtual functions */
	readonly vfs: HwDevice<D>[] = [];

	/** The function whose requester ID its transactions carry: itself, or the parent that it is a part of. */
	get function(): HwDevice<D> {
		return this.part?.parent ?? this;
	}

	/** The function with the page request interface (PCIe, 10.5.2): virtual functions use their physical function's. */
	get requestInterface(): HwDevice<D> {
		const { function: own } = this;
		return own.pf ?? own;
	}

	/** Everything that a reset of it resets. */
	get resetWith(): readonly HwDevice<D>[] {
		return [this, ...this.parts, ...this.vfs.flatMap((vf) => vf.resetWith)];
	}

	/** The context that its transactions are cached under; `pasid` is the attachment's, 0: without PASID. */
	cacheContext(pasid: number): number {
		return pasid === 0 ? (this.part?.pasid ?? NO_PASID) : pasid;
	}

	get bdf(): Bdf {
		return this.pci.bdf;
	}
}
