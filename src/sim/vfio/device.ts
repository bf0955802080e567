/** The base class of VFIO devices. */
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice } from "../contract/device.js";
import type { IommufdContext } from "../iommufd/context.js";
import type { MemoryObject } from "../memory/memory-object.js";
import type { UserArg } from "../memory/user-arg.js";
import type { Caller } from "../process/caller.js";
import type { UserIo } from "../process/file.js";
import type { Reasons } from "../why/reasons.js";
import type { Binding } from "./binding.js";
import { deviceCallChecks, tokenChecks } from "./checks/device-file.js";
import type { VfioGroup } from "./group.js";

/** A device that a VFIO driver offers to user space. */
export abstract class VfioDevice {
	/** open files that are bound; more than one only through the group's file */
	opens = 0;
	binding: Binding | undefined;
	/** behind an IOMMU; absent: software makes its accesses */
	declare readonly iommu?: IommuDevice;

	constructor(
		/** as in /dev/vfio/devices/NAME */
		readonly node: string,
		/** its name for the group's file */
		readonly name: string,
		readonly group: VfioGroup,
	) {
		group.devices.push(this);
	}

	get reasons(): Reasons {
		return this.group.host.reasons;
	}

	/** First open. On failure, minus the errno and nothing changes. */
	open(context: IommufdContext): Ret {
		const binding = this.bind(context);
		if (typeof binding === "number") return binding;
		this.binding = binding;
		this.opens = 1;
		this.opened();
		return 0;
	}

	/** A file is closed; the last one unbinds the device. */
	close(): void {
		if (--this.opens > 0) return;
		this.closed();
		this.binding?.unbind();
		this.binding = undefined;
	}

	protected abstract bind(context: IommufdContext): Binding | Ret;
	/** called when the driver enables the device */
	protected opened(): void {}
	protected closed(): void {}

	/**
	 * Check the token that a virtual function or its physical function is opened with. `read` returns the 16 bytes;
	 * undefined: no token was passed. EINVAL for a token where the device has none.
	 */
	checkToken(read: (() => Uint8Array | Ret) | undefined): Ret {
		return read === undefined ? 0 : this.reasons.fail(tokenChecks.noToken, this.node);
	}

	/** The device's own state was reset: whatever it had under way is gone. */
	wasReset(): void {
		if (this.iommu !== undefined) this.group.host.hooks.onReset?.(this.iommu);
	}

	/** The driver's own calls. `alone`: the device was not opened through the group's file. */
	abstract ioctl(process: Caller, request: number, arg: UserArg, alone: boolean): Ret;

	/** The driver has no such call. */
	protected unknown(request: number): Ret {
		return this.reasons.fail(deviceCallChecks.unknownDeviceCall, this.node, request);
	}

	/** Read from a region: `offset` is the region's index << 40, plus the offset in the region. */
	abstract read(process: Caller, io: UserIo, offset: bigint): Ret;
	abstract write(process: Caller, io: UserIo, offset: bigint): Ret;

	/** The pages of a region at an offset of its file, in pages, or minus the errno. `onMapping`: see MemoryObject. */
	abstract mmap(offset: number, pages: number, onMapping: (change: 1 | -1) => void): { object: MemoryObject; page: number } | Ret;

	/** Enable DMA, as a program does through the command register. */
	masterBus(): void {}

	/** The device copies between its own buffer and memory. Returns the IOMMU's fault records. */
	dma(_dir: "read" | "write", _iova: bigint, _length: number, _buf: number): Uint8Array[] {
		return [];
	}
}

/** Region index of a PCI device's configuration space, after six BARs and the ROM. */
export const CONFIG_REGION = 7;
export const ROM_REGION = 6;
/** bits of a file's offset below the region's index */
const REGION_SHIFT = 40n;

export function regionOf(offset: bigint): { index: number; at: number } {
	return { index: Number(offset >> REGION_SHIFT), at: Number(offset & ((1n << REGION_SHIFT) - 1n)) };
}

export function regionOffset(index: number): bigint {
	return BigInt(index) << REGION_SHIFT;
}
