/** Binds guests' PASID tables to devices as a whole, as proposed in 2018. */
import { EBUSY, EINVAL, ENODEV, ENOENT, EOPNOTSUPP, EPERM } from "../../kernel/errno.js";
import { formatRid } from "../board/bdf.js";
import { whoSends } from "../board/topology.js";
import { Refusal } from "../contract/control-error.js";
import type { IommuDevice } from "../contract/device.js";
import { IommufdContext } from "../iommufd/context.js";
import { HwDevice } from "../vendors/common/device.js";
import type { Hardware } from "../vendors/hardware.js";
import { GuestTable } from "./guest-table.js";
import { Notifiers } from "./notifiers.js";
import { foreignOwner, isSecondStage } from "./pasid-space.js";

/** The devices, each with the requester ID that the guest knows it by. */
type Devices = ReadonlyMap<HwDevice, number>;

/**
 * Why PASIDs cannot be routed to a device: its transactions carry a bridge's requester ID. Undefined if they can. Functions
 * that all send function 0's requester ID share a group, and so one table: `shared` includes what cannot be told apart from another.
 */
export function aliasOf(hardware: Hardware, device: HwDevice, shared = true): string | undefined {
	const { requester, pci } = device;
	const function0 = pci.function0Rid && requester.wire === (requester.rids[0] & ~7);
	if (!requester.own && (shared || !function0))
		return `${device.name} sends requester ID ${formatRid(requester.wire)}, which is not its own, so its transactions cannot be told apart from others'`;
	const segment = Math.floor(pci.bdf / 0x10000);
	const senders = whoSends(hardware.machine, hardware.topology, segment, requester.wire);
	if (shared) return senders.why;
	return senders.devices.every((other) => other.bdf === pci.bdf || other.function0Rid || function0) ? undefined : senders.why;
}

/** The guest PASID tables that are bound: base and size, for one device or several. */
export class GuestTables {
	readonly #tables = new Map<number, GuestTable>();
	readonly notifiers = new Notifiers();
	#next = 1;

	constructor(readonly hardware: Hardware | undefined) {}

	get all(): Iterable<GuestTable> {
		return this.#tables.values();
	}

	/** Throws a Refusal (ENOENT) if there is none. */
	get(id: number): GuestTable {
		const table = this.#tables.get(id);
		if (table === undefined) throw new Refusal(ENOENT, `there is no bound table ${id}`, "vsva bind makes one, vsva list shows them");
		return table;
	}

