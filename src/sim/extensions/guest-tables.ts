/** Binds guests' PASID tables to devices as a whole, as proposed in 2018. */
import { formatRid } from "../board/bdf.js";
import { whoSends } from "../board/topology.js";
import { ControlError } from "../contract/control-error.js";
import type { DmaOutcome } from "../contract/driver.js";
import type { Invalidation, IommuCaches } from "../mmu/caches.js";
import type { HwDevice } from "../vendors/common/device.js";
import { HwPagingDomain } from "../vendors/common/paging-domain.js";
import type { TableTranslator } from "../vendors/common/table-translator.js";
import type { Hardware } from "../vendors/hardware.js";

/** One guest's whole PASID table, which several devices share. */
export interface GuestTable {
	readonly id: number;
	/** the kind of IOMMU that reads it */
	readonly kind: string;
	/** guest-physical */
	readonly base: bigint;
	/** number of PASIDs that it has entries for */
	readonly size: number;
	/** each with the requester ID that the guest knows it by */
	readonly devices: ReadonlyMap<HwDevice, number>;
	readonly caches: IommuCaches;
	invalidate(it: Invalidation): number;
}

interface Bound extends GuestTable {
	readonly devices: Map<HwDevice, number>;
	readonly translator: TableTranslator;
	/** by device: the second stage used last, and the binding at that time */
	readonly seen: Map<HwDevice, { readonly under: object | undefined; domain: HwPagingDomain | undefined }>;
	readonly flush: () => void;
}

/**
 * Why PASIDs cannot be routed to a device: its transactions carry another device's requester ID, or another device
 * sends its ID. Undefined if they can.
 */
export function aliasOf(hardware: Hardware, device: HwDevice): string | undefined {
	const { requester, pci } = device;
	if (!requester.own)
		return `${device.name} sends requester ID ${formatRid(requester.wire)}, which is not its own, so its transactions cannot be told apart from others'`;
	const segment = Math.floor(pci.bdf / 0x10000);
	return whoSends(hardware.machine, hardware.topology, segment, requester.wire).why;
}

/** The guest PASID tables that are bound: base and size, for one device or several. */
export class GuestTables {
	readonly #tables = new Map<number, Bound>();
	#next = 1;

	constructor(readonly hardware: Hardware | undefined) {}

	get all(): Iterable<GuestTable> {
		return this.#tables.values();
	}

	get(id: number): GuestTable | undefined {
		return this.#tables.get(id);
	}

	/** Binds a table to devices. Throws a ControlError if one of them cannot have it; then nothing is bound. */
	bind(devices: ReadonlyMap<HwDevice, number>, base: bigint, size: number): GuestTable {
		const [first] = devices.keys();
		if (first === undefined || this.hardware === undefined) throw new ControlError("no device given");
		for (const device of devices.keys()) this.#check(device, first, size);
		if ((base & 0xfffn) !== 0n) throw new ControlError(`the table's base 0x${base.toString(16)} is not aligned to a page`);
		const translator = first.iommu.driver.bindTable?.(base, size);
		if (translator === undefined) throw new ControlError(`${first.name} is not behind an IOMMU that supports guest PASID tables`);
		const { caches } = translator;
		const table: Bound = {
			id: this.#next++,
			kind: first.iommu.description.kind,
			base,
			size,
			devices: new Map(devices),
			caches,
			translator,
			seen: new Map([...devices.keys()].map((device) => [device, { under: device.boundTo, domain: undefined }])),
			invalidate: (it) => caches.invalidate(it),
			flush: () => {
				for (const cache of ["iotlb", "paging", "atc", "pasid"] as const) caches.invalidate({ type: "host-unmap", cache });
			},
		};
		this.#tables.set(table.id, table);
		return table;
	}

	/** Unbinds a table from its devices. False: there is no table with that ID. */
	unbind(id: number): boolean {
		const table = this.#tables.get(id);
		for (const { domain } of table?.seen.values() ?? []) if (table) domain?.onUnmapped.delete(table.flush);
		return this.#tables.delete(id);
	}

	/** Translates an access of a device that has a table; undefined: it has none. */
	translate(device: HwDevice, iova: bigint, access: number, pasid: number | undefined): DmaOutcome | undefined {
		if (this.#tables.size === 0) return undefined;
		const table = this.#of(device);
		const seen = table?.seen.get(device);
		if (table === undefined || seen === undefined) return undefined;
		const domain = device.group.attached.get(0)?.domain;
		if (domain !== seen.domain) {
			seen.domain?.onUnmapped.delete(table.flush);
			table.flush();
			seen.domain = domain instanceof HwPagingDomain ? domain : undefined;
			seen.domain?.onUnmapped.add(table.flush);
		}
		if (seen.domain === undefined)
			return { ok: false, why: "the device is not attached to a host page table, which would map the guest's memory" };
		return table.translator.translate(device, seen.domain, iova, access, pasid);
	}

	#of(device: HwDevice): Bound | undefined {
		for (const table of this.#tables.values()) {
			const seen = table.seen.get(device);
			if (seen === undefined) continue;
			if (seen.under === device.boundTo) return table;
			// the owner has closed the device: whoever holds it now did not ask for this table
			table.seen.delete(device);
			table.devices.delete(device);
		}
		return undefined;
	}

	#check(device: HwDevice, first: HwDevice, size: number): void {
		if (device.boundTo === undefined) throw new ControlError(`${device.name} is not bound to an iommufd`, "device bind does that");
		if (device.iommu !== first.iommu)
			throw new ControlError(
				`${device.name} is behind ${device.iommu.name}, ${first.name} behind ${first.iommu.name}: one table cannot serve both`,
			);
		if (device.part !== undefined) throw new ControlError(`${device.name} is one PASID of its parent: the host owns the parent's table`);
		const alias = this.hardware && aliasOf(this.hardware, device);
		if (alias !== undefined) throw new ControlError(alias, "PASIDs are refused to such devices");
		if (device.maxPasidLog2 === 0) throw new ControlError(`${device.name} sends no PASIDs`);
		if (size < 1 || (size & (size - 1)) !== 0 || size > 2 ** device.maxPasidLog2)
			throw new ControlError(`a table cannot have ${size} PASIDs: the size must be a power of two up to ${2 ** device.maxPasidLog2}`);
		if (this.#of(device) !== undefined) throw new ControlError(`${device.name} already has a guest PASID table`, "vsva unbind removes it");
	}
}
