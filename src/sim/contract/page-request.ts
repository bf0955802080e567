import type { AttachHandle, IommuDevice } from "./device.js";

/** IOMMU_PAGE_RESP_*: how a group of page requests ended for the device. */
export const RESPONSE_SUCCESS = 0;
export const RESPONSE_INVALID = 1;

/** One page request of a device (PCI PRI, SMMUv3 stall). */
export interface PageRequest {
	/** undefined: without PASID */
	readonly pasid: number | undefined;
	readonly group: number;
	/** IOMMU_PGFAULT_PERM_* */
	readonly perm: number;
	readonly addr: bigint;
	/** the group is complete with this one */
	readonly last: boolean;
}

/** Requests of one group that wait for one response. */
export interface FaultGroup {
	readonly device: IommuDevice;
	readonly requests: readonly PageRequest[];
	readonly handle: AttachHandle;
	/** answers the device; once */
	respond(code: number): void;
}

/** A device's page requests: incomplete groups and those that wait for a response. */
export class PageRequests {
	/** by PASID and group number: requests whose last one has not come */
	readonly #partial: PageRequest[] = [];
	readonly #pending = new Set<FaultGroup>();
	/** told of every response, for devices that wait for it */
	onResponse: ((requests: readonly PageRequest[], code: number) => void) | undefined;

	constructor(readonly device: IommuDevice) {}

	/** groups that wait for a response */
	get pending(): ReadonlySet<FaultGroup> {
		return this.#pending;
	}

	/** requests of groups that are not complete */
	get partial(): readonly PageRequest[] {
		return this.#partial;
	}

	/** Take a request from the device; a group that is complete goes to its page table or is refused. */
	report(request: PageRequest): void {
		if (!request.last) {
			this.#partial.push(request);
			return;
		}
		const requests: PageRequest[] = [];
		for (let i = 0; i < this.#partial.length; ) {
			const other = this.#partial[i];
			if (other.group === request.group && other.pasid === request.pasid) {
				requests.push(other);
				this.#partial.splice(i, 1);
			} else i++;
		}
		requests.push(request);
		const handle = this.#route(request.pasid);
		const handler = handle?.domain.faultHandler;
		if (handle === undefined || handler === undefined) {
			this.onResponse?.(requests, RESPONSE_INVALID);
			return;
		}
		const group = new PendingGroup(this, requests, handle);
		this.#pending.add(group);
		handler(group);
	}

	/** A group's response has come. */
	answered(group: FaultGroup, code: number): void {
		if (this.#pending.delete(group)) this.onResponse?.(group.requests, code);
	}

	#route(pasid: number | undefined): AttachHandle | undefined {
		const { attached } = this.device.group;
		const byPasid = pasid === undefined ? undefined : attached.get(pasid);
		if (pasid === undefined) return attached.get(0);
		if (byPasid !== undefined) return byPasid;
		// Where the guest owns the PASID table, its nested table takes them all.
		const own = attached.get(0);
		return own !== undefined && this.device.iommu.driver.guestOwnsPasids?.(own.domain) ? own : undefined;
	}
}

/** There may be a million of them: no closure for each. */
class PendingGroup implements FaultGroup {
	constructor(
		readonly owner: PageRequests,
		readonly requests: readonly PageRequest[],
		readonly handle: AttachHandle,
	) {}

	get device(): IommuDevice {
		return this.owner.device;
	}

	respond(code: number): void {
		this.owner.answered(this, code);
	}
}
