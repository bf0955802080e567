/** Derives IOMMU groups and requester IDs from a machine's buses and bridges. */
import { type Bdf, busOf, formatBdf, formatRid, functionOf, makeBdf, ridOf, segmentOf, slotOf } from "./bdf.js";
import type { Bridge, Machine, MediatedDevice, PciDevice, SiovDevice } from "./description.js";
import { MachineError } from "./fields.js";

/** What an IOMMU group holds. Emulated groups (mediated devices) have no IOMMU. */
export interface Group {
	readonly number: number;
	readonly devices: readonly PciDevice[];
	readonly bridges: readonly Bridge[];
	readonly siov: readonly SiovDevice[];
	readonly mdevs: readonly MediatedDevice[];
}

/** How a function appears on the wire. */
export interface Requester {
	/** every requester ID its transactions may carry: its own first, the outermost bridge's last */
	readonly rids: readonly number[];
	/** the one the IOMMU sees */
	readonly wire: number;
	/** the wire ID is its own: otherwise PASIDs and page requests cannot be attributed to it */
	readonly own: boolean;
}

export interface Topology {
	readonly groups: readonly Group[];
	groupOf(bdf: Bdf): Group;
	groupOfSiov(device: SiovDevice): Group;
	groupOfMdev(device: MediatedDevice): Group;
	requester(bdf: Bdf): Requester;
	/** the bridge above a function; none on a root bus */
	bridgeAbove(bdf: Bdf): Bridge | undefined;
}

/** Disjoint sets that can be joined; the smallest index represents each. */
class Unions {
	readonly #parent: number[] = [];
	add(): number {
		return this.#parent.push(this.#parent.length) - 1;
	}
	find(i: number): number {
		while (this.#parent[i] !== i) {
			this.#parent[i] = this.#parent[this.#parent[i]];
			i = this.#parent[i];
		}
		return i;
	}
	join(a: number, b: number): void {
		const [x, y] = [this.find(a), this.find(b)];
		this.#parent[Math.max(x, y)] = Math.min(x, y);
	}
}

/** Groups and requester IDs of a machine. Throws a MachineError if stated groups contradict each other. */
export function buildTopology(machine: Machine): Topology {
	const above = new Map<number, Bridge>();
	machine.bridges.forEach((bridge, i) => {
		const key = segmentOf(bridge.bdf) * 256 + bridge.secondary;
		if (above.has(key)) throw new MachineError(["bridges", i, "secondary"], `bus ${bridge.secondary} is already below another bridge`);
		above.set(key, bridge);
	});
	const bridgeAbove = (bdf: Bdf) => above.get(segmentOf(bdf) * 256 + busOf(bdf));
	machine.bridges.forEach((bridge, i) => {
		let steps = 0;
		for (let b = bridgeAbove(bridge.bdf); b; b = bridgeAbove(b.bdf))
			if (++steps > 256) throw new MachineError(["bridges", i], "is below itself");
	});

	const requesters = new Map<Bdf, Requester>();
	const requester = (bdf: Bdf): Requester => {
		let known = requesters.get(bdf);
		if (!known) {
			known = findRequester(bdf, bridgeAbove, devices.get(bdf)?.function0Rid ?? false);
			requesters.set(bdf, known);
		}
		return known;
	};

	const devices = new Map(machine.devices.map((d) => [d.bdf, d]));
	const bridges = new Map(machine.bridges.map((b) => [b.bdf, b]));
	const index = new Map<Bdf, number>();
	const unions = new Unions();
	const functions = [...devices.keys(), ...bridges.keys()].sort((a, b) => a - b);
	for (const bdf of functions) index.set(bdf, unions.add());
	const at = (bdf: Bdf): number => index.get(bdf) as number;

	const byWire = new Map<string, Bdf>();
	const bySlot = new Map<Bdf, Bdf>();
	for (const bdf of functions) {
		const device = devices.get(bdf);
		// no IOMMU translates for it, so none can confuse it with another device (no-IOMMU mode)
		if (device && device.iommu === undefined) continue;
		const { rids } = requester(bdf);
		for (const rid of rids) {
			const key = `${segmentOf(bdf)}:${rid}`;
			const other = byWire.get(key);
			if (other !== undefined) unions.join(at(other), at(bdf));
			else byWire.set(key, bdf);
		}
		const acs = device ? device.acs : (bridges.get(bdf)?.acs ?? false);
		if (!acs) {
			const mate = bySlot.get(slotOf(bdf));
			if (mate !== undefined) unions.join(at(mate), at(bdf));
			else bySlot.set(slotOf(bdf), bdf);
		}
		// devices below a bridge without access control can reach the bridge's other side
		const bridge = bridgeAbove(bdf);
		if (bridge && !bridge.acs) unions.join(at(bridge.bdf), at(bdf));
	}

	return assemble(machine, functions, (bdf) => unions.find(at(bdf)), requester, bridgeAbove);
}

