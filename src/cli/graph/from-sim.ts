/** The simulated kernel's objects, as the graph shows them. */
import { iommu_veventq_type, iommu_viommu_type, nameOf } from "../../../structs/index.js";
import { inspect, type ObjectDetails, type ObjectView, type Sim, type SpaceView } from "../../sim/index.js";
import { hex, sizeText } from "../frame/text.js";
import type { GraphObject, IoasView, Known } from "./model.js";

type Made = Omit<GraphObject, "id" | "type">;
type Details = GraphObject["details"];
type Of<T extends ObjectDetails["type"]> = Extract<ObjectDetails, { readonly type: T }>;
type Makers = { readonly [T in ObjectDetails["type"]]: (details: Of<T>) => Made };

/** A flag is there or not. */
const flag = (name: string, on: boolean): Details => (on ? { [name]: true } : {});
const faultsTo = (id: number | undefined): Made["refs"] => (id === undefined ? [] : [{ what: "faults to", id }]);

const makers: Makers = {
	ioas: ({ areas, mapped }) => ({ refs: [], details: { areas, mapped: sizeText(mapped) } }),
	"hwpt-paging": ({ ioas, automatic, nestParent, pasid, faultQueue }) => ({
		parent: ioas,
		refs: faultsTo(faultQueue),
		details: { ...flag("automatic", automatic), ...flag("nesting parent", nestParent), ...flag("PASID", pasid) },
	}),
	"hwpt-nested": ({ parent, viommu, pasid, faultQueue }) => ({
		parent: viommu ?? parent,
		refs: faultsTo(faultQueue),
		details: flag("PASID", pasid),
	}),
	device: ({ name, group, attached }) => ({
		parent: attached.find(({ pasid }) => pasid === 0)?.hwpt,
		refs: attached.filter(({ pasid }) => pasid !== 0).map(({ pasid, hwpt }) => ({ what: `PASID ${pasid} on`, id: hwpt })),
		details: { name, group },
	}),
	access: ({ ioas, pins }) => ({ parent: ioas, refs: [], details: flag("pins", pins) }),
	fault: ({ waiting, unanswered }) => ({ refs: [], details: { ...flag("faults waiting", waiting), unanswered } }),
	viommu: ({ parent, viommuType }) => ({
		parent,
		refs: [],
		details: { type: nameOf({ set: iommu_viommu_type }, viommuType) ?? hex(viommuType) },
	}),
	vdevice: ({ viommu, device, virtId }) => ({
		parent: viommu,
		refs: [{ what: "of", id: device }],
		details: { "virtual ID": hex(virtId) },
	}),
	veventq: ({ viommu, eventType, depth }) => ({
		parent: viommu,
		refs: [],
		details: { type: nameOf({ set: iommu_veventq_type }, eventType) ?? hex(eventType), depth },
	}),
	"hw-queue": ({ viommu, access, iova }) => ({
		parent: viommu,
		refs: access === undefined ? [] : [{ what: "memory through", id: access }],
		details: iova === undefined ? ({} as Details) : { iova: hex(iova) },
	}),
	selftest: ({ device }) => ({ refs: device === undefined ? [] : [{ what: "owns", id: device }], details: {} }),
};

function objectOf({ type, id, details }: ObjectView): GraphObject {
	const make = makers[type] as (details: ObjectDetails) => Made;
	return { id, type, ...make(details) };
}

/** All that there is to know of a simulated kernel's contexts. */
export function knownOf(sim: Sim): Known {
	const { contexts, ioas } = inspect(sim);
	return {
		source: "kernel",
		contexts: () => contexts().map((objects) => ({ objects: objects.map(objectOf) })),
		ioas(id) {
			const space = ioas(id);
			return space && viewOf(space);
		},
	};
}

function viewOf({ id, areas, reserved, allowed, alignment }: SpaceView): IoasView {
	return {
		id,
		areas: areas.map(({ uptr, ...area }) => ({ ...area, from: uptr === undefined ? "file" : `user ${hex(uptr)}` })),
		reserved: reserved.map(({ owner, ...range }) => ({ ...range, owner: owner ? `${owner.type} ${owner.id}` : "hardware" })),
		allowed,
		alignment,
	};
}
