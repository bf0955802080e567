/** Page requests of devices and their responses. */
import { pageRequestChecks } from "./checks.js";
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
	/** the last request of its group */
	readonly last: boolean;
	/** sent along, and expected back in the response to a stream request (VT-d) */
	readonly privateData?: number;
}

/** Where groups wait for user space. */
export interface FaultHolder {
	/** Answer the matching groups with INVALID on user space's behalf, and forget them. */
	cancel(matches: (group: FaultGroup) => boolean): void;
	/** Forget a group that is answered in another way. */
	forget(group: FaultGroup): void;
}

/** The requests of one group, which share one response. */
export interface FaultGroup {
	readonly device: IommuDevice;
	readonly requests: readonly PageRequest[];
	readonly handle: AttachHandle;
	/** set by the queue that takes it */
	holder: FaultHolder | undefined;
	/** answers the device; called once */
	respond(code: number): void;
}

/** A device's page requests: incomplete groups, and groups that wait for a response. */
export class PageRequests {
	/** incomplete groups, by PASID and group number */
	#partial: PageRequest[] = [];
	readonly #pending = new Set<FaultGroup>();
	/** requests in the IOMMU's queue, which its driver has not read */
	#unread: PageRequest[] = [];
	/** called for every response, for devices that wait for it */
	onResponse: ((requests: readonly PageRequest[], code: number) => void) | undefined;
	/** called for a response to a group that the device does not wait for any more */
	onUnexpected: (() => void) | undefined;

	constructor(readonly device: IommuDevice) {}

	/** groups that wait for a response */
	get pending(): ReadonlySet<FaultGroup> {
		return this.#pending;
	}

	/** requests of groups that are not complete */
	get partial(): readonly PageRequest[] {
		return this.#partial;
	}

	/** requests that the IOMMU's driver has not read */
	get unread(): readonly PageRequest[] {
		return this.#unread;
	}

	/** A request is in the IOMMU's queue. The driver reports it by `read`, unless the device has forgotten it by then. */
	queue(request: PageRequest): { read(): void } {
		this.#unread.push(request);
		return {
			read: () => {
				const at = this.#unread.indexOf(request);
				if (at >= 0) this.report(this.#unread.splice(at, 1)[0]);
			},
		};
	}

	/** Forgets requests of a group that the driver has not read, and never will report. */
	ignore(group: number, pasid: number | undefined): void {
		this.#unread = this.#unread.filter((each) => each.group !== group || each.pasid !== pasid);
	}

	/** Take a request from the device; a complete group goes to its page table or is refused. */
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
		const { driver } = this.device.iommu;
		const refused = this.device.pasidTable === undefined ? driver.refusesRequests?.(this.device) : undefined;
		if (refused !== undefined) {
			driver.reasons.note(pageRequestChecks.requestRefused, this.device.name, request.group, refused);
			this.onResponse?.(requests, RESPONSE_INVALID);
			return;
		}
		const handle = this.#route(request.pasid);
		const handler = handle?.domain.faultHandler;
		if (handle === undefined || handler === undefined) {
			const failed = handle === undefined ? pageRequestChecks.requestNotAttached : pageRequestChecks.requestNoQueue;
			driver.reasons.note(failed, this.device.name, request.group, requestsWith(request.pasid ?? 0));
			this.onResponse?.(requests, RESPONSE_INVALID);
			return;
		}
		const group = new PendingGroup(this, requests, handle);
		this.#pending.add(group);
		handler(group);
	}

	/** Handles the response to a group. */
	answered(group: FaultGroup, code: number): void {
		if (this.#pending.delete(group)) this.onResponse?.(group.requests, code);
		else this.onUnexpected?.();
	}

	/** The device forgets all of its requests (a reset). User space may still read and answer them, to no effect. */
	reset(): void {
		this.#partial = [];
		this.#unread = [];
		this.#pending.clear();
	}

	/** Ends requests whose attachment is gone: incomplete groups are dropped, and the others answered with INVALID, read by the driver or not. */
	cancel(complete: (group: FaultGroup) => boolean, incomplete: (request: PageRequest) => boolean = () => false): void {
		const gone = this.#unread.filter(incomplete);
		if (gone.length > 0) this.#unread = this.#unread.filter((request) => !incomplete(request));
		for (const request of gone) if (request.last) this.onResponse?.([request], RESPONSE_INVALID);
		if (this.#partial.length > 0) this.#partial = this.#partial.filter((request) => !incomplete(request));
		const holders = new Set<FaultHolder>();
		for (const group of this.#pending) if (group.holder !== undefined && complete(group)) holders.add(group.holder);
		for (const holder of holders) holder.cancel((group) => group.device === this.device && complete(group));
	}

	#route(pasid: number | undefined): AttachHandle | undefined {
		const { group, pasidTable } = this.device;
		if (pasidTable !== undefined) return pasidTable.route(this.device, pasid);
		const { attached } = group;
		const byPasid = pasid === undefined ? undefined : attached.get(pasid);
		if (pasid === undefined) return attached.get(0);
		if (byPasid !== undefined) return byPasid;
		// If the guest owns the PASID table, its nested table takes all requests.
		const own = attached.get(0);
		return own !== undefined && this.device.iommu.driver.guestOwnsPasids?.(own.domain) ? own : undefined;
	}
}

/** A class, since there may be a million of them: no closure for each. */
class PendingGroup implements FaultGroup {
	holder: FaultHolder | undefined;

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

/** Which requests a PASID stands for, in words; 0: none. */
export function requestsWith(pasid: number): () => string {
	return () => (pasid === 0 ? "requests without PASID" : `PASID ${pasid}`);
}