function findRequester(bdf: Bdf, bridgeAbove: (bdf: Bdf) => Bridge | undefined, function0Rid: boolean): Requester {
	const own = ridOf(bdf);
	const rids = [own];
	if (function0Rid && functionOf(bdf) !== 0) rids.push(ridOf(slotOf(bdf)));
	for (let bridge = bridgeAbove(bdf); bridge; bridge = bridgeAbove(bridge.bdf)) {
		if (bridge.type === "pcie-to-pci") rids.push(ridOf(makeBdf(0, bridge.secondary, 0, 0)));
		else if (bridge.type === "pci") rids.push(ridOf(bridge.bdf));
	}
	const wire = rids[rids.length - 1];
	return { rids: [...new Set(rids)], wire, own: wire === own };
}

interface Draft {
	devices: PciDevice[];
	bridges: Bridge[];
	siov: SiovDevice[];
	mdevs: MediatedDevice[];
	stated?: number;
}

const emptyDraft = (): Draft => ({ devices: [], bridges: [], siov: [], mdevs: [] });

function assemble(
	machine: Machine,
	functions: readonly Bdf[],
	rootOf: (bdf: Bdf) => number,
	requester: (bdf: Bdf) => Requester,
	bridgeAbove: (bdf: Bdf) => Bridge | undefined,
): Topology {
	const drafts = new Map<number | string, Draft>();
	const draftOf = (key: number | string): Draft => {
		let draft = drafts.get(key);
		if (!draft) {
			draft = emptyDraft();
			drafts.set(key, draft);
		}
		return draft;
	};
	// by address, so that the numbers do not depend on the order in the file
	const order = new Map(functions.map((bdf, i) => [bdf, i]));
	const state = (draft: Draft, it: PciDevice | Bridge, list: string, i: number) => {
		if (it.group === undefined) return;
		if (draft.stated !== undefined && draft.stated !== it.group)
			throw new MachineError([list, i, "group"], `${formatBdf(it.bdf)} cannot be told apart from a member of group ${draft.stated}`);
		draft.stated = it.group;
	};
	for (const bdf of functions) draftOf(rootOf(bdf));
	machine.bridges.forEach((bridge, i) => {
		const draft = draftOf(rootOf(bridge.bdf));
		draft.bridges.push(bridge);
		state(draft, bridge, "bridges", i);
	});
	machine.devices.forEach((device, i) => {
		const draft = draftOf(rootOf(device.bdf));
		draft.devices.push(device);
		state(draft, device, "devices", i);
	});
	const siovKey = (s: SiovDevice): number | string => (requester(s.parent).own ? `${s.parent}/${s.pasid}` : rootOf(s.parent));
	for (const s of machine.siov) draftOf(siovKey(s)).siov.push(s);
	for (const m of machine.mdevs) draftOf(`mdev ${m.name}`).mdevs.push(m);

	const taken = new Map<number, Draft>();
	for (const draft of drafts.values()) {
		if (draft.stated === undefined) continue;
		if (taken.has(draft.stated)) {
			const i = machine.devices.findIndex((d) => draft.devices.includes(d));
			throw new MachineError(["devices", i, "group"], `group ${draft.stated} belongs to another device, from which this one is isolated`);
		}
		taken.set(draft.stated, draft);
	}
	let next = 0;
	const groups = new Map<number | string, Group>();
	for (const [key, draft] of drafts) {
		let number = draft.stated;
		if (number === undefined) {
			// mediated devices come last, after the bus scan
			if (draft.mdevs.length > 0) next = Math.max(next, ...[...taken.keys()].map((n) => n + 1));
			while (taken.has(next)) next++;
			number = next++;
		}
		draft.devices.sort((a, b) => (order.get(a.bdf) ?? 0) - (order.get(b.bdf) ?? 0));
		groups.set(key, { ...draft, number });
	}
	const need = (key: number | string): Group => {
		const group = groups.get(key);
		if (!group) throw new Error(`no group for ${key}`);
		return group;
	};
	return {
		groups: [...groups.values()].sort((a, b) => a.number - b.number),
		groupOf: (bdf) => need(rootOf(bdf)),
		groupOfSiov: (s) => need(siovKey(s)),
		groupOfMdev: (m) => need(`mdev ${m.name}`),
		requester,
		bridgeAbove,
	};
}

/** The devices that may have sent a transaction with a given requester ID and PASID. */
export interface Senders {
	readonly devices: readonly PciDevice[];
	readonly siov: readonly SiovDevice[];
	/** why they cannot be told apart, if there is more than one */
	readonly why?: string;
}

/**
 * Attributes a requester ID, as the IOMMU sees it, and a PASID. A mediated device backed by
 * software is never among the answers: the IOMMU sees its accesses as the host's.
 */
export function whoSends(machine: Machine, topology: Topology, segment: number, rid: number, pasid?: number): Senders {
	const devices = machine.devices.filter((d) => segmentOf(d.bdf) === segment && topology.requester(d.bdf).wire === rid);
	const siov = machine.siov.filter((s) => pasid !== undefined && s.pasids.includes(pasid) && devices.some((d) => d.bdf === s.parent));
	if (devices.length > 1) {
		const names = devices.map((d) => formatBdf(d.bdf)).join(", ");
		return { devices, siov, why: `${names} all send the requester ID ${formatRid(rid)}` };
	}
	if (siov.length > 1) {
		const names = siov.map((s) => s.name).join(", ");
		return { devices, siov, why: `${names} share requester ID ${formatRid(rid)} and PASID ${pasid}` };
	}
	return { devices, siov };
}
