/** Devices behind an IOMMU and their groups. */
import type { Ret } from "../../kernel/kernel.js";
import type { Interval } from "../iova/interval-set.js";
import { enterChecks } from "./checks.js";
import type { Domain } from "./domain.js";
import type { IommuInstance } from "./driver.js";
import { PageRequests } from "./page-request.js";

/** Which page table a group uses for a PASID, and who attached it. */
export interface AttachHandle {
	readonly domain: Domain;
	/** who attached; `id` names the device in page requests */
	readonly owner: { readonly id: number };
}

/** A guest's whole PASID table, as the requests of its devices see it. */
export interface PasidTable {
	/** whether it has an entry for the PASID */
	covers(pasid: number): boolean;
	/** Where a page request goes; undefined: it is refused. `pasid` undefined: without PASID. */
	route(device: IommuDevice, pasid: number | undefined): AttachHandle | undefined;
	/** What the table was nested on is detached: nothing can be translated, so what waits for an answer ends. */
	detached(device: IommuDevice): void;
}

/** A device behind an IOMMU. */
export class IommuDevice {
	readonly requests = new PageRequests(this);
	/** the iommufd device object of some context, while bound */
	boundTo: object | undefined;
	/** IOMMU_HW_CAP_* for GET_HW_INFO, without dirty tracking */
	capabilities = 0;
	/** width of its PASIDs in bits; 0: no PASIDs */
	maxPasidLog2 = 0;
	/** a guest's whole PASID table that it uses in place of what is attached */
	pasidTable: PasidTable | undefined;

	constructor(
		readonly name: string,
		readonly iommu: IommuInstance,
		readonly group: IommuGroup,
		/** number of its PASIDs; attaching one at or above it is EINVAL */
		readonly pasids: number,
		/** ranges where it cannot do DMA through the page table, e.g. the MSI window; `what`: "msi" and so on */
		readonly reserved: readonly (Interval & { readonly what: string })[],
	) {
		group.devices.push(this);
	}

	/** whether a page table can be attached for the PASID */
	pasidValid(pasid: number): boolean {
		return pasid < this.pasids;
	}
}

/** Devices that cannot be isolated from each other: they are attached together. */
export class IommuGroup {
	readonly devices: IommuDevice[] = [];
	/** by PASID; 0 is "no PASID" */
	readonly attached = new Map<number, AttachHandle>();
	#owner: object | undefined;
	#claims = 0;
	#tenancy = {};

	constructor(readonly id: number) {}

	/** Identifies the time from the first claim to the last one's end: another owner, or the same one later, has another. */
	get tenancy(): object | undefined {
		return this.#claims > 0 ? this.#tenancy : undefined;
	}

	get owner(): object | undefined {
		return this.#owner;
	}

	/** Claim the group's DMA for `owner`, which may claim it once for each device. false if another owner has it. */
	claim(owner: object): boolean {
		if (this.#claims > 0 && this.#owner !== owner) return false;
		if (this.#claims === 0) this.#tenancy = {};
		this.#owner = owner;
		this.#claims++;
		return true;
	}

	unclaim(): void {
		if (--this.#claims === 0) this.#owner = undefined;
	}

	/** Attach for a PASID, in place of what is attached, if anything is. On the driver's errors nothing changes. */
	attach(pasid: number, handle: AttachHandle): Ret {
		const old = this.attached.get(pasid);
		if (old?.domain === handle.domain) {
			this.attached.set(pasid, handle);
			return 0;
		}
		return this.#switch(pasid, handle, old);
	}

	detach(pasid: number): void {
		if (!this.attached.delete(pasid)) return;
		for (const device of this.devices) {
			device.iommu.driver.detached?.(device, pasid);
			if (pasid === 0) device.pasidTable?.detached(device);
		}
	}

	#switch(pasid: number, handle: AttachHandle, old: AttachHandle | undefined): Ret {
		for (let i = 0; i < this.devices.length; i++) {
			const device = this.devices[i];
			const result = enter(device, pasid, handle);
			if (result < 0) {
				for (const done of this.devices.slice(0, i)) {
					if (old !== undefined) old.domain.attach(done, pasid, old);
					else done.iommu.driver.detached?.(done, pasid);
				}
				return result;
			}
		}
		this.attached.set(pasid, handle);
		return 0;
	}
}

/** -EINVAL for a table of another kind of IOMMU, before the table sees the device. */
function enter(device: IommuDevice, pasid: number, handle: AttachHandle): Ret {
	const { driver, name } = device.iommu;
	const { iommu } = handle.domain;
	if (iommu.driver.constructor !== driver.constructor) return driver.reasons.fail(enterChecks.otherDriver, iommu.name, device.name, name);
	return handle.domain.attach(device, pasid, handle);
}
