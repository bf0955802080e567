/** AMD nested page tables, made from a guest's device table entry. */
import { iommu_hwpt_data_type as DATA, iommu_hwpt_amd_guest as GUEST } from "../../../../structs/index.js";
import { EINVAL, EOPNOTSUPP } from "../../../kernel/errno.js";
import type { Ret } from "../../../kernel/kernel.js";
import { NestedDomain } from "../../contract/domain.js";
import type { AllocData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
import type { HwDevice } from "../common/device.js";
import type { AmdPagingDomain } from "./domains.js";
import type { AmdDriver } from "./driver.js";
import { type AmdGuestDte, decodeAmdDte } from "./gcr3.js";

/** Guest CR3 tables have up to three levels; GLX 3 is reserved. */
const GLX_RESERVED = 3;

/** A guest's device table entry on a nesting parent, through which the guest manages the device's PASIDs. Beyond 7.3, as a kernel option. */
export class AmdNestedDomain extends NestedDomain {
	/** devices that were attached; some may be attached elsewhere by now */
	readonly #users = new Set<HwDevice>();

	constructor(
		readonly driver: AmdDriver,
		readonly parent: AmdPagingDomain,
		readonly dte: AmdGuestDte,
		/** the host's domain ID for the guest's table */
		readonly id: number,
	) {
		super(parent.iommu);
		parent.children.add(this);
	}

	/** -EINVAL: a host PASID, or a device behind another IOMMU. Drops what was cached for the device. */
	override attach(device: HwDevice, pasid: number): Ret {
		if (pasid !== 0 || device.iommu.driver !== this.driver) return -EINVAL;
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
		for (const device of this.#users) {
			if (device.group.attached.get(0)?.domain !== this) this.#users.delete(device);
			else this.driver.forget(device);
		}
	}
}

/** Copies the entry that came with an allocation. -EINVAL, -EFAULT; -EOPNOTSUPP for levels that the host lacks. */
export function copyDte(from: AllocData, fiveLevels: boolean): AmdGuestDte | Ret {
	if (from.data === undefined) return -EOPNOTSUPP;
	const bytes = copyUserData(from.process, from.data, DATA.IOMMU_HWPT_DATA_AMD_GUEST, GUEST.size, GUEST.size);
	if (typeof bytes === "number") return bytes;
	const dte = decodeAmdDte(GUEST.decode(bytes).dte);
	if (dte.hostMode !== 0 || dte.hostRoot !== 0n) return -EINVAL;
	if (dte.valid && dte.guestValid && dte.gcr3 === 0n) return -EINVAL;
	if (dte.guestLevels === undefined || dte.glx === GLX_RESERVED) return -EINVAL;
	return dte.guestLevels === 5 && !fiveLevels ? -EOPNOTSUPP : dte;
}
