/** Checks the invariants of the simulated kernel's objects and address spaces. */
import type { SimProcess } from "../../src/sim/index.js";
import { Access } from "../../src/sim/iommufd/access.js";
import type { IommufdContext } from "../../src/sim/iommufd/context.js";
import { Device } from "../../src/sim/iommufd/device.js";
import { FaultQueue } from "../../src/sim/iommufd/fault-queue.js";
import { HwQueue } from "../../src/sim/iommufd/hw-queue.js";
import { HwptNested, HwptPaging } from "../../src/sim/iommufd/hwpt.js";
import { Ioas } from "../../src/sim/iommufd/ioas.js";
import type { IommufdObject } from "../../src/sim/iommufd/object.js";
import { Vdevice } from "../../src/sim/iommufd/vdevice.js";
import { VeventQueue } from "../../src/sim/iommufd/vevent-queue.js";
import { Viommu } from "../../src/sim/iommufd/viommu.js";
import type { IovaSpace } from "../../src/sim/iova/iova-space.js";

/** Describes broken invariants inside the simulated kernel; anything but an empty list is a bug. */
export function findFaults(process: SimProcess): string[] {
	const faults: string[] = [];
	let n = 0;
	for (const context of process.system.contexts) {
		const name = `context ${n++}`;
		for (const fault of contextFaults(context)) faults.push(`${name}: ${fault}`);
		for (const object of context.objects)
			if (object instanceof Ioas) for (const fault of spaceFaults(object.space)) faults.push(`${name}: IOAS ${object.id}: ${fault}`);
	}
	return faults;
}

/** IDs are unique; held objects exist, and their holders match their counts. */
function contextFaults(context: IommufdContext): string[] {
	const faults: string[] = [];
	const ids = new Set<number>();
	const objects = new Set<IommufdObject>(context.objects);
	for (const object of objects) {
		if (object.id < 1 || ids.has(object.id)) faults.push(`ID ${object.id} exists twice`);
		ids.add(object.id);
		if (context.get(object.id) !== object) faults.push(`${object.type} ${object.id} cannot be found`);
		for (const held of heldBy(object))
			if (!objects.has(held)) faults.push(`${object.type} ${object.id} holds ${held.type} ${held.id}, which is gone`);
	}
	const holders = countHolders(context, objects);
	for (const object of objects) {
		const [least, most] = ownHolders(object);
		const others = holders.get(object) ?? 0;
		if (object.users < others + least || object.users > others + most)
			faults.push(`${object.type} ${object.id} has ${object.users} users, of which ${others} can be found`);
	}
	return faults;
}

/** The objects that this one holds, each once for every reference. */
function heldBy(object: IommufdObject): IommufdObject[] {
	if (object instanceof HwptPaging) return [object.ioas, ...(object.faultQueue ? [object.faultQueue] : [])];
	if (object instanceof HwptNested) return [object.viommu ?? object.parent, ...(object.faultQueue ? [object.faultQueue] : [])];
	if (object instanceof Viommu) return [object.parent];
	if (object instanceof Vdevice || object instanceof VeventQueue) return [object.viommu];
	if (object instanceof HwQueue) return [object.viommu, ...(object.access ? [object.access] : [])];
	if (object instanceof Access) return object.ioas ? [object.ioas] : [];
	return [];
}

function countHolders(context: IommufdContext, objects: Iterable<IommufdObject>): Map<IommufdObject, number> {
	const counts = new Map<IommufdObject, number>();
	const count = (object: IommufdObject) => counts.set(object, (counts.get(object) ?? 0) + 1);
	for (const object of objects) for (const held of heldBy(object)) count(held);
	for (const group of context.groups.values())
		for (const { hwpt, devices } of group.attachments.values()) for (const _ of devices) count(hwpt);
	return counts;
}

/** How many users an object has besides other objects (drivers and files): minimum and maximum. */
function ownHolders(object: IommufdObject): [number, number] {
	if (object instanceof Device) return [1, 1];
	if (object instanceof FaultQueue || object instanceof VeventQueue) return [0, 1];
	// An access is held by a file or a driver; a queue by the next one, which depends on it.
	if (object instanceof Access || object instanceof HwQueue) return [0, 1];
	return [0, 0];
}

/** Areas are in order, aligned, disjoint from each other and from reserved ranges, and their pin counts are not negative. */
function spaceFaults(space: IovaSpace): string[] {
	const faults: string[] = [];
	let last = -1n;
	let count = 0;
	for (const area of space.areas) {
		count++;
		const name = `area 0x${area.start.toString(16)}`;
		if (area.start > area.last) faults.push(`${name} ends before it starts`);
		if (area.start <= last) faults.push(`${name} overlaps the one before`);
		last = area.last;
		if ((area.start | area.length) & (space.alignment - 1n)) faults.push(`${name} is not aligned to ${space.alignment}`);
		for (const range of space.reserved)
			if (range.start <= area.last && range.last >= area.start) faults.push(`${name} is in a reserved range`);
		if (area.accesses < 0 || area.locks < 0) faults.push(`${name} has a negative pin count`);
		if (space.find(area.start) !== area || space.find(area.last) !== area) faults.push(`${name} cannot be found`);
		if (!area.pages.isDevice && space.domains.length > 0 !== area.filled)
			faults.push(`${name}: filled ${area.filled} with ${space.domains.length} page tables`);
	}
	if (count !== space.areas.size) faults.push(`${space.areas.size} areas are counted, but there are ${count}`);
	for (const allowed of space.allowed)
		for (const range of space.reserved)
			if (range.start <= allowed.last && range.last >= allowed.start) faults.push("an allowed range is reserved");
	return faults;
}
