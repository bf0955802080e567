/** Page table objects, kernel-managed and nested. */
import type { Domain, NestedDomain, PagingDomain } from "../contract/domain.js";
import type { FaultQueue } from "./fault-queue.js";
import type { Ioas } from "./ioas.js";
import { IommufdObject, type Release } from "./object.js";
import type { Viommu } from "./viommu.js";

declare module "./object.js" {
	interface ObjectTypes {
		"hwpt-paging": HwptPaging;
		"hwpt-nested": HwptNested;
	}
}

/** The common part of both kinds of page table. */
export abstract class Hwpt extends IommufdObject {
	abstract readonly domain: Domain;
	/** allocated with IOMMU_HWPT_ALLOC_PASID */
	readonly pasidCompatible: boolean = false;
	faultQueue: FaultQueue | undefined;

	/** the kernel-managed table whose IOAS applies: the table itself, or the parent of a nested one */
	abstract readonly paging: HwptPaging;

	setFaultQueue(queue: FaultQueue): void {
		this.faultQueue = queue;
		queue.users++;
		this.domain.faultHandler = (group) => queue.deliver(group);
	}

	override holds(): readonly IommufdObject[] {
		return this.faultQueue === undefined ? [this.below] : [this.below, this.faultQueue];
	}

	/** the object that it is made on */
	protected abstract readonly below: IommufdObject;

	protected dropFaultQueue(): void {
		if (this.faultQueue !== undefined) this.faultQueue.users--;
	}
}

/** A page table that the kernel fills from an IOAS. */
export class HwptPaging extends Hwpt {
	readonly type = "hwpt-paging";
	/** allocated by attaching to the IOAS; destroyed with its last user */
	automatic = false;

	constructor(
		readonly ioas: Ioas,
		override readonly domain: PagingDomain,
		override readonly pasidCompatible: boolean,
		readonly nestParent: boolean,
	) {
		super(ioas.context);
		ioas.users++;
	}

	get paging(): HwptPaging {
		return this;
	}

	protected get below(): IommufdObject {
		return this.ioas;
	}

	override get release(): Release | undefined {
		return this.automatic ? undefined : super.release;
	}

	override destroy(): void {
		const { ioas, domain } = this;
		const at = ioas.hwpts.indexOf(this);
		if (at >= 0) ioas.hwpts.splice(at, 1);
		ioas.space.removeDomain(domain);
		domain.space = undefined;
		domain.free();
		this.dropFaultQueue();
		ioas.users--;
	}
}

/** A user-managed page table, on a nesting parent or in a vIOMMU. */
export class HwptNested extends Hwpt {
	readonly type = "hwpt-nested";

	constructor(
		readonly parent: HwptPaging,
		override readonly domain: NestedDomain,
		override readonly pasidCompatible: boolean,
		readonly viommu?: Viommu,
	) {
		super(parent.context);
		if (viommu !== undefined) viommu.users++;
		else parent.users++;
	}

	get paging(): HwptPaging {
		return this.parent;
	}

	protected get below(): IommufdObject {
		return this.viommu ?? this.parent;
	}

	override destroy(): void {
		this.domain.free();
		this.dropFaultQueue();
		if (this.viommu !== undefined) this.viommu.users--;
		else this.parent.users--;
	}
}
