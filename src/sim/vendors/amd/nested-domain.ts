/** AMD nested page tables, made from a guest's device table entry. */
import { iommu_hwpt_data_type as DATA, iommu_hwpt_amd_guest as GUEST } from "../../../../structs/index.js";
import type { Ret } from "../../../kernel/kernel.js";
import type { GivenData } from "../../contract/user-data.js";
import { copyUserData } from "../../contract/user-data.js";
import type { HwDevice } from "../common/device.js";
import { GuestContextDomain } from "../common/guest-context-domain.js";
import { amdDteChecks, amdNestedAttachChecks } from "./checks.js";
import type { AmdPagingDomain } from "./domains.js";
import type { AmdDriver } from "./driver.js";
import { type AmdGuestDte, decodeAmdDte, guestPagingMode } from "./gcr3.js";

/** Guest CR3 tables have up to three levels; GLX 3 is reserved. */
const GLX_RESERVED = 3;

/** A guest's device table entry on a nesting parent, through which the guest manages the device's PASIDs. Beyond 7.3, as a kernel option. */
export class AmdNestedDomain extends GuestContextDomain {
	constructor(
		readonly driver: AmdDriver,
		override readonly parent: AmdPagingDomain,
		readonly dte: AmdGuestDte,
		/** the host's domain ID for the guest's table */
		readonly id: number,
	) {
		super(parent);
	}

	protected override refuse(device: HwDevice): Ret {
		return this.driver.reasons.fail(amdNestedAttachChecks.amdOtherIommu, this.iommu.name, device.name, device.iommu.name);
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
