/** Nested page tables whose guest owns the device's whole context: what AMD's and RISC-V's have in common. */
import type { Ret } from "../../../kernel/kernel.js";
import { NestedDomain, type PagingDomain } from "../../contract/domain.js";
import type { IommuCaches } from "../../mmu/caches.js";
import type { HwDevice } from "./device.js";

/** What such a table wants of its driver. */
interface ContextDriver {
	readonly caches: Pick<IommuCaches<never>, "invalidate">;
	/** Drops what is cached for the device by its context. */
	forget(device: HwDevice): void;
}

/** A guest's context for its devices on a nesting parent, which tells its children when it changes. */
export abstract class GuestContextDomain extends NestedDomain {
	abstract readonly driver: ContextDriver;
	/** the host's tag for what is cached of the guest's tables */
	abstract readonly id: number;
	/** devices that were attached; some may be attached elsewhere by now */
	readonly #users = new Set<HwDevice>();

	constructor(readonly parent: PagingDomain & { readonly children: Set<GuestContextDomain> }) {
		super(parent.iommu);
		parent.children.add(this);
	}

	/** Fails for a device behind another IOMMU: -EINVAL. */
	protected abstract refuse(device: HwDevice): Ret;

	/** Without PASID, as the core makes sure. -EINVAL: a device behind another IOMMU. Drops what was cached for the device. */
	override attach(device: HwDevice): Ret {
		if ((device.iommu.driver as object) !== this.driver) return this.refuse(device);
		this.#users.add(device);
		this.driver.forget(device);
		return 0;
	}

	override free(): void {
		this.parent.children.delete(this);
		this.flush();
	}

	/** Drops every translation made through the parent, which has changed. */
	flush(): void {
		const { caches } = this.driver;
		caches.invalidate({ type: "host-unmap", cache: "iotlb", domain: this.id });
		caches.invalidate({ type: "host-unmap", cache: "paging", domain: this.id });
		for (const device of this.users()) this.driver.forget(device);
	}

	/** The devices that use the table now. */
	protected *users(): Generator<HwDevice> {
		for (const device of this.#users) {
			if (device.group.attached.get(0)?.domain === this) yield device;
			else this.#users.delete(device);
		}
	}
}
