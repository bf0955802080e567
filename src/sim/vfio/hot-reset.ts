/** VFIO's calls that reset a whole bus. */
import { EBADF, EFAULT, EINVAL, ENODEV, ENOSPC, ENOTTY } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import { segmentOf } from "../board/bdf.js";
import type { IommufdContext } from "../iommufd/context.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { readArg } from "./args.js";
import { VfioGroupFile } from "./group-file.js";
import type { PciPlaceMate, PciVfioDevice } from "./pci-device.js";
import { modelOf } from "./pci-model.js";

/** size of argsz, flags and count, with which both structs begin */
const HEAD = 12;
/** size of an entry: id, segment, bus, function */
const ENTRY = 8;
/** flags of the answer: IDs are those of the caller's context; the context holds all of the devices */
const DEV_ID = 1;
const DEV_ID_OWNED = 2;
/** in place of an ID: a device in a group that the context holds; in a group that it does not hold */
const OWNED = 0;
const NOT_OWNED = 0xffffffff;

/** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: which devices a reset of the device's bus affects. */
export function hotResetInfo(device: PciVfioDevice, arg: UserArg, alone: boolean): Ret {
	const head = readArg(arg, HEAD);
	if (head === undefined) return -EFAULT;
	const argsz = head.getUint32(0, true);
	if (argsz < HEAD) return -EINVAL;
	const mates = device.place.busMates();
	if (mates === undefined) return -ENODEV;
	if (argsz < HEAD + mates.length * ENTRY) return -ENOSPC;
	const bytes = new Uint8Array(HEAD + mates.length * ENTRY);
	const view = new DataView(bytes.buffer);
	let flags = alone ? DEV_ID | DEV_ID_OWNED : 0;
	mates.forEach((mate, i) => {
		const at = HEAD + i * ENTRY;
		const id = alone ? deviceId(mate, device.binding?.context) : (mate.vfio?.group.number ?? 0);
		if (id === NOT_OWNED) flags &= ~DEV_ID_OWNED;
		view.setUint32(at, id, true);
		view.setUint16(at + 4, segmentOf(mate.pci.bdf), true);
		view.setUint8(at + 6, (mate.pci.bdf >> 8) & 0xff);
		view.setUint8(at + 7, mate.pci.bdf & 0xff);
	});
	view.setUint32(0, argsz, true);
	view.setUint32(4, flags, true);
	view.setUint32(8, mates.length, true);
	return arg.write(0, bytes) < 0 ? -EFAULT : 0;
}

function deviceId({ vfio }: PciPlaceMate, context: IommufdContext | undefined): number {
	if (vfio === undefined || context === undefined) return NOT_OWNED;
	if (vfio.binding?.context === context) return vfio.binding.id;
	return vfio.iommu.group.owner === context ? OWNED : NOT_OWNED;
}

/** VFIO_DEVICE_PCI_HOT_RESET: the context, or the groups whose files are passed, must hold every device on the bus. */
export function hotReset(device: PciVfioDevice, process: Caller, arg: UserArg, alone: boolean): Ret {
	const head = readArg(arg, HEAD);
	if (head === undefined) return -EFAULT;
	const count = head.getUint32(8, true);
	if (head.getUint32(0, true) < HEAD || head.getUint32(4, true) !== 0) return -EINVAL;
	if (alone && count !== 0) return -EINVAL;
	const mates = device.place.busMates();
	if (mates === undefined) return -ENODEV;
	const context = device.binding?.context;
	let held = (mate: PciPlaceMate): boolean => deviceId(mate, context) !== NOT_OWNED;
	if (!alone) {
		const groups = namedGroups(process, arg, count, mates.length);
		if (typeof groups === "number") return groups;
		held = ({ vfio }) => vfio !== undefined && groups.has(vfio.group.number);
	}
	if (!mates.every(held)) return -EINVAL;
	// The kernel waits for the link to come up again, which an emulated root port never reports.
	if (mates.some(({ pci }) => modelOf(pci).powerManaged)) return -ENOTTY;
	for (const { vfio } of mates) vfio?.wasReset();
	return 0;
}

function namedGroups(process: Caller, arg: UserArg, count: number, most: number): Set<number> | Ret {
	if (count === 0 || count > most) return -EINVAL;
	const list = readArg(arg, HEAD + count * 4);
	if (list === undefined) return -EFAULT;
	const groups = new Set<number>();
	for (let i = 0; i < count; i++) {
		const file = process.file(list.getInt32(HEAD + i * 4, true));
		if (file === undefined) return -EBADF;
		if (!(file instanceof VfioGroupFile)) return -EINVAL;
		groups.add(file.group.number);
	}
	return groups;
}
