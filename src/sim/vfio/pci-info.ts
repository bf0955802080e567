/** VFIO's calls that describe a PCI device, its regions and its interrupts. */
import { vfio_device_info as INFO, vfio_irq_info as IRQ, vfio_region_info as REGION } from "../../../structs/index.js";
import { EFAULT, EINVAL } from "../../kernel/errno.js";
import type { Ret } from "../../kernel/kernel.js";
import type { UserArg } from "../memory/user-arg.js";
import { readArg } from "./args.js";
import { CONFIG_REGION, ROM_REGION, regionOffset } from "./device.js";
import type { PciVfioDevice } from "./pci-device.js";

/** flags of VFIO_DEVICE_GET_INFO */
const RESET = 1;
const PCI = 2;
const REGIONS = 9;
/** INTx, MSI, MSI-X, error, request */
const IRQS = 5;
/** flags of a region */
const READ = 1;
const READ_WRITE = 3;
const MMAP = 4;
const CAPS = 8;
/** flags of an interrupt index */
const EVENTFD = 1;
const MASKABLE = 2;
const AUTOMASKED = 4;
const NORESIZE = 8;
/** the capability that allows mapping the MSI-X table: id 3, version 1, the last of its chain */
const MSIX_MAPPABLE = Uint8Array.of(3, 0, 1, 0, 0, 0, 0, 0);

/** VFIO_DEVICE_GET_INFO: as much of the struct as fits, at least 16 bytes. */
export function deviceInfo(device: PciVfioDevice, arg: UserArg): Ret {
	return answerDeviceInfo(arg, PCI | (device.resets ? RESET : 0));
}

/** The same for any device that looks like PCI. */
export function answerDeviceInfo(arg: UserArg, flags: number): Ret {
	const min = INFO.offsets.cap_offset;
	const head = readArg(arg, min);
	if (head === undefined) return -EFAULT;
	const argsz = head.getUint32(0, true);
	if (argsz < min) return -EINVAL;
	const answer = INFO.encode({ argsz, flags, num_regions: REGIONS, num_irqs: IRQS });
	return arg.write(0, answer.subarray(0, Math.min(argsz, INFO.size))) < 0 ? -EFAULT : 0;
}

/** VFIO_DEVICE_GET_REGION_INFO */
export function regionInfo(device: PciVfioDevice, arg: UserArg): Ret {
	const request = readRegion(arg);
	if (typeof request === "number") return request;
	const { argsz, index } = request;
	if (index > CONFIG_REGION) return -EINVAL;
	if (index === CONFIG_REGION) return answerRegion(arg, argsz, index, device.config.bytes.length, READ_WRITE, false);
	const rom = device.model.rom ?? 0;
	if (index === ROM_REGION) return answerRegion(arg, argsz, index, rom, rom > 0 ? READ : 0, false);
	const bar = device.model.bars.find((each) => each.index === index);
	if (bar === undefined) return answerRegion(arg, argsz, index, 0, 0, false);
	const mappable = !bar.io && bar.size >= 4096;
	return answerRegion(arg, argsz, index, bar.size, READ_WRITE | (mappable ? MMAP : 0), bar.msix ?? false);
}

export function readRegion(arg: UserArg): { argsz: number; index: number } | Ret {
	const head = readArg(arg, REGION.size);
	if (head === undefined) return -EFAULT;
	const argsz = head.getUint32(0, true);
	return argsz < REGION.size ? -EINVAL : { argsz, index: head.getUint32(REGION.offsets.index, true) };
}

/** If the caller's `argsz` has no room for the capability, the answer's argsz is the size that has. */
export function answerRegion(arg: UserArg, argsz: number, index: number, size: number, flags: number, msix: boolean): Ret {
	const whole = REGION.size + MSIX_MAPPABLE.length;
	const fits = msix && argsz >= whole;
	if (fits && arg.write(REGION.size, MSIX_MAPPABLE) < 0) return -EFAULT;
	const answer = REGION.encode({
		argsz: msix && !fits ? whole : argsz,
		flags: flags | (msix ? CAPS : 0),
		index,
		cap_offset: fits ? REGION.size : 0,
		size: BigInt(size),
		offset: regionOffset(index),
	});
	return arg.write(0, answer) < 0 ? -EFAULT : 0;
}

/** VFIO_DEVICE_GET_IRQ_INFO */
/** How many interrupts of a kind the device has; undefined: there is no such kind. */
export function vectors({ model: { intx, msi, msix } }: PciVfioDevice, index: number): number | undefined {
	return [intx, msi, msix, 1, 1][index];
}

export function irqInfo(device: PciVfioDevice, arg: UserArg): Ret {
	const request = readIrq(arg);
	if (typeof request === "number") return request;
	const { argsz, index } = request;
	const { msix } = device.model;
	const count = vectors(device, index) ?? 0;
	// MSI-X vectors can be added one by one; all others are set up at once.
	const resizable = index === 2 && msix > 0;
	const flags = index === 0 ? MASKABLE | AUTOMASKED : resizable ? 0 : NORESIZE;
	return answerIrq(arg, argsz, index, EVENTFD | flags, count);
}

export function readIrq(arg: UserArg): { argsz: number; index: number } | Ret {
	const head = readArg(arg, IRQ.size);
	if (head === undefined) return -EFAULT;
	const argsz = head.getUint32(0, true);
	const index = head.getUint32(IRQ.offsets.index, true);
	return argsz < IRQ.size || index >= IRQS ? -EINVAL : { argsz, index };
}

export function answerIrq(arg: UserArg, argsz: number, index: number, flags: number, count: number): Ret {
	return arg.write(0, IRQ.encode({ argsz, flags, index, count })) < 0 ? -EFAULT : 0;
}

export { AUTOMASKED, EVENTFD, MASKABLE, NORESIZE, PCI, READ_WRITE };
