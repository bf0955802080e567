/** The stand-in IOMMU driver of VFIO's no-IOMMU mode. */
import type { Ret } from "../../kernel/kernel.js";
import { IommuDevice, type IommuGroup } from "../contract/device.js";
import { PagingDomain } from "../contract/domain.js";
import type { DmaOutcome, HwInfo, IommuDriver } from "../contract/driver.js";
import { IOVA_MAX } from "../iova/interval-set.js";
import type { Reasons } from "../why/reasons.js";
import { noIommuInfoChecks, noIommuTableChecks } from "./checks/noiommu.js";

/** A page table that no hardware walks; it lets programs pin memory and ask for physical addresses. */
class NoIommuDomain extends PagingDomain {
	readonly smallestPage = 0x1000n;
	readonly pageSizes = IOVA_MAX & ~0xfffn;
	readonly aperture = { start: 0n, last: IOVA_MAX };
	override readonly noIommu = true;

	override attach(): Ret {
		return 0;
	}
}

const driverFor = (reasons: Reasons): IommuDriver => ({
	reasons,
	canTrackDirty: () => false,
	allocPaging: (device, flags, from) => {
		if (flags !== 0) return reasons.fail(noIommuTableChecks.tableFlags, flags, device.name);
		if (from?.data !== undefined) return reasons.fail(noIommuTableChecks.tableData, from.data.type, device.name);
		return new NoIommuDomain(device.iommu);
	},
	hwInfo: (device): HwInfo | Ret => reasons.fail(noIommuInfoChecks.noInfo, device.name),
	// Bus addresses are physical addresses.
	dma: (_device, iova): DmaOutcome => ({ ok: true, pa: iova, length: 0x1000n - (iova & 0xfffn) }),
});

/** A device that VFIO's no-IOMMU mode offers. */
export function noIommuDevice(name: string, group: IommuGroup, reasons: Reasons): IommuDevice {
	return new IommuDevice(name, { name: "noiommu", driver: driverFor(reasons) }, group, 0, []);
}
