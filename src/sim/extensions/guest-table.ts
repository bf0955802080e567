/** One guest's whole PASID table: the devices that share it, their translations and their page requests. */
import type { Ret } from "../../kernel/kernel.js";
import type { AttachHandle, IommuDevice, PasidTable } from "../contract/device.js";
import { Domain } from "../contract/domain.js";
import type { DmaOutcome } from "../contract/driver.js";
import type { FaultGroup } from "../contract/page-request.js";
import { Device } from "../iommufd/device.js";
import type { FaultQueue } from "../iommufd/fault-queue.js";
import { type Invalidation, type IommuCaches, NO_PASID } from "../mmu/caches.js";
import type { AtcFailure } from "../mmu/failing-atcs.js";
import { WRITE } from "../mmu/walk.js";
import { HwDevice } from "../vendors/common/device.js";
import type { DrawnWalk } from "../vendors/common/draw-walk.js";
import type { HwIommu } from "../vendors/common/driver.js";
import type { HwPagingDomain } from "../vendors/common/paging-domain.js";
import type { TableTranslator } from "../vendors/common/table-translator.js";
import type { Reasons } from "../why/reasons.js";
import { pasidChecks } from "./checks.js";
import { isSecondStage } from "./pasid-space.js";

/** A device that uses the table. */
interface Member {
	/** the requester ID that the guest knows it by */
	readonly rid: number;
	/** the group's owner when it got the table: another one did not ask for it */
	readonly tenancy: object | undefined;
	/** the second stage used last */
	domain: Domain | undefined;
	/** what it found there; undefined: the host's table is none that a guest's can be nested on */
	stage: Stage | undefined;
	/** names its requests in the table's own queue */
	handle: AttachHandle | undefined;
	/** groups that waited already: they are not the table's */
	readonly earlier: ReadonlySet<FaultGroup>;
}

/** The table over one second stage. Devices that share both share what is cached. */
interface Stage {
	readonly domain: HwPagingDomain;
	readonly translator: TableTranslator;
	readonly flush: () => void;
	users: number;
}

/** In place of a page table in the handles of page requests. */
class TableDomain extends Domain {
	constructor(
		iommu: HwIommu,
		readonly reasons: Reasons,
	) {
		super(iommu);
	}

	override attach(): Ret {
		return this.reasons.fail(pasidChecks.guestTableAttach);
	}
}

/** A guest's PASID table, which several devices share; they join and leave at any time. */
export class GuestTable implements PasidTable {
	readonly #members = new Map<IommuDevice, Member>();
	readonly #stages = new Map<Domain, Stage>();
	/** number of PASIDs that hardware looks up in it, which may be more than `size` */
	readonly #pasids: number;
	/** device-TLB invalidations that failed since takeFailures */
	#failed: AtcFailure[] = [];

	/** @param base guest-physical  @param size PASIDs, a power of two  @param queue takes its page requests, in place of the devices' own page tables' */
	constructor(
		readonly id: number,
		readonly iommu: HwIommu,
		readonly base: bigint,
		readonly size: number,
		readonly queue: FaultQueue | undefined,
		readonly newTranslator: () => TableTranslator,
	) {
		this.#pasids = newTranslator().pasids ?? size;
		if (queue !== undefined) queue.users++;
	}

	/** the kind of IOMMU that reads it */
	get kind(): string {
		return this.iommu.description.kind;
	}

