/** Read-only views of a simulated kernel's state, as plain values. */

import { formatBdf } from "../board/bdf.js";
import { Access } from "../iommufd/access.js";
import type { IommufdContext } from "../iommufd/context.js";
import { Device } from "../iommufd/device.js";
import { FaultQueue } from "../iommufd/fault-queue.js";
import { HwQueue } from "../iommufd/hw-queue.js";
import { HwptNested, HwptPaging } from "../iommufd/hwpt.js";
import { Ioas } from "../iommufd/ioas.js";
import { IommufdObject, type ObjectType } from "../iommufd/object.js";
import { SelftestDevice } from "../iommufd/selftest/selftest-device.js";
import { Vdevice } from "../iommufd/vdevice.js";
import { VeventQueue } from "../iommufd/vevent-queue.js";
import { Viommu } from "../iommufd/viommu.js";
import type { Interval } from "../iova/interval-set.js";
import type { Pages } from "../iova/pages.js";
import type { UserMemory } from "../memory/user-memory.js";
import { ConfigSpace } from "../vfio/config/space.js";
import { PciVfioDevice } from "../vfio/pci-device.js";
import { modelOf } from "../vfio/pci-model.js";
import type { Sim } from "./sim.js";

/** An object of a context; IDs name other objects of the same context. */
export interface ObjectView {
	readonly type: ObjectType;
	readonly id: number;
	/** how many objects, files and drivers hold it: it cannot be destroyed meanwhile */
	readonly users: number;
	readonly details: ObjectDetails;
}

/** Details of an object, by its type; a field is absent if it does not apply. */
export type ObjectDetails =
	| { readonly type: "ioas"; readonly areas: number /** bytes */; readonly mapped: bigint }
	| {
			readonly type: "hwpt-paging";
			readonly ioas: number;
			readonly automatic: boolean;
			readonly nestParent: boolean;
			readonly pasid: boolean;
			readonly faultQueue?: number;
	  }
	| {
			readonly type: "hwpt-nested";
			readonly parent: number;
			readonly viommu?: number;
			readonly pasid: boolean;
			readonly faultQueue?: number;
	  }
	| {
			readonly type: "device";
			readonly name: string;
			readonly group: number;
			/** page tables by PASID; 0: without a PASID */
			readonly attached: readonly { readonly pasid: number; readonly hwpt: number }[];
	  }
	| { readonly type: "access"; readonly ioas?: number; readonly pins: boolean }
	| { readonly type: "fault"; readonly waiting: boolean; readonly unanswered: number }
	| { readonly type: "viommu"; readonly parent: number /** IOMMU_VIOMMU_TYPE_* */; readonly viommuType: number }
	| { readonly type: "vdevice"; readonly viommu: number; readonly device: number; readonly virtId: bigint }
	| { readonly type: "veventq"; readonly viommu: number /** IOMMU_VEVENTQ_TYPE_* */; readonly eventType: number; readonly depth: number }
	| { readonly type: "hw-queue"; readonly viommu: number; readonly access?: number; readonly iova?: bigint }
	| { readonly type: "selftest"; readonly device?: number };

/** A device as sysfs shows it. */
export interface DeviceView {
	/** 0000:00:10.0, or a name */
	readonly name: string;
	/** the number of its IOMMU group; undefined: it is in none */
	readonly group: number | undefined;
	/** no IOMMU translates for it */
	readonly noIommu: boolean;
	/** vfioN, if it is VFIO's */
	readonly node: string | undefined;
	/** of a PCI function */
	readonly pci?: {
		readonly driver: string | undefined;
		/** its configuration space */
		readonly config: Uint8Array;
	};
}

/** The machine's devices. */
export function deviceViews(sim: Sim): DeviceView[] {
	const { hardware, vfio } = sim;
	if (hardware === undefined || vfio === undefined) return [];
	const views: DeviceView[] = [];
	const shown = new Set<string>();
	for (const device of vfio.devices.values()) {
		shown.add(device.name);
		const { node, name, group } = device;
		const pci = device instanceof PciVfioDevice ? { driver: "vfio-pci", config: device.config.bytes } : undefined;
		views.push({ name, group: group.number, noIommu: group.noIommu, node, ...(pci && { pci }) });
	}
	for (const pci of hardware.machine.devices) {
		const name = formatBdf(pci.bdf);
		if (shown.has(name)) continue;
		const config = new ConfigSpace(pci, modelOf(pci), hardware.topology.bridgeAbove(pci.bdf) === undefined).bytes;
		const noIommu = pci.iommu === undefined;
		const group = noIommu ? undefined : hardware.topology.groupOf(pci.bdf).number;
		views.push({ name, group, noIommu, node: undefined, pci: { driver: pci.driver, config } });
	}
	return views;
}

/** Pages that a program accounts for: all that are pinned, and those that count against its limit of locked memory. */
export function accountedPages(sim: Sim, memory: UserMemory): { readonly pinned: number; readonly locked: number } {
	const seen = new Set<Pages>();
	let pinned = 0;
	let locked = 0;
	for (const context of sim.contexts)
		for (const object of context.objects) {
			if (!(object instanceof Ioas)) continue;
			for (const { pages } of object.space.areas) {
				if (pages.owner !== memory || seen.has(pages)) continue;
				seen.add(pages);
				pinned += pages.pinnedCount;
				if (context.rlimitMode !== 0) locked += pages.pinnedCount;
			}
		}
	return { pinned, locked };
}

