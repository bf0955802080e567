/** Control of the simulated machine from outside: DMA, page requests, faults. */
import { EINVAL, ENODEV, EOPNOTSUPP, EPERM } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { ControlError, Refusal } from "../contract/control-error.js";
import type { IommuDevice } from "../contract/device.js";
import { noteDma } from "../contract/dma-notes.js";
import { GuestTable } from "../extensions/guest-table.js";
import { aliasOf, GuestTables } from "../extensions/guest-tables.js";
import { ownerOf } from "../extensions/invalidation-reports.js";
import { foreignOwner, lookAlike, sends } from "../extensions/pasid-space.js";
import type { CacheRow, IommuCaches } from "../mmu/caches.js";
import type { AtcError } from "../mmu/failing-atcs.js";
import type { Sim } from "../system/sim.js";
import { HwDevice } from "../vendors/common/device.js";
import type { HwIommu } from "../vendors/common/driver.js";
import type { EventOutcome, RaisedEvent } from "../vendors/common/event.js";
import type { HardwareLog } from "../vendors/common/records.js";
import type { GuestQueue } from "../vendors/guest-queue.js";
import { EmulatedBinding } from "../vfio/binding.js";
import { softwareDmaChecks } from "./checks.js";
import { findDevice, findHwDevice } from "./devices.js";
import { type QueueRow, runQueue } from "./guest-queue.js";
import { QueueReports } from "./queue-reports.js";
import { RequestInterface } from "./request-interface.js";
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
	/** failed invalidations of guests' queues that ran on bound tables */
	readonly queueReports: QueueReports;
	/** by the function with the PRI capability */
	readonly #interfaces = new Map<HwDevice, RequestInterface>();
	readonly transfers: Transfers;
	/** guests' PASID tables that were bound as a whole (the proposal of 2018) */
	readonly guestTables: GuestTables;

	constructor(readonly sim: Sim) {
		this.guestTables = new GuestTables(sim.hardware);
		this.queueReports = new QueueReports((line) => sim.warn(line));
		this.transfers = new Transfers(
			sim.physical,
			(device, iova, access, pasid) =>
				noteDma(
					device,
					iova,
					pasid,
					(device.pasidTable instanceof GuestTable ? device.pasidTable.translate(device, iova, access, pasid) : undefined) ??
						device.iommu.driver.dma?.(device, iova, access, pasid) ?? { ok: false, why: "DMA through its IOMMU is not simulated" },
				),
			(device) => this.requests(device),
			(device) => device.requestInterface.pci.pri > 0 && (sim.hardware === undefined || aliasOf(sim.hardware, device) === undefined),
		);
	}

	static of(kernel: { readonly control: SimControl }): SimControl {
		return kernel.control;
	}

	/** Raises a fault of a device as its IOMMU would: to the guest that has the device, else to the kernel log. Throws a ControlError. */
	raise(device: HwDevice, event: RaisedEvent): EventOutcome {
		const { driver, name } = device.iommu;
		if (driver.raise === undefined) throw new ControlError(EOPNOTSUPP, `${name} cannot raise events`);
		this.sim.reasons.begin("raise");
		return driver.raise(device, event);
	}

	/** The device of this name, if an IOMMU translates for it. Throws a ControlError. */
	device(name: string): HwDevice {
		return findHwDevice(this.sim, name);
	}

	requests(device: HwDevice): DeviceRequests {
		let requests = this.#requests.get(device);
		if (requests === undefined) {
			const { requestInterface: owner } = device;
			let pri = this.#interfaces.get(owner);
			if (pri === undefined) {
				pri = new RequestInterface(owner);
				this.#interfaces.set(owner, pri);
			}
			requests = new DeviceRequests(device, { pri, ended: (...ending) => this.transfers.ended(...ending) });
			this.#requests.set(device, requests);
		}
		return requests;
	}

	/** Page request interfaces that were used or looked at. */
	get requestInterfaces(): Iterable<RequestInterface> {
		return this.#interfaces.values();
	}

	/** A context gave a device back: its DMA that waits gives up, and a guest's table that the owner asked for goes. */
	unbound(device: IommuDevice): void {
		if (device instanceof HwDevice) this.transfers.end(device, "the device was closed");
		this.guestTables.unbound(device);
	}

	/** Runs descriptors of a guest's queue on a table that is bound as a whole, and tells what became of each. */
	runQueue(queue: GuestQueue, table: GuestTable, descriptors: readonly Uint8Array[]): QueueRow[] {
		const rows = runQueue(queue, table, descriptors, { requests: (device) => this.requests(device), memory: this.sim.physical });
		for (const row of rows) this.queueReports.add(table, row);
		return rows;
	}

	/** A device was reset, and with it what is part of it: nothing that it had under way is left, nor what it had cached. */
	reset(device: HwDevice): void {
		for (const each of device.resetWith) {
			const requests = this.#requests.get(each);
			if (requests === undefined) each.requests.reset();
			else requests.reset();
			this.transfers.end(each, "the device was reset");
			const rid = each.requester.wire;
			const contexts = each.part === undefined ? undefined : [...each.part.pasids, ...each.group.attached.keys()];
			each.iommu.driver.caches?.forgetAtc(rid, contexts);
			if (each.pasidTable instanceof GuestTable) for (const caches of each.pasidTable.caches) caches.forgetAtc(rid);
		}
	}

	/** Devices whose page requests were sent or looked at. */
	get requesting(): Iterable<DeviceRequests> {
		return this.#requests.values();
	}

	/** Throws a ControlError if the device's transactions cannot carry the PASID, and a Refusal (EPERM) if it belongs to another one. */
	checkPasid(device: HwDevice, pasid: number | undefined, name = device.name): void {
		if (pasid === undefined) return;
		if (!sends(device, pasid)) throw new ControlError(EINVAL, `${name} is one PASID of its parent and sends no other`);
		if (pasid >= 2 ** device.maxPasidLog2)
			throw new ControlError(
				EINVAL,
				device.maxPasidLog2 === 0
					? `${name} sends no PASIDs`
					: `${name} sends PASIDs of ${device.maxPasidLog2} bits, and ${pasid} is wider`,
			);
		const owner = foreignOwner(device, pasid);
		if (owner !== undefined) throw new Refusal(EPERM, `PASID 0x${pasid.toString(16)} of this function belongs to ${owner.name}`);
	}

	/**
	 * Makes the next device-TLB invalidations of a device fail: those for its own PASIDs, and never for another owner's.
	 * `pasid`: only for this one. Throws a ControlError.
	 */
	failInvalidations(device: HwDevice, error: AtcError, times: number, pasid?: number): void {
		if (!device.pci.ats)
			throw new ControlError(
				EOPNOTSUPP,
				`${device.name} has no ATS: it has no device TLB to invalidate`,
				"machine show tells which devices have it",
			);
		this.checkPasid(device, pasid);
		const { function: whole } = device;
		const its = (context: number | undefined) => {
			if (context === undefined || pasid !== undefined) return context === undefined || context === pasid;
			return lookAlike(ownerOf(whole, context), device);
		};
		const { caches } = device.iommu.driver;
		for (let i = 0; i < times; i++) caches?.failing.add(device.requester.wire, error, its);
	}

	/** Starts DMA and returns its state so far. Software-backed devices answer at once, with an errno on failure. */
	dma(name: string, dir: Transfer["dir"], iova: bigint, data: Uint8Array, pasid?: number, as: Transfer["as"] = {}): Transfer | Ret {
		const { hw, vfio } = findDevice(this.sim, name);
		this.sim.reasons.begin("dma");
		if (hw === undefined) {
			if (pasid !== undefined) throw new ControlError(EINVAL, `${name} has no PASIDs`);
			const binding = vfio?.binding;
			if (binding instanceof EmulatedBinding) return binding.access.copy(iova, data, dir === "write");
			const state = binding === undefined ? "is not bound to an iommufd" : "has no IOMMU: its driver makes its DMA";
			return this.sim.reasons.fail(softwareDmaChecks.noAccess, name, state);
		}
		this.checkPasid(hw, pasid, name);
		// the answer to a stalled transaction is delivered through this
		this.requests(hw);
		return this.transfers.start(hw, dir, iova, data, pasid, as);
	}

	/** The IOMMU of this name. Throws a ControlError. */
	iommu(name: string): HwIommu {
		const all = this.sim.hardware?.iommus ?? [];
		const found = all.find((iommu) => iommu.name === name);
		if (found === undefined)
			throw new ControlError(
				ENODEV,
				`no IOMMU is called "${name}"`,
				all.length === 0 ? "this machine has none" : `there are ${all.map((iommu) => iommu.name).join(", ")}`,
			);
		return found;
	}

	/** Keeps the IOMMU's driver from reading faults and page requests. Throws a ControlError. */
	hold(name: string): void {
		this.#log(name).hold();
	}

	/** Lets the driver read what is there, and devices that found no room ask again. Throws a ControlError. */
	release(name: string): void {
		this.#log(name).release();
		this.transfers.retry(this.iommu(name));
	}

	#log(name: string): HardwareLog {
		const { log } = this.iommu(name).driver;
		if (log === undefined) throw new ControlError(EOPNOTSUPP, `what ${name} records is not simulated`);
		return log;
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
		for (const { id, caches, iommu } of this.guestTables.all)
			for (const each of caches) own.push(caching(iommu, `${iommu.name}/table${id}`, each));
		return own;
	}
}