	/** each with the requester ID that the guest knows it by */
	get devices(): ReadonlyMap<HwDevice, number> {
		return new Map([...this.#members].flatMap(([device, { rid }]) => (device instanceof HwDevice ? [[device, rid] as const] : [])));
	}

	/** One for each second stage that its devices use. */
	get caches(): readonly IommuCaches[] {
		return [...new Set([...this.#stages.values()].map(({ translator }) => translator.caches))];
	}

	covers(pasid: number): boolean {
		return pasid < this.#pasids;
	}

	has(device: IommuDevice): boolean {
		return this.#members.has(device);
	}

	join(device: HwDevice, rid: number): void {
		this.#members.set(device, {
			rid,
			tenancy: device.group.tenancy,
			domain: undefined,
			stage: undefined,
			handle: undefined,
			earlier: new Set(device.requests.pending),
		});
		device.pasidTable = this;
		device.iommu.driver.caches?.forgetAtc(device.requester.wire, [NO_PASID]);
	}

	/** The device uses the table no more: its requests are answered INVALID, and what it cached is dropped. */
	leave(device: IommuDevice): void {
		const member = this.#members.get(device);
		if (member === undefined) return;
		this.#cancel(device, member);
		this.#move(device, member, undefined);
		this.#members.delete(device);
		if (device.pasidTable === this) device.pasidTable = undefined;
	}

	/** The device has no second stage any more: its requests are answered INVALID, though the table is still bound. */
	detached(device: IommuDevice): void {
		const member = this.#members.get(device);
		if (member !== undefined) this.#cancel(device, member);
	}

	/** Answers INVALID what the device has asked for since it joined. */
	#cancel(device: IommuDevice, { earlier }: Member): void {
		device.requests.cancel(
			(group) => !earlier.has(group),
			() => true,
		);
	}

	/** Called when the last device has left. */
	free(): void {
		if (this.queue !== undefined) this.queue.users--;
	}

	/** Whether the device's group still belongs to whoever asked for the table. */
	holds(device: IommuDevice): boolean {
		return this.#members.get(device)?.tenancy === device.group.tenancy;
	}

	/** Page requests go to the table's own queue, else to that of the page table beneath; nowhere without a second stage beneath. */
	route(device: IommuDevice, pasid: number | undefined): AttachHandle | undefined {
		if (pasid !== undefined && !this.covers(pasid)) return undefined;
		const { queue } = this;
		const member = this.#members.get(device);
		const beneath = device.group.attached.get(0);
		if (queue === undefined || member === undefined) return beneath;
		if (!isSecondStage(beneath?.domain)) return undefined;
		const owner = device.boundTo;
		if (!(owner instanceof Device)) return undefined;
		if (member.handle?.owner !== owner) {
			const domain = new TableDomain(this.iommu, owner.context.system.reasons);
			domain.faultHandler = (group) => queue.deliver(group);
			member.handle = { domain, owner };
		}
		return member.handle;
	}

	/** Translates an access of one of its devices. */
	translate(device: HwDevice, iova: bigint, access: number, pasid: number | undefined): DmaOutcome {
		const member = this.#members.get(device);
		if (member === undefined) return { ok: false, why: "the guest's table was taken away" };
		this.#follow(device, member);
		const { stage } = member;
		if (stage === undefined)
			return { ok: false, why: "the device is not attached to a second-stage page table, which would map the guest's memory" };
		return stage.translator.translate(device, stage.domain, iova, access, pasid);
	}

	/** Draws how an access of one of its devices is translated; undefined: it cannot be drawn. Changes nothing. */
	walk(device: HwDevice, iova: bigint, access: number, pasid: number | undefined): DrawnWalk | undefined {
		const domain = device.group.attached.get(0)?.domain;
		if (isSecondStage(domain)) {
			const translator = this.#stages.get(domain)?.translator ?? this.newTranslator();
			return translator.walk?.(device, domain, iova, access, pasid);
		}
		const why = "the device is not attached to a second-stage page table, which would map the guest's memory";
		return { tables: "the guest's PASID table, on nothing", steps: [], end: { ok: false, fault: "none", why }, cached: [] };
	}

	/** Drops what the caches of its devices have; requester IDs are those on the wire. Returns how many entries. */
	invalidate(it: Invalidation): number {
		for (const [device, member] of this.#members) this.#follow(device, member);
		let stages = [...this.#stages.values()];
		// a device has one cache, which is filled through what it is attached to
		if (it.cache === "atc" && it.device !== undefined)
			stages = [...this.#members].flatMap(([device, { stage }]) =>
				stage !== undefined && device instanceof HwDevice && device.requester.wire === it.device ? [stage] : [],
			);
		return [...new Set(stages.map(({ translator }) => translator.caches))].reduce((sum, caches) => sum + caches.invalidate(it), 0);
	}

	/** Where a guest-physical address is in the host's memory, for what the guest's IOMMU itself writes; undefined: not mapped for writing. */
	locate(address: bigint): bigint | undefined {
		for (const [device, member] of this.#members) this.#follow(device, member);
		const [stage] = this.#stages.values();
		const page = stage?.domain.find(address);
		return page !== undefined && (page.perm & WRITE) !== 0 ? page.pa : undefined;
	}

	/** Returns the device-TLB invalidations that failed, and clears the list. */
	takeFailures(): readonly AtcFailure[] {
		const failed = this.#failed;
		this.#failed = [];
		return failed;
	}

	/** The device may have been attached to another page table in the meantime. */
	#follow(device: IommuDevice, member: Member): void {
		const domain = device.group.attached.get(0)?.domain;
		if (domain !== member.domain) this.#move(device, member, domain);
	}

	/** The device goes over to another second stage: what it and the IOMMU cached for it is dropped, and no one else's. */
	#move(device: IommuDevice, member: Member, domain: Domain | undefined): void {
		const { stage: old } = member;
		if (old !== undefined && device instanceof HwDevice) {
			const { caches } = old.translator;
			// whether or not the device answers, nothing of the old stage may be used: a removed device gets no more translations
			caches.forget(device.requester.wire);
			if (--old.users === 0) {
				old.flush();
				old.domain.onUnmapped.delete(old.flush);
				this.#stages.delete(old.domain);
			}
		}
		member.domain = domain;
		member.stage = isSecondStage(domain) ? this.#stage(domain) : undefined;
	}

	#stage(domain: HwPagingDomain): Stage {
		let stage = this.#stages.get(domain);
		if (stage === undefined) {
			const translator = this.newTranslator();
			const { caches } = translator;
			if (caches !== this.iommu.driver.caches)
				caches.onAtcFailure = (failure) => {
					this.#failed.push(failure);
					return false;
				};
			const flush = () => {
				for (const cache of ["iotlb", "paging", "atc", "pasid"] as const) caches.invalidate({ type: "host-unmap", cache });
			};
			stage = { domain, translator, flush, users: 0 };
			domain.onUnmapped.add(flush);
			this.#stages.set(domain, stage);
		}
		stage.users++;
		return stage;
	}
}