/** An IOAS's address space. Ranges are inclusive. */
export interface SpaceView {
	readonly id: number;
	readonly areas: readonly (Interval & {
		readonly readable: boolean;
		readonly writable: boolean;
		/** the user address that it was mapped from; absent: mapped from a file */
		readonly uptr?: bigint;
	})[];
	/** `owner`: the object whose hardware cannot use the range; absent: no object owns it */
	readonly reserved: readonly (Interval & { readonly owner?: { readonly type: ObjectType; readonly id: number } })[];
	readonly allowed: readonly Interval[];
	/** bytes */
	readonly alignment: bigint;
}

export interface Inspection {
	/** open contexts, oldest first; their objects by ID */
	contexts(): readonly (readonly ObjectView[])[];
	/** the IOAS of this ID in the first context that has it */
	ioas(id: number): SpaceView | undefined;
	/** What programs left behind once all of them have ended, as text; an empty list if all is well. */
	leftovers(): string[];
}

/** Inspects a kernel; each call shows its current state. */
export function inspect(sim: Sim): Inspection {
	return {
		contexts: () => [...sim.contexts].map((context) => ordered(context).map(viewOf)),
		ioas(id) {
			for (const context of sim.contexts) {
				const found = context.find(id, "ioas");
				if (found !== undefined) return spaceOf(found);
			}
			return undefined;
		},
		leftovers: () => leftovers(sim),
	};
}

const ordered = (context: IommufdContext): IommufdObject[] => [...context.objects].sort((a, b) => a.id - b.id);

function viewOf(object: IommufdObject): ObjectView {
	const { type, id, users } = object;
	return { type, id, users, details: detailsOf(object) };
}

function detailsOf(object: IommufdObject): ObjectDetails {
	if (object instanceof Ioas) {
		let mapped = 0n;
		for (const area of object.space.areas) mapped += area.length;
		return { type: object.type, areas: object.space.areas.size, mapped };
	}
	if (object instanceof HwptPaging) {
		const { type, ioas, automatic, nestParent, pasidCompatible: pasid, faultQueue } = object;
		return { type, ioas: ioas.id, automatic, nestParent, pasid, faultQueue: faultQueue?.id };
	}
	if (object instanceof HwptNested) {
		const { type, parent, viommu, pasidCompatible: pasid, faultQueue } = object;
		return { type, parent: parent.id, viommu: viommu?.id, pasid, faultQueue: faultQueue?.id };
	}
	if (object instanceof Device) {
		const mine = [...object.group.attachments].filter(([, { devices }]) => devices.has(object));
		const attached = mine.map(([pasid, { hwpt }]) => ({ pasid, hwpt: hwpt.id }));
		return { type: object.type, name: object.device.name, group: object.device.group.id, attached };
	}
	if (object instanceof Access) return { type: object.type, ioas: object.ioas?.id, pins: object.pins };
	if (object instanceof FaultQueue)
		return { type: object.type, waiting: object.queued.first !== undefined, unanswered: object.unanswered.size };
	if (object instanceof Viommu) return { type: object.type, parent: object.parent.id, viommuType: object.viommuType };
	if (object instanceof Vdevice) return { type: object.type, viommu: object.viommu.id, device: object.device.id, virtId: object.virtId };
	if (object instanceof VeventQueue)
		return { type: object.type, viommu: object.viommu.id, eventType: object.eventType, depth: object.depth };
	if (object instanceof HwQueue)
		return { type: object.type, viommu: object.viommu.id, access: object.access?.id, iova: object.pinned?.iova };
	if (object instanceof SelftestDevice) return { type: object.type, device: object.device?.id };
	throw new Error(`an object of type ${object.type} has no view`);
}

function spaceOf({ id, space, hwpts }: Ioas): SpaceView {
	/** Finds the owner of a reserved range: a device, or a page table whose hardware cannot translate the range. */
	const objectOf = (owner: object): { type: ObjectType; id: number } | undefined => {
		const object = hwpts.find(({ domain }) => domain === owner) ?? owner;
		return object instanceof IommufdObject ? { type: object.type, id: object.id } : undefined;
	};
	return {
		id,
		areas: [...space.areas].map(({ start, last, readable, writable, pages }) => ({
			start,
			last,
			readable,
			writable,
			uptr: pages.origin.type === "user" ? pages.origin.uptr : undefined,
		})),
		reserved: space.reserved.map(({ start, last, owner }) => ({ start, last, owner: objectOf(owner) })),
		allowed: space.allowed,
		alignment: space.alignment,
	};
}

function leftovers(sim: Sim): string[] {
	const found: string[] = [];
	for (const context of sim.contexts) {
		const objects = [...context.objects].map(({ type, id }) => `${type} ${id}`);
		found.push(`a context is still held${objects.length > 0 ? `, with ${objects.join(", ")}` : ""}`);
	}
	if (sim.physical.pinned) found.push("pages are still pinned");
	for (const { name, boundTo, group } of sim.hardware?.devices.values() ?? []) {
		if (boundTo !== undefined) found.push(`${name} is still bound`);
		if (group.attached.size > 0) found.push(`group ${group.id} is still attached`);
	}
	return found;
}
