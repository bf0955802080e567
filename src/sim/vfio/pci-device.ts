/** PCI functions bound to vfio-pci. */
import type { Ret } from "../../kernel/kernel.js";
import { formatBdf } from "../board/bdf.js";
import type { PciDevice } from "../board/description.js";
import type { IommuDevice } from "../contract/device.js";
import type { IommufdContext } from "../iommufd/context.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import { bufferFault, type UserIo } from "../process/io.js";
import { readArg } from "./args.js";
import { type Binding, PhysicalBinding } from "./binding.js";
import { featureChecks, ioeventfdChecks, pciRegionChecks, resetChecks } from "./checks/device.js";
import { tokenChecks } from "./checks/device-file.js";
import { ConfigSpace } from "./config-space.js";
import { CONFIG_REGION, ROM_REGION, regionOf, VfioDevice } from "./device.js";
import { DmaPort } from "./dma-port.js";
import { Edu } from "./edu.js";
import { listed, type VfioGroup } from "./group.js";
import { hotReset, hotResetInfo } from "./hot-reset.js";
import { deviceInfo, irqInfo, regionInfo, vectors } from "./pci-info.js";
import { modelOf, type PciModel } from "./pci-model.js";
import * as request from "./requests.js";
import { setIrqs } from "./set-irqs.js";
import { newToken, sameToken } from "./token.js";

/** How a PCI device relates to its neighbours. */
export interface PciPlace {
	/** devices that a reset of its bus resets, itself included; undefined: it is on a root bus */
	busMates(): readonly PciPlaceMate[] | undefined;
	/** a virtual function's physical function, if VFIO drives it */
	pf(): PciVfioDevice | undefined;
	/** it is a physical function */
	readonly isPf: boolean;
}

export interface PciPlaceMate {
	readonly pci: PciDevice;
	/** undefined: another driver has it */
	readonly vfio: PciVfioDevice | undefined;
}

/** Bytes of two structs that are looked at no further. */
const IOEVENTFD_SIZE = 28;
const FEATURE_SIZE = 8;

/** A PCI function that vfio-pci drives. */
export class PciVfioDevice extends VfioDevice {
	readonly model: PciModel;
	readonly config: ConfigSpace;
	readonly edu: Edu | undefined;
	/** a physical function's token; random until it is set */
	#token: Uint8Array | undefined;
	/** number of its virtual functions that are open */
	#openVfs = 0;

	constructor(
		node: string,
		group: VfioGroup,
		readonly pci: PciDevice,
		override readonly iommu: IommuDevice,
		readonly isolated: boolean,
		readonly place: PciPlace,
		memory: PhysicalMemory,
	) {
		super(node, formatBdf(pci.bdf), group);
		this.model = modelOf(pci);
		this.config = new ConfigSpace(pci, this.model);
		if (place.isPf) this.#token = newToken();
		if (pci.model === "edu") {
			const port = new DmaPort(iommu, memory);
			this.edu = new Edu(() => (this.config.busMaster ? port : undefined));
		}
	}

	/** Whether it can be reset by itself: it has FLR, or a bus of its own. */
	get resets(): boolean {
		return this.model.resets || this.place.busMates()?.length === 1;
	}

