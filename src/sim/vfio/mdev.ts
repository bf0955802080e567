/** Mediated devices, which software emulates. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommufdContext } from "../iommufd/context.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { bufferFault, type UserIo } from "../process/io.js";
import { type Binding, EmulatedBinding } from "./binding.js";
import { irqInfoChecks, regionInfoChecks } from "./checks/device.js";
import { emulatedMmapChecks, mdevRegionChecks } from "./checks/regions.js";
import { CONFIG_REGION, regionOf, VfioDevice } from "./device.js";
import {
	AUTOMASKED,
	answerDeviceInfo,
	answerIrq,
	answerRegion,
	EVENTFD,
	MASKABLE,
	NORESIZE,
	PCI,
	READ_WRITE,
	readIrq,
	readRegion,
} from "./pci-info.js";
import * as request from "./requests.js";

const CONFIG_SIZE = 0xff;
const PORT_SIZE = 8;
const REGIONS = 9;
/** the last kind of interrupt, after INTx */
const MSI = 1;

/** A mediated device like the kernel's sample mtty, a serial card with one port. */
export class MdevVfioDevice extends VfioDevice {
	readonly #config = new Uint8Array(CONFIG_SIZE);
	readonly #port = new Uint8Array(PORT_SIZE);

	protected override opened(): void {
		const view = new DataView(this.#config.buffer);
		view.setUint16(0, 0x4348, true);
		view.setUint16(2, 0x3253, true);
		view.setUint16(4, 1, true);
		view.setUint8(6, 0x00);
		view.setUint8(7, 0x02);
		view.setUint8(8, 0x10);
		view.setUint8(9, 0x02);
		view.setUint8(11, 0x07);
		view.setUint32(0x10, 1, true);
		view.setUint16(0x2c, 0x4348, true);
		view.setUint16(0x2e, 0x3253, true);
		view.setUint8(0x3d, 1);
	}

	protected override bind(context: IommufdContext): Binding | Ret {
		return new EmulatedBinding(context);
	}

	override ioctl(process: Caller, number: number, arg: UserArg): Ret {
		const { reasons } = process;
		switch (number) {
			case request.VFIO_DEVICE_GET_INFO:
				return answerDeviceInfo(process, arg, PCI);
			case request.VFIO_DEVICE_GET_REGION_INFO: {
				const info = readRegion(process, arg);
				if (typeof info === "number") return info;
				if (info.index >= REGIONS) return reasons.fail(regionInfoChecks.noRegion, info.index, REGIONS - 1);
				return answerRegion(process, arg, info.argsz, info.index, sizeOf(info.index), READ_WRITE, false);
			}
			case request.VFIO_DEVICE_GET_IRQ_INFO: {
				const info = readIrq(process, arg);
				if (typeof info === "number") return info;
				const { argsz, index } = info;
				if (index > MSI) return reasons.fail(irqInfoChecks.noIrq, index, MSI);
				return answerIrq(process, arg, argsz, index, EVENTFD | (index === 0 ? MASKABLE | AUTOMASKED : NORESIZE), 1);
			}
			case request.VFIO_DEVICE_RESET:
				this.wasReset();
				return 0;
			default:
				return this.unknown(number);
		}
	}

	override read(process: Caller, io: UserIo, offset: bigint): Ret {
		const part = this.#part(offset, io.length);
		if (typeof part === "number") return part;
		return io.put(0, part.slice()) < 0 ? bufferFault(process, io, 0, part.length, true) : part.length;
	}

	override write(process: Caller, io: UserIo, offset: bigint): Ret {
		const part = this.#part(offset, io.length);
		if (typeof part === "number") return part;
		return io.get(0, part) < 0 ? bufferFault(process, io, 0, part.length, false) : part.length;
	}

	override mmap(): Ret {
		return this.reasons.fail(emulatedMmapChecks.emulatedMmap, this.node);
	}

	#part(offset: bigint, length: number): Uint8Array | Ret {
		const { index, at } = regionOf(offset);
		const bytes = index === CONFIG_REGION ? this.#config : index === 0 ? this.#port : undefined;
		if (bytes !== undefined && at + length <= bytes.length) return bytes.subarray(at, at + length);
		return this.reasons.fail(mdevRegionChecks.regionEnd, length, at, index, bytes?.length ?? 0);
	}
}

function sizeOf(index: number): number {
	return index === CONFIG_REGION ? CONFIG_SIZE : index === 0 ? PORT_SIZE : 0;
}
