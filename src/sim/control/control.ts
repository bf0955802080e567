/** What acts on the simulated machine from outside. */
import { EFAULT } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { ControlError } from "../contract/control-error.js";
import { GuestTables } from "../extensions/guest-tables.js";
import type { CacheRow, IommuCaches } from "../mmu/caches.js";
import type { Sim } from "../system/sim.js";
import type { HwDevice } from "../vendors/common/device.js";
import type { HwIommu } from "../vendors/common/driver.js";
import type { EventOutcome, RaisedEvent } from "../vendors/common/event.js";
import { EmulatedBinding } from "../vfio/binding.js";
import { findDevice, findHwDevice } from "./devices.js";
import { DeviceRequests } from "./requests.js";
import { type Transfer, Transfers } from "./transfers.js";

/** An IOMMU of the machine with what it caches. */
export interface CachingIommu {
	/** the IOMMU's; of a guest's PASID table that was bound as a whole, its number too */
	readonly name: string;
	readonly iommu: HwIommu;
	readonly kind: string;
	readonly caches: IommuCaches;
	/** In words, the narrowest invalidations that would drop a line of these. */
	hitBy(row: CacheRow): string[];
}

/** What acts on the simulated machine from outside: its devices do DMA, ask for pages, fail. One for each Sim. */
export class SimControl {
	readonly #requests = new Map<HwDevice, DeviceRequests>();
	readonly transfers: Transfers;
	/** guests' PASID tables that were bound as a whole (the proposal of 2018) */
	readonly guestTables: GuestTables;

	constructor(readonly sim: Sim) {
		this.guestTables = new GuestTables(sim.hardware);
		this.transfers = new Transfers(
			sim.physical,
			(device, iova, access, pasid) =>
				this.guestTables.translate(device, iova, access, pasid) ??
				device.iommu.driver.dma?.(device, iova, access, pasid) ?? { ok: false, why: "its IOMMU does no DMA here" },
			(device) => this.requests(device),
		);
	}

	static of(kernel: { readonly control: SimControl }): SimControl {
		return kernel.control;
	}

	/** A fault of a device, raised as its IOMMU would: to the guest that has the device, else to the kernel log. Throws a ControlError. */
	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		const { driver, name } = device.iommu;
		if (driver.raise === undefined) throw new ControlError(`${name} raises no events`);
		return driver.raise(device, event);
	}

	/** The device behind a name, if an IOMMU translates for it. Throws a ControlError. */
	device(name: string): HwDevice {
		return findHwDevice(this.sim, name);
	}

	requests(device: HwDevice): DeviceRequests {
		let requests = this.#requests.get(device);
		if (requests === undefined) {
			requests = new DeviceRequests(device, (group, good) => this.transfers.answered(device, group, good));
			this.#requests.set(device, requests);
		}
		return requests;
	}

	/** Devices that made page requests, or were asked about. */
	get requesting(): Iterable<DeviceRequests> {
		return this.#requests.values();
	}

	/** DMA: what became of it, so far. Software-backed devices answer at once, with an errno where it failed. */
	dma(name: string, dir: Transfer["dir"], iova: bigint, data: Uint8Array, pasid?: number): Transfer | Ret {
		const { hw, vfio } = findDevice(this.sim, name);
		if (hw === undefined) {
			if (pasid !== undefined) throw new ControlError(`${name} has no PASIDs`);
			const binding = vfio?.binding;
			return binding instanceof EmulatedBinding ? binding.access.copy(iova, data, dir === "write", false) : -EFAULT;
		}
		if (pasid !== undefined && hw.part !== undefined) throw new ControlError(`${name} is one PASID of its parent, and sends no other`);
		if (pasid !== undefined && pasid >= 2 ** hw.maxPasidLog2)
			throw new ControlError(
				hw.maxPasidLog2 === 0 ? `${name} sends no PASIDs` : `${name} sends PASIDs of ${hw.maxPasidLog2} bits, and ${pasid} is wider`,
			);
		// an answer to a stalled transaction has to find its way back
		this.requests(hw);
		return this.transfers.start(hw, dir, iova, data, pasid);
	}

	/** The IOMMUs that cache something. */
	get iommus(): readonly CachingIommu[] {
		const { hardware } = this.sim;
		if (hardware === undefined) return [];
		const caching = (iommu: HwIommu, name: string, caches: IommuCaches): CachingIommu => {
			const { kind } = iommu.description;
			const vendor = hardware.vendorOf(kind);
			return { name, iommu, kind, caches, hitBy: (row) => vendor.hitBy?.(row) ?? [] };
		};
		const own = hardware.iommus.flatMap((iommu) => (iommu.driver.caches ? [caching(iommu, iommu.name, iommu.driver.caches)] : []));
		for (const { id, caches, devices } of this.guestTables.all) {
			const [device] = devices.keys();
			if (device) own.push(caching(device.iommu, `${device.iommu.name}/table${id}`, caches));
		}
		return own;
	}
}