	override checkToken(read: (() => Uint8Array | Ret) | undefined): Ret {
		const given = read?.();
		if (typeof given === "number") return given;
		if (this.pci.pf !== undefined) {
			const pf = this.place.pf();
			if (pf === undefined) return 0;
			return pf.#takes(given) ? 0 : this.reasons.fail(tokenChecks.vfToken, this.node, pf.node, howGiven(given));
		}
		if (this.#token === undefined) return given === undefined ? 0 : this.reasons.fail(tokenChecks.noToken, this.node);
		if (this.#openVfs > 0)
			return this.#takes(given) ? 0 : this.reasons.fail(tokenChecks.pfToken, this.node, this.#openVfs, howGiven(given));
		if (given !== undefined) this.#token = given;
		return 0;
	}

	#takes(given: Uint8Array | undefined): boolean {
		return this.#token !== undefined && given !== undefined && sameToken(given, this.#token);
	}

	protected override bind(context: IommufdContext): Binding | Ret {
		return PhysicalBinding.bind(context, this.iommu, this.isolated);
	}

	protected override opened(): void {
		this.config.enable();
		const pf = this.place.pf();
		if (pf !== undefined) pf.#openVfs++;
	}

	protected override closed(): void {
		this.config.busMaster = false;
		const pf = this.place.pf();
		if (pf !== undefined) pf.#openVfs--;
	}

	override ioctl(process: Caller, number: number, arg: UserArg, alone: boolean): Ret {
		switch (number) {
			case request.VFIO_DEVICE_GET_INFO:
				return deviceInfo(this, process, arg);
			case request.VFIO_DEVICE_GET_REGION_INFO:
				return regionInfo(this, process, arg);
			case request.VFIO_DEVICE_GET_IRQ_INFO:
				return irqInfo(this, process, arg);
			case request.VFIO_DEVICE_SET_IRQS:
				return setIrqs(process, arg, (index) => vectors(this, index));
			case request.VFIO_DEVICE_IOEVENTFD: {
				const head = readArg(process, arg, IOEVENTFD_SIZE);
				return typeof head === "number" ? head : this.reasons.fail(ioeventfdChecks.noPlace, this.node);
			}
			case request.VFIO_DEVICE_FEATURE: {
				const head = readArg(process, arg, FEATURE_SIZE);
				if (typeof head === "number") return head;
				const argsz = head.getUint32(0, true);
				if (argsz < FEATURE_SIZE) return this.reasons.fail(featureChecks.argsz, argsz, FEATURE_SIZE);
				return this.reasons.fail(featureChecks.noFeature, this.node, head.getUint16(4, true));
			}
			case request.VFIO_DEVICE_RESET:
				if (!this.resets) return this.#noReset();
				this.wasReset();
				return 0;
			case request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
				return hotResetInfo(this, process, arg, alone);
			case request.VFIO_DEVICE_PCI_HOT_RESET:
				return hotReset(this, process, arg, alone);
			default:
				return this.unknown(number);
		}
	}

	override read(process: Caller, io: UserIo, offset: bigint): Ret {
		if (io.length === 0) return 0;
		const { index, at } = regionOf(offset);
		if (index === CONFIG_REGION) {
			const { bytes } = this.config;
			if (at + io.length > bytes.length) return this.reasons.fail(pciRegionChecks.configEnd, io.length, at, bytes.length);
			return io.put(0, bytes.slice(at, at + io.length)) < 0 ? bufferFault(process, io, 0, io.length, true) : io.length;
		}
		if (index === ROM_REGION) return this.#rom(process, io, at);
		return this.#bar(process, io, index, at, true, (position, size, done) => {
			const value = this.edu?.read(position, size) ?? 0n;
			const bytes = new Uint8Array(8);
			new DataView(bytes.buffer).setBigUint64(0, value, true);
			return io.put(done, bytes.subarray(0, size));
		});
	}

	override write(process: Caller, io: UserIo, offset: bigint): Ret {
		if (io.length === 0) return 0;
		const { index, at } = regionOf(offset);
		if (index === CONFIG_REGION) {
			const size = this.config.bytes.length;
			if (at + io.length > size) return this.reasons.fail(pciRegionChecks.configEnd, io.length, at, size);
			const bytes = new Uint8Array(io.length);
			if (io.get(0, bytes) < 0) return bufferFault(process, io, 0, bytes.length, false);
			this.config.write(at, bytes);
			return io.length;
		}
		return this.#bar(process, io, index, at, false, (position, size, done) => {
			const bytes = new Uint8Array(8);
			const rc = io.get(done, bytes.subarray(0, size));
			if (rc === 0) this.edu?.write(position, size, new DataView(bytes.buffer).getBigUint64(0, true));
			return rc;
		});
	}

	override masterBus(): void {
		this.config.busMaster = true;
	}

	override dma(dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		return this.edu?.copy(dir, iova, length, buf) ?? [];
	}

	/** An expansion ROM that holds only its signature. */
	#rom(process: Caller, io: UserIo, at: number): Ret {
		const { rom = 0 } = this.model;
		if (at >= rom) return this.reasons.fail(pciRegionChecks.romEnd, at, rom);
		const bytes = new Uint8Array(Math.min(io.length, rom - at));
		for (const [i, byte] of [0x55, 0xaa].entries()) if (i >= at && i - at < bytes.length) bytes[i - at] = byte;
		return io.put(0, bytes) < 0 ? bufferFault(process, io, 0, bytes.length, true) : bytes.length;
	}

	/** Access registers in the widest pieces that address and length allow. `write`: to the caller's buffer. */
	#bar(
		process: Caller,
		io: UserIo,
		index: number,
		at: number,
		write: boolean,
		access: (position: number, size: number, done: number) => Ret,
	): Ret {
		const bar = this.model.bars.find((each) => each.index === index);
		if (bar === undefined || at >= bar.size) return this.reasons.fail(pciRegionChecks.noRegion, index, bar?.size ?? 0, at);
		const length = Math.min(io.length, bar.size - at);
		if (!bar.io && !this.config.memoryEnabled) return this.reasons.fail(pciRegionChecks.memoryOff, this.node);
		for (let done = 0; done < length; ) {
			let size = 8;
			while ((at + done) % size !== 0 || size > length - done) size /= 2;
			const rc = access(at + done, size, done);
			if (rc < 0) return bufferFault(process, io, done, size, write);
			done += size;
		}
		return length;
	}

	#noReset(): Ret {
		const bus = () => {
			const mates = this.place.busMates()?.filter(({ pci }) => pci !== this.pci);
			return mates === undefined ? "is on a root bus" : `shares its bus with ${listed(mates.map(({ pci }) => formatBdf(pci.bdf)))}`;
		};
		return this.reasons.fail(resetChecks.noReset, this.node, bus);
	}
}

/** What is wrong with a token. */
function howGiven(given: Uint8Array | undefined): string {
	return given === undefined ? "no token was given" : "another token was given";
}
