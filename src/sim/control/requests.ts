/** A device's side of page requests: sends them, tracks those outstanding, counts the responses. */
import { iommu_hwpt_pgfault_perm as PERM } from "../../../structs/index.js";
import { type FaultGroup, RESPONSE_SUCCESS } from "../contract/page-request.js";
import { EXEC, PRIV, READ, WRITE } from "../mmu/walk.js";
import type { HwDevice } from "../vendors/common/device.js";

/** PCIe page request group indexes have nine bits. */
export const MAX_GROUP = 0x1ff;

/** Page request counters of one device. */
export interface RequestCounts {
	/** requests sent (messages, not groups) */
	sent: number;
	/** groups that were answered, by kind */
	success: number;
	invalid: number;
	/** not sent, because the device had as many outstanding as it may */
	overCapacity: number;
	/** responses that named another device's request, or no pending one (the interface of 2017) */
	refusedResponses: number;
}

/** A device's page requests (PCI PRI): those outstanding, and counts of how they ended. */
export class DeviceRequests {
	readonly counts: RequestCounts = { sent: 0, success: 0, invalid: 0, overCapacity: 0, refusedResponses: 0 };
	/** what it was bound to when a Response Failure came: it sends no requests until it is bound anew */
	#stoppedUnder: object | undefined;

	constructor(
		readonly device: HwDevice,
		answered: (group: number, good: boolean) => void,
	) {
		device.requests.onResponse = (requests, code) => {
			const good = code === RESPONSE_SUCCESS;
			if (good) this.counts.success++;
			else this.counts.invalid++;
			answered(requests[0].group, good);
		};
	}

	get stopped(): boolean {
		return this.#stoppedUnder !== undefined && this.#stoppedUnder === this.device.boundTo;
	}

	stop(): void {
		this.#stoppedUnder = this.device.boundTo;
	}

	/** requests that wait for a response, including those of incomplete groups */
	get outstanding(): number {
		let count = this.device.requests.partial.length;
		for (const { requests } of this.device.requests.pending) count += requests.length;
		return count;
	}

	/** Whether it may have `count` more outstanding; counts a refusal. */
	room(count: number): boolean {
		if (this.outstanding + count <= this.device.pci.pri) return true;
		this.counts.overCapacity += count;
		return false;
	}

	/** The lowest group number not in use. */
	freeGroup(): number {
		const used = new Set([
			...[...this.device.requests.pending].map(({ requests }) => requests[0].group),
			...this.device.requests.partial.map(({ group }) => group),
		]);
		let group = 0;
		while (used.has(group)) group++;
		return group & MAX_GROUP;
	}

	/** A waiting group, as the interface of 2017 names it. */
	find(group: number, pasid: number | undefined): FaultGroup | undefined {
		for (const each of this.device.requests.pending) {
			const [first] = each.requests;
			if (first.group === group && first.pasid === pasid) return each;
		}
		return undefined;
	}

	/**
	 * Sends requests of one group. A virtual device that is one PASID does not know it, so its requests are reported without one.
	 * `waits`: for a response. `refused`: answered at once. `partial`: more requests must follow.
	 */
	send(
		pages: readonly { addr: bigint; perm: number }[],
		pasid: number | undefined,
		group: number,
		complete: boolean,
	): "waits" | "refused" | "partial" {
		pages.forEach(({ addr, perm }, i) => {
			this.counts.sent++;
			const last = complete && i === pages.length - 1;
			this.device.requests.report({ pasid, group, perm: toPerm(perm), addr, last });
		});
		if (!complete) return "partial";
		return this.find(group, pasid) === undefined ? "refused" : "waits";
	}
}

/** Converts READ, WRITE, EXEC, PRIV of a walk to IOMMU_PGFAULT_PERM_*. */
function toPerm(access: number): number {
	return (
		(access & READ ? PERM.IOMMU_PGFAULT_PERM_READ : 0) |
		(access & WRITE ? PERM.IOMMU_PGFAULT_PERM_WRITE : 0) |
		(access & EXEC ? PERM.IOMMU_PGFAULT_PERM_EXEC : 0) |
		(access & PRIV ? PERM.IOMMU_PGFAULT_PERM_PRIV : 0)
	);
}
