/** The checks of VFIO's calls in the order in which the kernel makes them. */
import type { IommuCall } from "../../../structs/index.js";
import { attachDeviceChecks, claimChecks, moveChecks } from "../iommufd/checks/attach.js";
import { accessSpaceChecks } from "../iova/checks.js";
import { descriptorChecks, fdTableChecks } from "../process/checks.js";
import { olderDeviceChecks } from "../uapi/checks.js";
import { type Group, hook } from "../why/check.js";
import type { VendorChecks } from "../why/contract.js";
import { argWriteChecks } from "./checks/args.js";
import { deviceInfoChecks, hotResetChecks, hotResetInfoChecks, irqInfoChecks, regionInfoChecks, resetChecks } from "./checks/device.js";
import {
	aloneChecks,
	attachEmulatedChecks,
	attachPtChecks,
	bindChecks,
	bindingChecks,
	boundChecks,
	detachPtChecks,
	deviceCallChecks,
} from "./checks/device-file.js";
import { featureChecks } from "./checks/features.js";
import { containerChecks, getDeviceFdChecks, groupCallChecks, groupStatusChecks, nodeChecks, setContainerChecks } from "./checks/group.js";
import { ioeventfdChecks, setIrqsChecks } from "./checks/interrupts.js";
import { noIommuInfoChecks, noIommuTableChecks } from "./checks/noiommu.js";
import { dmaBufMmapChecks, emulatedMmapChecks, mdevRegionChecks, pciRegionChecks, regionMmapChecks } from "./checks/regions.js";
import type { VfioRequest } from "./request-names.js";

/** The calls of VFIO's files, with rows in structs/ioctls.ts or without. */
type VfioCall = VfioRequest | Extract<IommuCall, `VFIO_DEVICE_${string}` | `VFIO_GROUP_${string}`>;

/** Binding a device of any kind to a context. */
const binding: Group = { proposals: hook("mayBind"), driver: bindingChecks, iommufd: claimChecks };

/** A call of the device's driver, which not every driver has. */
const deviceCall = (own: Group): Group => ({ bound: boundChecks, known: deviceCallChecks, own });

/** The calls of device and group files. */
export const vfioContract = {
	VFIO_GROUP_GET_STATUS: groupStatusChecks,
	VFIO_GROUP_SET_CONTAINER: setContainerChecks,
	VFIO_GROUP_UNSET_CONTAINER: containerChecks,
	VFIO_GROUP_GET_DEVICE_FD: {
		own: getDeviceFdChecks,
		binding,
		attach: attachDeviceChecks,
		emulated: attachEmulatedChecks,
		access: accessSpaceChecks,
		descriptor: fdTableChecks,
	},
	VFIO_DEVICE_BIND_IOMMUFD: { older: olderDeviceChecks, own: bindChecks, binding, respond: argWriteChecks },
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: {
		older: olderDeviceChecks,
		bound: boundChecks,
		alone: aloneChecks,
		own: attachPtChecks,
		attach: attachDeviceChecks,
		replace: moveChecks,
		access: accessSpaceChecks,
		respond: argWriteChecks,
	},
	VFIO_DEVICE_DETACH_IOMMUFD_PT: { older: olderDeviceChecks, bound: boundChecks, alone: aloneChecks, own: detachPtChecks },
	VFIO_DEVICE_GET_INFO: deviceCall(deviceInfoChecks),
	VFIO_DEVICE_GET_REGION_INFO: deviceCall(regionInfoChecks),
	VFIO_DEVICE_GET_IRQ_INFO: deviceCall(irqInfoChecks),
	VFIO_DEVICE_SET_IRQS: deviceCall(setIrqsChecks),
	VFIO_DEVICE_RESET: deviceCall(resetChecks),
	VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: deviceCall(hotResetInfoChecks),
	VFIO_DEVICE_PCI_HOT_RESET: deviceCall(hotResetChecks),
	VFIO_DEVICE_IOEVENTFD: deviceCall(ioeventfdChecks),
	VFIO_DEVICE_FEATURE: deviceCall({ feature: featureChecks, descriptor: descriptorChecks }),
} satisfies Record<VfioCall, Group>;

/** What VFIO's files add to the calls that all files have. */
export const vfioFileChecks = {
	open: nodeChecks,
	ioctl: { bound: boundChecks, device: deviceCallChecks, group: groupCallChecks },
	io: { bound: boundChecks, pci: pciRegionChecks, mdev: mdevRegionChecks },
	mmap: { bound: boundChecks, region: regionMmapChecks, emulated: emulatedMmapChecks, dmaBuf: dmaBufMmapChecks },
} satisfies Record<string, Group>;

/** The stand-in driver of the no-IOMMU mode. */
export const noIommuChecks: VendorChecks = {
	vendor: "noiommu",
	hooks: { allocPaging: noIommuTableChecks, hwInfo: noIommuInfoChecks },
};
