/** The simulated kernel's objects, looked up in it. */
import { iommu_veventq_type, iommu_viommu_type, nameOf } from "../../../structs/index.js";
import type { Sim } from "../../sim/index.js";
import type { Access } from "../../sim/iommufd/access.js";
import type { IommufdContext } from "../../sim/iommufd/context.js";
import type { Device } from "../../sim/iommufd/device.js";
import type { FaultQueue } from "../../sim/iommufd/fault-queue.js";
import type { HwQueue } from "../../sim/iommufd/hw-queue.js";
import type { HwptNested, HwptPaging } from "../../sim/iommufd/hwpt.js";
import type { Ioas } from "../../sim/iommufd/ioas.js";
import type { IommufdObject } from "../../sim/iommufd/object.js";
import type { SelftestDevice } from "../../sim/iommufd/selftest/selftest-device.js";
import type { Vdevice } from "../../sim/iommufd/vdevice.js";
import type { VeventQueue } from "../../sim/iommufd/vevent-queue.js";
import type { Viommu } from "../../sim/iommufd/viommu.js";
import { hex, sizeText } from "../frame/text.js";
import type { GraphObject, IoasView, Known } from "./model.js";

type Made = Omit<GraphObject, "id" | "type">;
type Details = Record<string, string | number | true>;

const plain: Made = { refs: [], details: {} };

/** A flag is there or not. */
const flag = (name: string, on: boolean): Details => (on ? { [name]: true } : {});

const makers: Readonly<Record<string, (object: never) => Made>> = {
	ioas: ({ space }: Ioas) => {
		let mapped = 0n;
		for (const area of space.areas) mapped += area.length;
		return { ...plain, details: { areas: space.areas.size, mapped: sizeText(mapped) } };
	},
	"hwpt-paging": ({ ioas, automatic, nestParent, pasidCompatible, faultQueue }: HwptPaging) => ({
		parent: ioas.id,
		refs: faultQueue ? [{ what: "faults to", id: faultQueue.id }] : [],
		details: { ...flag("automatic", automatic), ...flag("nesting parent", nestParent), ...flag("PASID", pasidCompatible) },
	}),
	"hwpt-nested": ({ parent, viommu, pasidCompatible, faultQueue }: HwptNested) => ({
		parent: viommu?.id ?? parent.id,
		refs: faultQueue ? [{ what: "faults to", id: faultQueue.id }] : [],
		details: flag("PASID", pasidCompatible),
	}),
	device(object: Device) {
		const attached = [...object.group.attachments].filter(([, { devices }]) => devices.has(object));
		const own = attached.find(([pasid]) => pasid === 0);
		const others = attached.filter(([pasid]) => pasid !== 0);
		return {
			parent: own?.[1].hwpt.id,
			refs: others.map(([pasid, { hwpt }]) => ({ what: `PASID ${pasid} on`, id: hwpt.id })),
			details: { name: object.device.name, group: object.device.group.id },
		};
	},
	access: ({ ioas, pins }: Access) => ({ parent: ioas?.id, refs: [], details: flag("pins", pins) }),
	fault: ({ queued, unanswered }: FaultQueue) => ({
		refs: [],
		details: { ...flag("faults waiting", queued.first !== undefined), unanswered: unanswered.size },
	}),
	viommu: ({ parent, viommuType }: Viommu) => ({
		parent: parent.id,
		refs: [],
		details: { type: nameOf({ set: iommu_viommu_type }, viommuType) ?? hex(viommuType) },
	}),
	vdevice: ({ viommu, device, virtId }: Vdevice) => ({
		parent: viommu.id,
		refs: [{ what: "of", id: device.id }],
		details: { "virtual ID": hex(virtId) },
	}),
	veventq: ({ viommu, eventType, depth }: VeventQueue) => ({
		parent: viommu.id,
		refs: [],
		details: { type: nameOf({ set: iommu_veventq_type }, eventType) ?? hex(eventType), depth },
	}),
	"hw-queue": ({ viommu, access, pinned }: HwQueue) => ({
		parent: viommu.id,
		refs: access ? [{ what: "memory through", id: access.id }] : [],
		details: (pinned ? { iova: hex(pinned.iova) } : {}) as Details,
	}),
	selftest: ({ device }: SelftestDevice) => ({ refs: device ? [{ what: "owns", id: device.id }] : [], details: {} }),
};

function objectOf(object: IommufdObject): GraphObject {
	const make = makers[object.type] as ((object: IommufdObject) => Made) | undefined;
	return { id: object.id, type: object.type, ...(make?.(object) ?? plain) };
}

const ordered = (context: IommufdContext): IommufdObject[] => [...context.objects].sort((a, b) => a.id - b.id);

export function knownOf(sim: Sim): Known {
	return {
		source: "kernel",
		contexts: () => [...sim.contexts].map((context) => ({ objects: ordered(context).map(objectOf) })),
		ioas(id) {
			for (const context of sim.contexts) {
				const found = context.find<Ioas>(id, "ioas");
				if (found) return viewOf(found);
			}
			return undefined;
		},
	};
}

function viewOf({ id, space, hwpts }: Ioas): IoasView {
	/** Reserved ranges are a device's, or a page table's: what its hardware can not translate. */
	const ownerName = (owner: object): string => {
		const object = (hwpts.find(({ domain }) => domain === owner) ?? owner) as { type?: unknown; id?: unknown };
		return typeof object.type === "string" && typeof object.id === "number" ? `${object.type} ${object.id}` : "hardware";
	};
	return {
		id,
		areas: [...space.areas].map(({ start, last, readable, writable, pages }) => ({
			start,
			last,
			readable,
			writable,
			from: pages.origin.type === "user" ? `user ${hex(pages.origin.uptr)}` : "file",
		})),
		reserved: space.reserved.map(({ start, last, owner }) => ({ start, last, owner: ownerName(owner) })),
		allowed: space.allowed,
		alignment: space.alignment,
	};
}
