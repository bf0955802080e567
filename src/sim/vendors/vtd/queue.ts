/** Turns descriptors of a guest's VT-d invalidation queue into entries of stage 1 invalidation arrays. */
import {
	iommu_hwpt_invalidate_data_type as DATA,
	iommu_hwpt_vtd_s1_invalidate as ENTRY,
	iommu_hwpt_vtd_s1_invalidate_flags as FLAG,
} from "../../../../structs/index.js";
import {
	decodeVtdDescriptor,
	encodeVtdDescriptor,
	VTD_DESCRIPTORS,
	type VtdDescriptor,
	type VtdDescriptorName,
	vtdRange,
} from "../../../formats/vtd/descriptors.js";
import type { Fate, GuestQueue, Judged, QueueResponse, Targets } from "../guest-queue.js";
import { vtdInvalidations } from "./invalidations.js";

const ALL_PAGES = (1n << 64n) - 1n;

export const vtdQueue: GuestQueue = {
	about: "VT-d descriptors (128 or 256 bits)",
	sizes: [16, 32],
	names: Object.keys(VTD_DESCRIPTORS),
	encode: (name, fields, size) => encodeVtdDescriptor(name as VtdDescriptorName, fields, size as 16 | 32),
	forward(bytes, targets) {
		const descriptor = decodeVtdDescriptor(bytes);
		const { name, type, fields } = descriptor;
		return {
			name: name ?? `type ${type}`,
			fields,
			fate: fateOf(descriptor, targets),
			waits: name === "WAIT",
			// Invalidation Queue Error: the head stays at the descriptor until software clears the error
			stops: descriptor.invalid === undefined ? undefined : "IQE",
			status: statusOf(descriptor),
			response: responseOf(descriptor),
		};
	},
	// after a time-out no descriptor is fetched until software clears ITE, and waits that are pending are aborted
	completionErrors: { ITE: { name: "ITE", stops: true }, ICE: { name: "ICE", stops: false } },
	invalidations: (bytes) => vtdInvalidations(decodeVtdDescriptor(bytes)),
	target: "hwpt",
	maps: true,
	array: { type: DATA.IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, entryLength: ENTRY.size },
};

/** SW: the status data goes to the status address. */
function statusOf({ name, fields }: VtdDescriptor): Judged["status"] {
	if (name !== "WAIT" || fields.status_write !== 1n || !fields.status_address) return undefined;
	return { address: fields.status_address, data: new Uint8Array(Uint32Array.of(Number(fields.status_data ?? 0n)).buffer) };
}

const CODES: Readonly<Record<number, QueueResponse["code"]>> = { 0: "success", 1: "invalid", 15: "failure" };

function responseOf({ name, fields, invalid }: VtdDescriptor): QueueResponse | undefined {
	if (name !== "PAGE_GROUP_RESPONSE" || invalid !== undefined) return undefined;
	const n = (field: string) => Number(fields[field] ?? 0n);
	return { rid: n("rid"), pasid: n("pasid_present") ? n("pasid") : undefined, group: n("group"), code: CODES[n("code")] ?? "failure" };
}

/** A VT-d descriptor as an entry of a stage 1 invalidation array, if it is one. */
function fateOf(descriptor: VtdDescriptor, targets: Targets): Fate {
	const { name, fields, invalid } = descriptor;
	if (invalid !== undefined) return { kind: "lost", why: `the hardware would stop its queue here: ${invalid}` };
	const n = (field: string) => Number(fields[field] ?? 0n);
	switch (name) {
		case "IOTLB": {
			if (n("granularity") === 1) return entryFor(descriptor, everyTarget(targets), "it applies to every domain");
			return entryFor(descriptor, targets.domains.get(n("did")) ?? otherwise(targets), `domain ${n("did")}`);
		}
		case "PASID_IOTLB": {
			const known = targets.pasids.get(n("pasid")) ?? targets.domains.get(n("did")) ?? otherwise(targets);
			return entryFor(descriptor, known, `PASID ${n("pasid")} of domain ${n("did")}`);
		}
		case "DEVICE_TLB":
		case "PASID_DEVICE_TLB":
			return { kind: "covered", why: "the kernel flushes device TLBs along with every stage 1 entry" };
		case "PASID_CACHE":
			return { kind: "vmm", why: "a changed PASID table entry needs a new nested page table: allocate and attach it" };
		case "CONTEXT_CACHE":
			return { kind: "vmm", why: "a changed context entry changes the attachment: attach or detach the device" };
		case "WAIT":
			return { kind: "vmm", why: "the VMM writes the status, or raises the interrupt, once everything before it is done" };
		case "PAGE_GROUP_RESPONSE":
			return { kind: "vmm", why: `it answers page request group ${n("group")}: use fault respond with the group's cookie` };
		default:
			return { kind: "lost", why: "iommufd does not handle interrupt remapping" };
	}
}

const otherwise = ({ otherwise: id }: Targets): readonly number[] => (id === undefined ? [] : [id]);

function everyTarget(targets: Targets): readonly number[] {
	return [...new Set([...otherwise(targets), ...[...targets.pasids.values(), ...targets.domains.values()].flat()])];
}

function entryFor(descriptor: VtdDescriptor, targets: readonly number[], who: string): Fate {
	if (targets.length === 0) return { kind: "lost", why: `no page table is known for it (${who}); --hwpt or --map names one` };
	const { ih = 0n, granularity = 0n } = descriptor.fields;
	const { first, last } = vtdRange(descriptor);
	const pages = granularity === 3n ? (last - first + 1n) >> 12n : ALL_PAGES;
	const everything = pages >> 52n !== 0n;
	const bytes = ENTRY.encode({
		addr: everything ? 0n : first,
		npages: everything ? ALL_PAGES : pages,
		// the guest's hint that no table but the last level changed
		flags: ih === 1n ? FLAG.IOMMU_VTD_INV_FLAGS_LEAF : 0,
	});
	return targets.length === 1 ? { kind: "entry", target: targets[0], bytes } : { kind: "entries", targets, bytes };
}
