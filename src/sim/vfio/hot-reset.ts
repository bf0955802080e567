/** VFIO's calls that reset a whole bus. */
import type { Ret } from "../../kernel/kernel.js";
import { formatBdf, segmentOf } from "../board/bdf.js";
import type { IommufdContext } from "../iommufd/context.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { readArg, writeArg } from "./args.js";
import { busChecks, hotResetChecks, hotResetInfoChecks, resetGroupsChecks } from "./checks/device.js";
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
export function hotResetInfo(device: PciVfioDevice, process: Caller, arg: UserArg, alone: boolean): Ret {
	const { reasons } = process;
	const head = readArg(process, arg, HEAD);
	if (typeof head === "number") return head;
	const argsz = head.getUint32(0, true);
	if (argsz < HEAD) return reasons.fail(hotResetInfoChecks.argsz, argsz, HEAD);
	const mates = device.place.busMates();
	if (mates === undefined) return reasons.fail(busChecks.rootBus, device.name);
	const size = HEAD + mates.length * ENTRY;
	if (argsz < size) return reasons.fail(hotResetInfoChecks.noRoom, argsz, mates.length, size);
	const bytes = new Uint8Array(size);
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
	return writeArg(process, arg, 0, bytes);
}

function deviceId({ vfio }: PciPlaceMate, context: IommufdContext | undefined): number {
	if (vfio === undefined || context === undefined) return NOT_OWNED;
	if (vfio.binding?.context === context) return vfio.binding.id;
	return vfio.iommu.group.owner === context ? OWNED : NOT_OWNED;
}

/** VFIO_DEVICE_PCI_HOT_RESET: the context, or the groups whose files are passed, must hold every device on the bus. */
export function hotReset(device: PciVfioDevice, process: Caller, arg: UserArg, alone: boolean): Ret {
	const { reasons } = process;
	const head = readArg(process, arg, HEAD);
	if (typeof head === "number") return head;
	const [argsz, flags, count] = [head.getUint32(0, true), head.getUint32(4, true), head.getUint32(8, true)];
	if (argsz < HEAD) return reasons.fail(hotResetChecks.argsz, argsz, HEAD);
	if (flags !== 0) return reasons.fail(hotResetChecks.flags, flags);
	if (alone && count !== 0) return reasons.fail(hotResetChecks.groupsGiven, count);
	const mates = device.place.busMates();
	if (mates === undefined) return reasons.fail(busChecks.rootBus, device.name);
	const context = device.binding?.context;
	let held = (mate: PciPlaceMate): boolean => deviceId(mate, context) !== NOT_OWNED;
	if (!alone) {
		const groups = namedGroups(process, arg, count, mates.length);
		if (typeof groups === "number") return groups;
		held = ({ vfio }) => vfio !== undefined && groups.has(vfio.group.number);
	}
	const other = mates.find((mate) => !held(mate));
	if (other !== undefined) return reasons.fail(hotResetChecks.notHeld, formatBdf(other.pci.bdf), () => whoHolds(other, alone));
	// The kernel waits for the link to come up again, which an emulated root port never reports.
	const down = mates.find(({ pci }) => modelOf(pci).powerManaged);
	if (down !== undefined) return reasons.fail(hotResetChecks.linkDown, formatBdf(down.pci.bdf));
	for (const { vfio } of mates) vfio?.wasReset();
	return 0;
}

/** Why a device is not the caller's to reset. */
function whoHolds({ vfio, pci }: PciPlaceMate, alone: boolean): string {
	if (vfio === undefined) return `its driver is ${pci.driver ?? "none"}`;
	if (!alone) return `the file of its group, ${vfio.group.path}, was not passed`;
	return vfio.iommu.group.owner === undefined ? "nobody has bound a device of its group" : "another owner has its group";
}

function namedGroups(process: Caller, arg: UserArg, count: number, most: number): Set<number> | Ret {
	const { reasons } = process;
	if (count === 0 || count > most) return reasons.fail(resetGroupsChecks.groupCount, count, most);
	const list = readArg(process, arg, HEAD + count * 4, resetGroupsChecks.groupsUnreadable);
	if (typeof list === "number") return list;
	const groups = new Set<number>();
	for (let i = 0; i < count; i++) {
		const fd = list.getInt32(HEAD + i * 4, true);
		const file = process.file(fd);
		if (file === undefined) return reasons.fail(resetGroupsChecks.noFile, i, fd);
		if (!(file instanceof VfioGroupFile)) return reasons.fail(resetGroupsChecks.notGroup, i, fd, file.kind);
		groups.add(file.group.number);
	}
	return groups;
}
