/** Guests' PASID tables that are bound as a whole, as proposed in 2018. */
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
	/** whose IOMMU reads it */
	readonly kind: string;
	/** guest-physical */
	readonly base: bigint;
	/** PASIDs it has entries for */
	readonly size: number;
	/** with the requester ID that the guest knows each by */
	readonly devices: ReadonlyMap<HwDevice, number>;
	readonly caches: IommuCaches;
	invalidate(it: Invalidation): number;
}

interface Bound extends GuestTable {
	readonly devices: Map<HwDevice, number>;
	readonly translator: TableTranslator;
	/** whose second stage was used last, and the binding that it was bound under */
	readonly seen: Map<HwDevice, { readonly under: object | undefined; domain: HwPagingDomain | undefined }>;
	readonly flush: () => void;
}

/**
 * Why PASIDs can not be routed to a device, if they can not: its transactions carry another's requester ID, or another
 * sends its.
 */
export function aliasOf(hardware: Hardware, device: HwDevice): string | undefined {
	const { requester, pci } = device;
	if (!requester.own)
		return `${device.name} sends requester ID ${formatRid(requester.wire)}, which is not its own: what it does can not be told from what others do`;
	const segment = Math.floor(pci.bdf / 0x10000);
	return whoSends(hardware.machine, hardware.topology, segment, requester.wire).why;
}

/** Guests' PASID tables that are bound as a whole, as proposed in 2018: base and size, for one device or several. */
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

	/** Throws a ControlError for devices that can not have it; then nothing is bound. */
	bind(devices: ReadonlyMap<HwDevice, number>, base: bigint, size: number): GuestTable {
		const [first] = devices.keys();
		if (first === undefined || this.hardware === undefined) throw new ControlError("no device is given");
		for (const device of devices.keys()) this.#check(device, first, size);
		if ((base & 0xfffn) !== 0n) throw new ControlError(`the table's base 0x${base.toString(16)} is not aligned to a page`);
		const translator = first.iommu.driver.bindTable?.(base, size);
		if (translator === undefined) throw new ControlError(`${first.name} is behind no IOMMU that has guests' PASID tables`);
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

	/** Takes a table away from its devices. false: there is none of that ID. */
	unbind(id: number): boolean {
		const table = this.#tables.get(id);
		for (const { domain } of table?.seen.values() ?? []) if (table) domain?.onUnmapped.delete(table.flush);
		return this.#tables.delete(id);
	}

	/** An access of a device that has one; undefined: it has none. */
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
			return { ok: false, why: "the device is attached to no table of the host's, which would hold the guest's memory" };
		return table.translator.translate(device, seen.domain, iova, access, pasid);
	}

	#of(device: HwDevice): Bound | undefined {
		for (const table of this.#tables.values()) {
			const seen = table.seen.get(device);
			if (seen === undefined) continue;
			if (seen.under === device.boundTo) return table;
			// its owner has closed it: whoever has it now did not ask for this
			table.seen.delete(device);
			table.devices.delete(device);
		}
		return undefined;
	}

	#check(device: HwDevice, first: HwDevice, size: number): void {
		if (device.boundTo === undefined) throw new ControlError(`${device.name} is not bound to an iommufd`, "device bind does that");
		if (device.iommu !== first.iommu)
			throw new ControlError(
				`${device.name} is behind ${device.iommu.name}, ${first.name} behind ${first.iommu.name}: one table can not serve both`,
			);
		if (device.part !== undefined) throw new ControlError(`${device.name} is one PASID of its parent: the parent's table is the host's`);
		const alias = this.hardware && aliasOf(this.hardware, device);
		if (alias !== undefined) throw new ControlError(alias, "PASIDs are refused to such devices");
		if (device.maxPasidLog2 === 0) throw new ControlError(`${device.name} sends no PASIDs`);
		if (size < 1 || (size & (size - 1)) !== 0 || size > 2 ** device.maxPasidLog2)
			throw new ControlError(`a table of ${size} PASIDs: a power of two up to ${2 ** device.maxPasidLog2} is wanted`);
		if (this.#of(device) !== undefined)
			throw new ControlError(`${device.name} has a guest's PASID table already`, "vsva unbind takes it away");
	}
}
