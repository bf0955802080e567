/** A device's side of page requests: sends them, tracks those outstanding, counts the responses. */
import { iommu_hwpt_pgfault_perm as PERM } from "../../../structs/index.js";
import { type FaultGroup, type PageRequest, RESPONSE_INVALID, RESPONSE_SUCCESS } from "../contract/page-request.js";
import { lookAlike } from "../extensions/pasid-space.js";
import { EXEC, PRIV, READ, WRITE } from "../mmu/walk.js";
import type { HwDevice } from "../vendors/common/device.js";
import type { RequestInterface } from "./request-interface.js";

/** PCIe page request group indexes have nine bits. */
export const MAX_GROUP = 0x1ff;

/** Page requests carry bits 63:12 of an address. */
export const PAGE = ~0xfffn;

/** Page request counters of one device. */
export interface RequestCounts {
	/** requests sent (messages, not groups) */
	sent: number;
	/** groups that were answered, by kind */
	success: number;
	invalid: number;
	/** groups that were told FAILURE */
	failure: number;
	/** responses that came too late: after a reset, or while the interface was disabled */
	ignored: number;
	/** not sent, because as many were outstanding as may be */
	overCapacity: number;
	/** responses that named another device's request, or no pending one (the interface of 2017) */
	refusedResponses: number;
}

/** How a group of page requests ended, or that its device gave up waiting. */
export type Ending = "success" | "invalid" | "failure" | "stopped" | "reset";

/** What a device's requests need of the others. */
interface Around {
	readonly pri: RequestInterface;
	/** called when a group of the device has ended */
	ended(device: HwDevice, group: number, how: Ending): void;
}

/** A device's page requests (PCI PRI): those outstanding, and counts of how they ended. */
export class DeviceRequests {
	readonly counts: RequestCounts = { sent: 0, success: 0, invalid: 0, failure: 0, ignored: 0, overCapacity: 0, refusedResponses: 0 };
	/** the interface that it sends requests through */
	readonly pri: RequestInterface;
	readonly #ended: Around["ended"];
	/** a response is under way that is neither SUCCESS nor INVALID */
	#failing = false;

	constructor(
		readonly device: HwDevice,
		{ pri, ended }: Around,
	) {
		this.pri = pri;
		this.#ended = ended;
		pri.users.add(this);
		device.requests.onResponse = (requests, code) => this.#answered(requests[0].group, code);
		device.requests.onUnexpected = () => {
			this.counts.ignored++;
			pri.unexpected();
		};
	}

	get stopped(): boolean {
		return this.pri.stopped;
	}

	#answered(group: number, code: number): void {
		if (this.#failing) return;
		// a disabled interface ignores responses
		if (this.stopped) {
			this.counts.ignored++;
			return;
		}
		const good = code === RESPONSE_SUCCESS;
		if (good) this.counts.success++;
		else this.counts.invalid++;
		this.#ended(this.device, group, good ? "success" : "invalid");
	}

	/** A group is told FAILURE: the interface is disabled, and everything that waits for a response gives up. */
	fail(group: FaultGroup): void {
		this.counts.failure++;
		this.#failing = true;
		group.respond(RESPONSE_INVALID);
		this.#failing = false;
		this.pri.stop(this.device);
		this.#ended(this.device, group.requests[0].group, "failure");
		for (const { device } of this.pri.users)
			for (const { requests } of device.requests.pending) this.#ended(device, requests[0].group, "stopped");
	}

	/** The device is reset: it has nothing outstanding, and what is answered later is unexpected. */
	reset(): void {
		const { requests } = this.device;
		const groups = [...requests.pending].map((each) => each.requests[0].group);
		groups.push(...requests.unread.filter(({ last }) => last).map(({ group }) => group));
		requests.reset();
		this.pri.reset(this.device);
		for (const group of groups) this.#ended(this.device, group, "reset");
	}

	/** requests that wait for a response, including those of incomplete groups */
	get outstanding(): number {
		const { partial, unread } = this.device.requests;
		let count = partial.length + unread.length;
		for (const { requests } of this.device.requests.pending) count += requests.length;
		return count;
	}

	/** Whether `count` more may be outstanding; counts a refusal. */
	room(count: number): boolean {
		if (this.pri.outstanding + count <= this.pri.capacity) return true;
		this.counts.overCapacity += count;
		return false;
	}

	/** Everyone whose requests carry the same requester ID, so that group numbers must differ. */
	*#sameRequester(): Generator<DeviceRequests> {
		for (const user of this.pri.users) if (user.device.function === this.device.function) yield user;
	}

	/** The lowest group number not in use; undefined: all are. */
	freeGroup(): number | undefined {
		const used = new Set<number>();
		for (const { device } of this.#sameRequester()) {
			for (const { requests } of device.requests.pending) used.add(requests[0].group);
			for (const { group } of device.requests.partial) used.add(group);
		}
		for (const { device } of this.#sameRequester()) for (const { group } of device.requests.unread) used.add(group);
		let group = 0;
		while (used.has(group)) group++;
		return group <= MAX_GROUP ? group : undefined;
	}

	/** Whether the group number waits for a response, or is collected by another device or for another PASID. */
	inUse(group: number, pasid: number | undefined): boolean {
		for (const { device } of this.#sameRequester()) {
			for (const each of device.requests.unread)
				if (each.group === group && (each.last || device !== this.device || each.pasid !== pasid)) return true;
			for (const { requests } of device.requests.pending) if (requests[0].group === group) return true;
			for (const each of device.requests.partial) if (each.group === group && (device !== this.device || each.pasid !== pasid)) return true;
		}
		return false;
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
	 * A waiting group of a device that looks the same to the IOMMU, for these very pages: its report is also this device's, and
	 * the response serves both.
	 */
	sharedGroup(pages: readonly { readonly addr: bigint; readonly perm: number }[], pasid: number | undefined): number | undefined {
		for (const { device } of this.#sameRequester()) {
			if (device === this.device || !lookAlike(device, this.device)) continue;
			for (const { requests } of device.requests.pending) {
				const covers = ({ addr, perm }: (typeof pages)[number]) =>
					requests.some((each) => each.pasid === pasid && each.addr === (addr & PAGE) && (each.perm & toPerm(perm)) === toPerm(perm));
				if (pages.every(covers)) return requests[0].group;
			}
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
		privateData?: number,
	): "waits" | "refused" | "partial" | "lost" {
		let lost = false;
		pages.forEach(({ addr, perm }, i) => {
			this.counts.sent++;
			const last = complete && i === pages.length - 1;
			lost = !this.#arrives({ pasid, group, perm: toPerm(perm), addr: addr & PAGE, last, privateData }) || lost;
		});
		// the response to a lost group is the IOMMU's own, and says nothing about its pages
		if (lost && complete) this.counts.success++;
		if (lost) {
			// the driver ignores what it finds of a group that lacks a request
			this.device.requests.ignore(group, pasid);
			return "lost";
		}
		if (!complete) return "partial";
		return this.find(group, pasid) !== undefined || this.device.requests.unread.some((each) => each.group === group) ? "waits" : "refused";
	}

	/** A request arrives at the IOMMU, whose driver reads it now or later. False: there was no room for it. */
	#arrives(request: PageRequest): boolean {
		const { requests, iommu } = this.device;
		const { read } = requests.queue(request);
		const { log } = iommu.driver;
		if (log !== undefined) return log.pageRequest(this.device, request, read);
		read();
		return true;
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
