/** VFIO's calls that describe a PCI device, its regions and its interrupts. */
import { vfio_device_info as INFO, vfio_irq_info as IRQ, vfio_region_info as REGION } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { readArg, writeArg } from "./args.js";
import { deviceInfoChecks, irqInfoChecks, regionInfoChecks } from "./checks/device.js";
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
export function deviceInfo(device: PciVfioDevice, process: Caller, arg: UserArg): Ret {
	return answerDeviceInfo(process, arg, PCI | (device.resets ? RESET : 0));
}

/** The same for any device that looks like PCI. */
export function answerDeviceInfo(process: Caller, arg: UserArg, flags: number): Ret {
	const min = INFO.offsets.cap_offset;
	const head = readArg(process, arg, min);
	if (typeof head === "number") return head;
	const argsz = head.getUint32(0, true);
	if (argsz < min) return process.reasons.fail(deviceInfoChecks.argsz, argsz, min);
	const answer = INFO.encode({ argsz, flags, num_regions: REGIONS, num_irqs: IRQS });
	return writeArg(process, arg, 0, answer.subarray(0, Math.min(argsz, INFO.size)));
}

/** VFIO_DEVICE_GET_REGION_INFO */
export function regionInfo(device: PciVfioDevice, process: Caller, arg: UserArg): Ret {
	const request = readRegion(process, arg);
	if (typeof request === "number") return request;
	const { argsz, index } = request;
	if (index > CONFIG_REGION) return process.reasons.fail(regionInfoChecks.noRegion, index, CONFIG_REGION);
	if (index === CONFIG_REGION) return answerRegion(process, arg, argsz, index, device.config.bytes.length, READ_WRITE, false);
	const rom = device.model.rom ?? 0;
	if (index === ROM_REGION) return answerRegion(process, arg, argsz, index, rom, rom > 0 ? READ : 0, false);
	const bar = device.model.bars.find((each) => each.index === index);
	if (bar === undefined) return answerRegion(process, arg, argsz, index, 0, 0, false);
	const seen = device.edu === undefined || process.mapsRegisters !== false;
	const mappable = !bar.io && bar.size >= 4096 && seen;
	return answerRegion(process, arg, argsz, index, bar.size, READ_WRITE | (mappable ? MMAP : 0), bar.msix ?? false);
}

export function readRegion(process: Caller, arg: UserArg): { argsz: number; index: number } | Ret {
	const head = readArg(process, arg, REGION.size);
	if (typeof head === "number") return head;
	const argsz = head.getUint32(0, true);
	if (argsz < REGION.size) return process.reasons.fail(regionInfoChecks.argsz, argsz, REGION.size);
	return { argsz, index: head.getUint32(REGION.offsets.index, true) };
}

/** If the caller's `argsz` has no room for the capability, the answer's argsz is the size that has. */
export function answerRegion(process: Caller, arg: UserArg, argsz: number, index: number, size: number, flags: number, msix: boolean): Ret {
	const whole = REGION.size + MSIX_MAPPABLE.length;
	const fits = msix && argsz >= whole;
	const rc = fits ? writeArg(process, arg, REGION.size, MSIX_MAPPABLE) : 0;
	if (rc < 0) return rc;
	const answer = REGION.encode({
		argsz: msix && !fits ? whole : argsz,
		flags: flags | (msix ? CAPS : 0),
		index,
		cap_offset: fits ? REGION.size : 0,
		size: BigInt(size),
		offset: regionOffset(index),
	});
	return writeArg(process, arg, 0, answer);
}

/** How many interrupts of a kind the device has; undefined: there is no such kind. */
export function vectors({ model: { intx, msi, msix } }: PciVfioDevice, index: number): number | undefined {
	return [intx, msi, msix, 1, 1][index];
}

/** VFIO_DEVICE_GET_IRQ_INFO */
export function irqInfo(device: PciVfioDevice, process: Caller, arg: UserArg): Ret {
	const request = readIrq(process, arg);
	if (typeof request === "number") return request;
	const { argsz, index } = request;
	const { msix } = device.model;
	const count = vectors(device, index) ?? 0;
	// MSI-X vectors can be added one by one; all others are set up at once.
	const resizable = index === 2 && msix > 0;
	const flags = index === 0 ? MASKABLE | AUTOMASKED : resizable ? 0 : NORESIZE;
	return answerIrq(process, arg, argsz, index, EVENTFD | flags, count);
}

export function readIrq(process: Caller, arg: UserArg): { argsz: number; index: number } | Ret {
	const head = readArg(process, arg, IRQ.size);
	if (typeof head === "number") return head;
	const argsz = head.getUint32(0, true);
	const index = head.getUint32(IRQ.offsets.index, true);
	if (argsz < IRQ.size) return process.reasons.fail(irqInfoChecks.argsz, argsz, IRQ.size);
	return index >= IRQS ? process.reasons.fail(irqInfoChecks.noIrq, index, IRQS - 1) : { argsz, index };
}

export function answerIrq(process: Caller, arg: UserArg, argsz: number, index: number, flags: number, count: number): Ret {
	return writeArg(process, arg, 0, IRQ.encode({ argsz, flags, index, count }));
}

export { AUTOMASKED, EVENTFD, MASKABLE, NORESIZE, PCI, READ_WRITE };
