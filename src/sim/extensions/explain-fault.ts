/** Explains which device a fault belongs to, and which queue gets it. */
import { formatBdf, formatRid } from "../board/bdf.js";
import { whoSends } from "../board/topology.js";
import type { IommufdContext } from "../iommufd/context.js";
import { Device } from "../iommufd/device.js";
import { Hwpt } from "../iommufd/hwpt.js";
import type { Sim } from "../system/sim.js";
import type { HwDevice } from "../vendors/common/device.js";
import { GuestTable } from "./guest-table.js";
import { foreignOwner, lookAlike } from "./pasid-space.js";

/** A device that may have caused a fault, and where the fault is reported. */
export interface FaultOwner {
	readonly name: string;
	/** its file in /dev/vfio/devices */
	readonly node: string | undefined;
	readonly group: number;
	/** "function", or one PASID of it */
	readonly kind: "function" | "siov";
	/** undefined: bound to no context */
	readonly bound: { readonly context: number; readonly deviceId: number } | undefined;
	readonly vdevice: { readonly id: number; readonly virtId: bigint; readonly viommu: number } | undefined;
	/** the page table that the PASID is attached to; of a guest's whole PASID table, the one beneath it */
	readonly hwpt: number | undefined;
	/** the guest's whole PASID table that has the PASID */
	readonly guestTable: number | undefined;
	/** where its page requests go */
	readonly faultQueue: number | undefined;
	/** where its other faults go: event queues of its virtual IOMMU, by type */
	readonly eventQueues: readonly { readonly type: number; readonly id: number }[];
}

export interface FaultExplanation {
	readonly segment: number;
	readonly rid: number;
	readonly pasid: number | undefined;
	readonly owners: readonly FaultOwner[];
	/** there is exactly one owner, so the fault is attributed */
	readonly attributed: boolean;
	/** why it is not attributed, or what else is worth knowing */
	readonly why: readonly string[];
}

/** Attributes a fault by requester ID and PASID, as the first /dev/iommu proposal (2021) wants it. */
export function explainFault(sim: Sim, segment: number, rid: number, pasid: number | undefined): FaultExplanation {
	const why: string[] = [];
	const { hardware } = sim;
	if (hardware === undefined) return { segment, rid, pasid, owners: [], attributed: false, why: ["the machine has no devices"] };
	const { machine, topology, devices, parts } = hardware;
	const senders = whoSends(machine, topology, segment, rid, pasid);
	const hw = (list: readonly (HwDevice | undefined)[]) => list.filter((each) => each !== undefined);
	const functions = hw(senders.devices.map((device) => devices.get(device.bdf)));
	const virtual = hw(senders.siov.map((device) => parts.get(device)));
	if (senders.why !== undefined && senders.devices.length > 1)
		why.push(`${senders.why}: they cannot be told apart, so they form one group`);
	// a PASID that was carved out, or given to a virtual device, belongs to that and not to the parent
	const taken =
		pasid === undefined ? undefined : functions.map((device) => foreignOwner(device, pasid)).find((owner) => owner !== undefined);
	const found = virtual.length > 0 ? virtual : taken !== undefined ? [taken] : functions;
	// of those that look the same to the IOMMU in one context, the first one gets the report, and its answer serves all
	const [first] = found.filter(({ boundTo }) => boundTo !== undefined);
	const alike = first === undefined ? [] : found.filter((other) => other !== first && lookAlike(first, other));
	if (alike.length > 0)
		why.push(
			`${[first, ...alike].map(({ name }) => name).join(", ")} look the same to the IOMMU: a request of either is reported once, for the first, and the answer serves both`,
		);
	const owners = found.filter((device) => !alike.includes(device)).map((device) => ownerOf(sim, device, pasid));
	const unseen = senders.devices.filter((device) => !devices.has(device.bdf));
	for (const device of unseen) why.push(`${formatBdf(device.bdf)} sends it too, but no IOMMU translates for it`);
	if (owners.length === 0 && unseen.length === 0)
		why.push(`no device sends requester ID ${formatRid(rid)} in segment ${segment.toString(16).padStart(4, "0")}`);
	if (machine.mdevs.length > 0)
		why.push(`${machine.mdevs.map(({ name }) => name).join(", ")}: backed by software, so its accesses never fault through the IOMMU`);
	const [only] = owners;
	if (owners.length === 1 && only.bound === undefined) why.push(`${only.name} is not bound to a context: its faults go to the kernel log`);
	if (owners.length === 1 && only.bound !== undefined && only.faultQueue === undefined)
		why.push(
			only.hwpt === undefined && only.guestTable === undefined
				? "no page table is attached for it: page requests are answered INVALID"
				: "its page table has no fault queue: page requests are answered INVALID",
		);
	return { segment, rid, pasid, owners, attributed: owners.length === 1, why };
}

function ownerOf(sim: Sim, device: HwDevice, pasid: number | undefined): FaultOwner {
	const object = device.boundTo instanceof Device ? device.boundTo : undefined;
	const { group, pasidTable, part } = device;
	const own = group.attached.get(0);
	const sent = part !== undefined && pasid === part.pasid ? undefined : pasid;
	const table = pasidTable instanceof GuestTable && (sent === undefined || pasidTable.covers(sent)) ? pasidTable : undefined;
	const route = pasidTable === undefined ? undefined : pasidTable.route(device, sent);
	const handle =
		pasidTable !== undefined
			? table && own
			: (group.attached.get(sent ?? 0) ?? (own && device.iommu.driver.guestOwnsPasids?.(own.domain) ? own : undefined));
	const hwpt = object && handle && hwptOf(object.context, handle.domain);
	const vdevice = object?.vdevice;
	return {
		name: device.name,
		node: nodeOf(sim, device),
		group: device.group.id,
		kind: device.part === undefined ? "function" : "siov",
		bound: object && { context: contextNumber(sim, object.context), deviceId: object.id },
		vdevice: vdevice && { id: vdevice.id, virtId: vdevice.virtId, viommu: vdevice.viommu.id },
		hwpt: hwpt?.id,
		guestTable: table?.id,
		faultQueue: table?.queue !== undefined && route !== undefined ? table.queue.id : hwpt?.faultQueue?.id,
		eventQueues: vdevice ? [...vdevice.viommu.eventQueues.values()].map((queue) => ({ type: queue.eventType, id: queue.id })) : [],
	};
}

function hwptOf(context: IommufdContext, domain: object): Hwpt | undefined {
	for (const object of context.objects) if (object instanceof Hwpt && object.domain === domain) return object;
	return undefined;
}

function nodeOf(sim: Sim, device: HwDevice): string | undefined {
	for (const [node, each] of sim.vfio?.devices ?? []) if (each.iommu === device) return node;
	return undefined;
}

/** The number of a context: they count from 1 in the order in which they were opened. */
export function contextNumber(sim: Sim, context: IommufdContext): number {
	return [...sim.contexts].indexOf(context) + 1;
}
