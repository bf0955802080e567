/** Virtual devices that are one PASID of a function (Scalable IOV): which of them a context may hold. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice } from "../contract/device.js";
import type { IommufdContext } from "../iommufd/context.js";
import { Device } from "../iommufd/device.js";
import { HwDevice } from "../vendors/common/device.js";
import type { Vendor } from "../vendors/vendor.js";
import { siovChecks } from "./checks.js";
import { lookAlike } from "./pasid-space.js";

/**
 * Faults and failed invalidations name a device object, which is found by the physical device: so a context may
 * hold one device object for each physical function. Virtual devices of one parent could not be told
 * apart in it, unless they own the very same PASIDs: those look alike anyway, and a report for one serves both.
 * EBUSY with a line in the log; EOPNOTSUPP if the IOMMU cannot route PASIDs to different owners.
 */
export function refuseSharedFunction(vendors: readonly Vendor[], context: IommufdContext, device: IommuDevice): Ret {
	if (!(device instanceof HwDevice)) return 0;
	const { system } = context;
	const log = (line: string) => system.warn(line);
	if (device.part !== undefined && (device.iommu.driver.splitsFunctions !== true || device.maxPasidLog2 === 0)) {
		const able = vendors.flatMap(({ siov }) => siov ?? []).join(" or ");
		log(`vfio: ${device.name}: giving PASIDs of one function to different owners needs ${able}`);
		return system.reasons.fail(siovChecks.cannotSplit, device.name, device.iommu.name);
	}
	const whole = device.part?.parent ?? device;
	if (whole.parts.length === 0) return 0;
	for (const other of [whole, ...whole.parts]) {
		if (lookAlike(other, device) || !(other.boundTo instanceof Device) || other.boundTo.context !== context) continue;
		log(
			`iommufd: ${device.name} cannot be bound: ${other.name} (ID ${other.boundTo.id}) is in this context and shares its physical function, so a fault could not be attributed to one of them. Bind it to another context`,
		);
		return system.reasons.fail(siovChecks.sharedFunction, other.name, other.boundTo.id, device.name);
	}
	return 0;
}
