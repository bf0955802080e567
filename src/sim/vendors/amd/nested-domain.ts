/** AMD nested page tables, made from a guest's device table entry. */
import { iommu_hwpt_data_type as DATA, iommu_hwpt_amd_guest as GUEST } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import { NestedDomain } from "../../contract/domain.js";
import type { GivenData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
import type { HwDevice } from "../common/device.js";
import { amdDteChecks, amdNestedAttachChecks } from "./checks.js";
import type { AmdPagingDomain } from "./domains.js";
import type { AmdDriver } from "./driver.js";
import { type AmdGuestDte, decodeAmdDte, guestPagingMode } from "./gcr3.js";

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

	/** Without PASID, as the core makes sure. -EINVAL: a device behind another IOMMU. Drops what was cached for the device. */
	override attach(device: HwDevice): Ret {
		const { reasons } = this.driver;
		if (device.iommu.driver !== this.driver)
			return reasons.fail(amdNestedAttachChecks.amdOtherIommu, this.iommu.name, device.name, device.iommu.name);
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
export function copyDte(from: GivenData, fiveLevels: boolean): AmdGuestDte | Ret {
	const { reasons } = from.process;
	const bytes = copyUserData(from.process, from.data, DATA.IOMMU_HWPT_DATA_AMD_GUEST, GUEST.size);
	if (typeof bytes === "number") return bytes;
	const words = GUEST.decode(bytes).dte;
	const dte = decodeAmdDte(words);
	if (dte.hostMode !== 0 || dte.hostRoot !== 0n) return reasons.fail(amdDteChecks.amdHostTable, dte.hostMode, dte.hostRoot);
	if (dte.valid && dte.guestValid && dte.gcr3 === 0n) return reasons.fail(amdDteChecks.amdNoGcr3);
	if (dte.guestLevels === undefined) return reasons.fail(amdDteChecks.amdGuestMode, guestPagingMode(words));
	if (dte.glx === GLX_RESERVED) return reasons.fail(amdDteChecks.amdGlx);
	return dte.guestLevels === 5 && !fiveLevels ? reasons.fail(amdDteChecks.amdFiveLevels) : dte;
}
