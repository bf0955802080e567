import { EFAULT } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { GuestTables } from "../extensions/guest-tables.js";
import type { IommuCaches } from "../mmu/caches.js";
import type { Sim } from "../system/sim.js";
import type { HwDevice } from "../vendors/common/device.js";
import type { HwDriver, HwIommu } from "../vendors/common/driver.js";
import { EmulatedBinding } from "../vfio/binding.js";
import { ControlError, findDevice, findHwDevice } from "./devices.js";
import { DeviceRequests } from "./requests.js";
import { type Transfer, Transfers } from "./transfers.js";

const controls = new WeakMap<Sim, SimControl>();

/** An IOMMU of the machine with what it caches. */
export interface CachingIommu {
	/** the IOMMU's; of a guest's PASID table that was bound as a whole, its number too */
	readonly name: string;
	readonly iommu: HwIommu;
	readonly kind: "vtd" | "smmuv3" | "amd";
	readonly caches: IommuCaches;
}

/** What acts on the simulated machine from outside: its devices do DMA, ask for pages, fail. One for each Sim. */
export class SimControl {
	readonly #requests = new Map<HwDevice, DeviceRequests>();
	readonly transfers: Transfers;
	/** guests' PASID tables that were bound as a whole (the proposal of 2018) */
	readonly guestTables: GuestTables;

	private constructor(readonly sim: Sim) {
		this.guestTables = new GuestTables(sim.hardware, sim.physical);
		this.transfers = new Transfers(
			sim.physical,
			(device, iova, access, pasid) =>
				this.guestTables.translate(device, iova, access, pasid) ??
				device.iommu.driver.dma?.(device, iova, access, pasid) ?? { ok: false, why: "its IOMMU does no DMA here" },
			(device) => this.requests(device),
		);
	}

	static of(sim: Sim): SimControl {
		let control = controls.get(sim);
		if (control === undefined) {
			control = new SimControl(sim);
			controls.set(sim, control);
		}
		return control;
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
		const own = (this.sim.hardware?.iommus ?? []).flatMap((iommu) => {
			const { kind } = iommu.description;
			const caches = cachesOf(iommu);
			return caches === undefined || kind === "selftest" ? [] : [{ name: iommu.name, iommu, kind, caches }];
		});
		for (const { id, kind, caches, devices } of this.guestTables.all) {
			const [device] = devices.keys();
			if (device) own.push({ name: `${device.iommu.name}/table${id}`, iommu: device.iommu, kind, caches });
		}
		return own;
	}
}

export function cachesOf(iommu: HwIommu): IommuCaches | undefined {
	type Caching = { readonly caches?: IommuCaches };
	return (iommu as HwIommu & Caching).caches ?? (iommu.driver as HwDriver & Caching).caches;
}
