/** Draws translations: of a device, or of a page table of an open /dev/iommu. */
import { EOPNOTSUPP } from "../../kernel/errno.js";
import type { Kernel } from "../../kernel/kernel.js";
import { ControlError } from "../contract/control-error.js";
import type { Domain } from "../contract/domain.js";
import { GuestTable } from "../extensions/guest-table.js";
import { Hwpt } from "../iommufd/hwpt.js";
import { IommufdFile } from "../iommufd/iommufd-file.js";
import { SimProcess } from "../process/process.js";
import type { DrawnWalk } from "../vendors/common/draw-walk.js";
import type { HwDriver } from "../vendors/common/driver.js";
import type { SimControl } from "./control.js";

/** Draws how an access of a device (READ, WRITE, EXEC, PRIV) is translated. Throws a ControlError. */
export function walkDevice(control: SimControl, name: string, iova: bigint, access: number, pasid: number | undefined): DrawnWalk {
	const device = control.device(name);
	control.checkPasid(device, pasid);
	const { driver, name: iommu } = device.iommu;
	const table = device.pasidTable instanceof GuestTable ? device.pasidTable : undefined;
	const drawn = table === undefined ? driver.walk?.(device, iova, access, pasid) : table.walk(device, iova, access, pasid);
	if (drawn === undefined) throw new ControlError(EOPNOTSUPP, `the translations of ${iommu} cannot be drawn`);
	return drawn;
}

/** Draws how a page table translates, whoever uses it. A string says why there is no such table. Throws a ControlError. */
export function walkTable(
	control: SimControl,
	kernel: Kernel,
	fd: number,
	id: number,
	iova: bigint,
	access: number,
	pasid: number | undefined,
): DrawnWalk | string {
	// a kernel that records or injects stands in front of the process
	const file = kernel instanceof SimProcess ? kernel.file(fd) : undefined;
	const contexts = file instanceof IommufdFile ? [file.context] : [...control.sim.contexts];
	const hwpt = contexts.map((context) => context.get(id)).find((object) => object instanceof Hwpt);
	if (hwpt === undefined) return `there is no page table ${id} in this context`;
	const domain: Domain = hwpt.domain;
	const driver = domain.iommu.driver as HwDriver;
	const drawn = driver.walkTable?.(domain, iova, access, pasid);
	if (drawn === undefined) throw new ControlError(EOPNOTSUPP, `the translations of ${domain.iommu.name} cannot be drawn`);
	return drawn;
}
