/** The PASIDs of a function are one space: which belong to whom. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommuGroup } from "../contract/device.js";
import type { Domain } from "../contract/domain.js";
import { HwDevice } from "../vendors/common/device.js";
import { HwPagingDomain } from "../vendors/common/paging-domain.js";
import type { Reasons } from "../why/reasons.js";
import { pasidChecks } from "./checks.js";

/** Whether two devices are the same to an IOMMU: virtual devices that own the very same PASIDs of one function. */
export function lookAlike(one: HwDevice, other: HwDevice): boolean {
	return one === other || (one.part !== undefined && one.part.parent === other.part?.parent && one.part.pasid === other.part.pasid);
}

/** The other users of the function's PASIDs, without those that look alike. */
function othersOf(device: HwDevice): HwDevice[] {
	const { function: own } = device;
	return [own, ...own.parts].filter((other) => !lookAlike(other, device));
}

/** The device that a PASID of this device's function belongs to, if that is another one. */
export function foreignOwner(device: HwDevice, pasid: number): HwDevice | undefined {
	return othersOf(device).find((other) => other.part?.pasids.includes(pasid) || other.group.attached.has(pasid));
}

/** Whether the device's transactions may carry this PASID. Only virtual devices are bound to what they own or were given. */
export function sends(device: HwDevice, pasid: number): boolean {
	return device.part === undefined || device.part.pasids.includes(pasid) || device.group.attached.has(pasid);
}

/**
 * Whether a page table may be attached for a PASID of the group's devices. -EBUSY: the PASID belongs to another device of the
 * same function, or is covered by a guest's whole PASID table; -EINVAL: the guest's table needs a second stage beneath it.
 */
export function mayAttach(reasons: Reasons, group: IommuGroup, pasid: number, domain: Domain): Ret {
	for (const device of group.devices) {
		if (!(device instanceof HwDevice)) continue;
		if (device.pasidTable !== undefined && pasid !== 0) return reasons.fail(pasidChecks.guestOwnsPasids, device.name, pasid);
		if (device.pasidTable !== undefined && !isSecondStage(domain)) return reasons.fail(pasidChecks.notSecondStage, device.name);
		if (pasid === 0) continue;
		if (device.part?.pasid === pasid) return reasons.fail(pasidChecks.ownDefault, pasid, device.name);
		const owner = foreignOwner(device, pasid);
		if (owner !== undefined) return reasons.fail(pasidChecks.foreignPasid, pasid, device.name, owner.name);
		if (device.function.pasidTable?.covers(pasid)) return reasons.fail(pasidChecks.coveredByGuest, pasid, device.name);
	}
	return 0;
}

/** Whether a guest's tables can be nested on it. */
export function isSecondStage(domain: Domain | undefined): domain is HwPagingDomain {
	return domain instanceof HwPagingDomain && domain.secondStage;
}