	/**
	 * Binds a table to devices and to all functions of their groups. If a table of the same owner has this base and size, they
	 * join that one. `faultId`: the queue that takes the table's page requests, in the devices' context. Throws a Refusal if one
	 * of them cannot have it; then nothing is bound.
	 */
	bind(devices: Devices, base: bigint, size: number, faultId?: number): GuestTable {
		const [first] = devices.keys();
		if (first === undefined) throw new Refusal(EINVAL, "no device given");
		if ((base & 0xfffn) !== 0n) throw new Refusal(EINVAL, `the table's base 0x${base.toString(16)} is not aligned to a page`);
		const same = [...this.#tables.values()].find((table) => table.base === base && table.size === size && sameOwner(table, first));
		if (same !== undefined && faultId === undefined) return this.#join(same, devices);
		const all = this.#check(devices, first, size);
		const { iommu } = first;
		const { driver } = iommu;
		if (driver.bindTable === undefined)
			throw new Refusal(EOPNOTSUPP, `${first.name} is not behind an IOMMU that supports guest PASID tables`);
		const queue = faultId === undefined ? undefined : contextOf(first)?.find(faultId, "fault");
		if (faultId !== undefined && queue === undefined)
			throw new Refusal(ENOENT, `${faultId} is not a fault queue of the devices' context`, "fault alloc makes one");
		if (queue !== undefined)
			for (const device of devices.keys())
				if (device.requestInterface.pci.pri === 0 && !device.pci.stall)
					throw new Refusal(ENODEV, `${device.name} cannot send page requests, so a fault queue is of no use to it`);
		const table = new GuestTable(this.#next, iommu, base, size, queue, () => driver.bindTable?.(base, size) as never);
		this.#refuseForeign(all, (pasid) => table.covers(pasid));
		this.#next++;
		this.#tables.set(table.id, table);
		for (const [device, rid] of all) table.join(device, rid);
		return table;
	}

	/** Further devices get a table that is bound. Throws a Refusal. */
	join(id: number, devices: Devices): GuestTable {
		return this.#join(this.get(id), devices);
	}

	#join(table: GuestTable, devices: Devices): GuestTable {
		const [present] = table.devices.keys();
		const all = this.#check(devices, present, table.size);
		this.#refuseForeign(all, (pasid) => table.covers(pasid));
		for (const [device, rid] of all) if (!table.has(device)) table.join(device, rid);
		return table;
	}

	/** Takes a table away from devices, with their groups, or from all. Throws a Refusal (ENOENT) if one does not have it. */
	unbind(id: number, devices?: Iterable<HwDevice>): GuestTable {
		const table = this.get(id);
		const leaving = [...(devices ?? table.devices.keys())];
		for (const device of leaving) if (!table.has(device)) throw new Refusal(ENOENT, `${device.name} does not have table ${id}`);
		for (const device of leaving) for (const mate of device.group.devices) this.#leave(table, mate);
		return table;
	}

	/** A context gave a device back: with the last one of its group the table goes. */
	unbound(device: IommuDevice): void {
		for (const mate of device.group.devices) {
			const { pasidTable } = mate;
			if (pasidTable instanceof GuestTable && !pasidTable.holds(mate)) this.#leave(pasidTable, mate);
		}
	}

	#leave(table: GuestTable, device: IommuDevice): void {
		table.leave(device);
		if (table.devices.size > 0 || !this.#tables.delete(table.id)) return;
		table.free();
		this.notifiers.gone(table.id);
	}

	/** The devices with all functions of their groups. Throws a Refusal if one of them cannot have the table. */
	#check(devices: Devices, first: HwDevice, size: number): Devices {
		const all = new Map(devices);
		for (const device of devices.keys()) {
			if (device.boundTo === undefined) throw new Refusal(ENODEV, `${device.name} is not bound to an iommufd`, "device bind does that");
			if (device.iommu !== first.iommu)
				throw new Refusal(
					EINVAL,
					`${device.name} is behind ${device.iommu.name}, ${first.name} behind ${first.iommu.name}: one table cannot serve both`,
				);
			if (device.part !== undefined)
				throw new Refusal(EOPNOTSUPP, `${device.name} is one PASID of its parent: the host owns the parent's table`);
			if (contextOf(device) !== contextOf(first)) throw new Refusal(EPERM, `${device.name} and ${first.name} belong to different contexts`);
			this.#refuseAlias(device);
			if (device.maxPasidLog2 === 0) throw new Refusal(EOPNOTSUPP, `${device.name} sends no PASIDs`);
			if (size < 1 || (size & (size - 1)) !== 0 || size > 2 ** device.maxPasidLog2)
				throw new Refusal(EINVAL, `a table cannot have ${size} PASIDs: the size must be a power of two up to ${2 ** device.maxPasidLog2}`);
			if (device.pasidTable !== undefined)
				throw new Refusal(EBUSY, `${device.name} already has a guest PASID table`, "vsva unbind removes it");
			for (const mate of device.group.devices) if (mate instanceof HwDevice && !all.has(mate)) all.set(mate, mate.requester.wire);
		}
		for (const device of all.keys()) {
			this.#refuseAlias(device);
			const domain = device.group.attached.get(0)?.domain;
			if (domain !== undefined && !isSecondStage(domain))
				throw new Refusal(
					EINVAL,
					`the page table that ${device.name} is attached to is not a second stage: the guest's tables cannot be nested on it`,
					"hwpt alloc --flags NEST_PARENT makes one",
				);
		}
		return all;
	}

	#refuseAlias(device: HwDevice): void {
		const alias = this.hardware && aliasOf(this.hardware, device, false);
		if (alias !== undefined) throw new Refusal(EOPNOTSUPP, alias, "PASIDs are refused to such devices");
	}

	/** Throws a Refusal (EBUSY) if someone uses a PASID that the table would cover. */
	#refuseForeign(devices: Devices, covers: (pasid: number) => boolean): void {
		for (const device of devices.keys()) {
			const owned = device.parts.flatMap(({ part }) => part?.pasids ?? []);
			for (const pasid of [...owned, ...device.parts.flatMap(({ group }) => [...group.attached.keys()])]) {
				if (pasid === 0 || !covers(pasid)) continue;
				const owner = foreignOwner(device, pasid);
				if (owner !== undefined) throw new Refusal(EBUSY, `PASID 0x${pasid.toString(16)} of ${device.name} belongs to ${owner.name}`);
			}
			for (const pasid of device.group.attached.keys())
				if (pasid !== 0) throw new Refusal(EBUSY, `the host has attached PASID 0x${pasid.toString(16)} of ${device.name} to a page table`);
		}
	}
}

function contextOf({ boundTo, group }: HwDevice): IommufdContext | undefined {
	const owner = boundTo === undefined ? undefined : group.owner;
	return owner instanceof IommufdContext ? owner : undefined;
}

/** Whether a table belongs to the context that holds the device, behind the same IOMMU. */
function sameOwner(table: GuestTable, device: HwDevice): boolean {
	const [present] = table.devices.keys();
	return (
		present !== undefined && present.iommu === device.iommu && device.boundTo !== undefined && contextOf(present) === contextOf(device)
	);
}
