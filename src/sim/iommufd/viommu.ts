/** vIOMMU objects and the ioctls that allocate them and their vDEVICEs. */
import { iommu_vdevice_alloc, iommu_viommu_alloc, iommu_viommu_type } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { IommuDevice } from "../contract/device.js";
import type { IommuInstance } from "../contract/driver.js";
import type { AllocData } from "../contract/user-data.js";
import type { ViommuCore, ViommuOps } from "../contract/viommu.js";
import type { MemoryObject } from "../memory/memory-object.js";
import { RegisterPages } from "../memory/register-pages.js";
import { eventChecks, vdeviceAllocChecks, viommuAllocChecks } from "./checks/viommu.js";
import type { Command } from "./command.js";
import type { HwptPaging } from "./hwpt.js";
import { IommufdObject, type Outsider } from "./object.js";
import { Vdevice } from "./vdevice.js";
import type { VeventQueue } from "./vevent-queue.js";

declare module "./object.js" {
	interface ObjectTypes {
		viommu: Viommu;
	}
}

/** The part of a physical IOMMU that is given to a guest. */
export class Viommu extends IommufdObject implements ViommuCore {
	readonly type = "viommu";
	ops: ViommuOps = {};
	/** by virtual ID */
	readonly vdevices = new Map<bigint, Vdevice>();
	/** by type */
	readonly eventQueues = new Map<number, VeventQueue>();
	/** mappings of its pages in programs */
	#mappings = 0;

	constructor(
		readonly parent: HwptPaging,
		/** IOMMU_VIOMMU_TYPE_* */
		readonly viommuType: number,
		readonly iommu: IommuInstance,
	) {
		super(parent.context);
		parent.users++;
	}

	/** The device whose virtual ID is `virtId`. */
	findDevice(virtId: bigint): IommuDevice | undefined {
		return this.vdevices.get(virtId)?.device?.device;
	}

	/** The virtual ID of the device. */
	virtId(device: IommuDevice): bigint | undefined {
		for (const vdevice of this.vdevices.values()) if (vdevice.device?.device === device) return vdevice.virtId;
		return undefined;
	}

	override holds(): readonly IommufdObject[] {
		return [this.parent];
	}

	override get heldFrom(): Outsider | undefined {
		return this.#mappings > 0 ? { who: "mapped memory", verb: "unmap", what: `the memory of viommu ${this.id}` } : undefined;
	}

	report(type: number, data: Uint8Array): "queued" | "lost" | undefined {
		const queue = this.eventQueues.get(type);
		if (queue === undefined) this.context.system.reasons.note(eventChecks.noQueue, type, this.id);
		return queue?.report(data);
	}

	newMappable(pages: number): { readonly object: MemoryObject; readonly offset: number } {
		return this.#offer(this.context.system.physical.newMappable(pages));
	}

	newRegisters(
		pages: number,
		written: (offset: number, count: number) => void,
	): { readonly object: RegisterPages; readonly offset: number } {
		return this.#offer(this.context.system.physical.adopt(pages, (frame) => new RegisterPages(pages, frame, written)));
	}

	#offer<T extends MemoryObject>(object: T): { readonly object: T; readonly offset: number } {
		const { context } = this;
		// A mapping keeps the vIOMMU alive, and the context as an open file would.
		object.onMapping = (change) => {
			this.users += change;
			this.#mappings += change;
			if (change > 0) context.hold();
			else context.release();
		};
		return { object, offset: context.mappable.add(object) };
	}

	removeMappable(offset: number): void {
		this.context.mappable.remove(offset);
	}

	override destroy(): void {
		this.ops.destroy?.();
		this.parent.users--;
	}
}

/** IOMMU_VIOMMU_ALLOC */
export function viommuAlloc(command: Command): Ret {
	const at = iommu_viommu_alloc.offsets;
	const { context, process } = command;
	const type = command.u32(at.type);
	if (command.u32(at.flags) !== 0) return command.fail(viommuAllocChecks.flags, command.u32(at.flags));
	if (type === iommu_viommu_type.IOMMU_VIOMMU_TYPE_DEFAULT) return command.fail(viommuAllocChecks.defaultType);
	const device = context.find(command.u32(at.dev_id), "device");
	if (device === undefined) return command.fail(viommuAllocChecks.noDevice, command.u32(at.dev_id), command.named(command.u32(at.dev_id)));
	const { iommu } = device.device;
	const { driver } = iommu;
	if (driver.viommuSupported === undefined || driver.initViommu === undefined) return command.fail(viommuAllocChecks.noViommus, iommu.name);
	let rc = driver.viommuSupported(device.device, type);
	if (rc < 0) return rc;
	const parent = context.find(command.u32(at.hwpt_id), "hwpt-paging");
	if (parent === undefined)
		return command.fail(viommuAllocChecks.noParent, command.u32(at.hwpt_id), command.named(command.u32(at.hwpt_id)));
	if (!parent.nestParent) return command.fail(viommuAllocChecks.parentNotNesting, parent);
	const viommu = new Viommu(parent, type, iommu);
	const length = command.u32(at.data_len);
	const from: AllocData = {
		process,
		data: length === 0 ? undefined : { type, length, uptr: command.u64(at.data_uptr) },
	};
	const ops = driver.initViommu(viommu, parent.domain, from);
	if (typeof ops === "number") rc = ops;
	else {
		viommu.ops = ops;
		command.setU32(at.out_viommu_id, viommu.id);
		rc = command.respond();
	}
	if (rc < 0) context.abort(viommu);
	else context.finalize(viommu);
	return rc;
}

/** IOMMU_VDEVICE_ALLOC */
export function vdeviceAlloc(command: Command): Ret {
	const at = iommu_vdevice_alloc.offsets;
	const { context } = command;
	const viommu = context.find(command.u32(at.viommu_id), "viommu");
	if (viommu === undefined)
		return command.fail(vdeviceAllocChecks.noViommu, command.u32(at.viommu_id), command.named(command.u32(at.viommu_id)));
	const device = context.find(command.u32(at.dev_id), "device");
	if (device === undefined) return command.fail(vdeviceAllocChecks.noDevice, command.u32(at.dev_id), command.named(command.u32(at.dev_id)));
	const { name, iommu } = device.device;
	if (viommu.iommu !== iommu) return command.fail(vdeviceAllocChecks.otherIommu, viommu.id, viommu.iommu.name, name, iommu.name);
	const virtId = command.u64(at.virt_id);
	if (device.vdevice !== undefined) return command.fail(vdeviceAllocChecks.deviceTaken, name, device.vdevice.id);
	const taken = viommu.vdevices.get(virtId);
	if (taken !== undefined) return command.fail(vdeviceAllocChecks.idTaken, virtId, taken.id);
	let rc = viommu.ops.addVdevice?.(device.device, virtId) ?? 0;
	if (rc < 0) return rc;
	const vdevice = new Vdevice(viommu, device, virtId);
	command.setU32(at.out_vdevice_id, vdevice.id);
	rc = command.respond();
	if (rc < 0) context.abort(vdevice);
	else context.finalize(vdevice);
	return rc;
}
