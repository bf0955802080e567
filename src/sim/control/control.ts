/** Control of the simulated machine from outside: DMA, page requests, faults. */
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
	/** the IOMMU's name; for a guest PASID table that was bound as a whole, followed by its number */
	readonly name: string;
	readonly iommu: HwIommu;
	readonly kind: string;
	readonly caches: IommuCaches;
	/** The narrowest invalidations that would drop a cached line, as text. */
	hitBy(row: CacheRow): string[];
}

/** Makes devices of the simulated machine do DMA, send page requests and fault. One for each Sim. */
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
				device.iommu.driver.dma?.(device, iova, access, pasid) ?? { ok: false, why: "DMA through its IOMMU is not simulated" },
			(device) => this.requests(device),
		);
	}

	static of(kernel: { readonly control: SimControl }): SimControl {
		return kernel.control;
	}

	/** Raises a fault of a device as its IOMMU would: to the guest that has the device, else to the kernel log. Throws a ControlError. */
	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		const { driver, name } = device.iommu;
		if (driver.raise === undefined) throw new ControlError(`${name} cannot raise events`);
		return driver.raise(device, event);
	}

	/** The device of this name, if an IOMMU translates for it. Throws a ControlError. */
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

	/** Devices whose page requests were sent or looked at. */
	get requesting(): Iterable<DeviceRequests> {
		return this.#requests.values();
	}

	/** Starts DMA and returns its state so far. Software-backed devices answer at once, with an errno on failure. */
	dma(name: string, dir: Transfer["dir"], iova: bigint, data: Uint8Array, pasid?: number, as: Transfer["as"] = {}): Transfer | Ret {
		const { hw, vfio } = findDevice(this.sim, name);
		if (hw === undefined) {
			if (pasid !== undefined) throw new ControlError(`${name} has no PASIDs`);
			const binding = vfio?.binding;
			return binding instanceof EmulatedBinding ? binding.access.copy(iova, data, dir === "write") : -EFAULT;
		}
		if (pasid !== undefined && hw.part !== undefined) throw new ControlError(`${name} is one PASID of its parent and sends no other`);
		if (pasid !== undefined && pasid >= 2 ** hw.maxPasidLog2)
			throw new ControlError(
				hw.maxPasidLog2 === 0 ? `${name} sends no PASIDs` : `${name} sends PASIDs of ${hw.maxPasidLog2} bits, and ${pasid} is wider`,
			);
		// the answer to a stalled transaction is delivered through this
		this.requests(hw);
		return this.transfers.start(hw, dir, iova, data, pasid, as);
	}

	/** The IOMMUs that have caches. */
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
