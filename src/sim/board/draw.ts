/** Draws a machine as a picture, and writes it back as a machine file. */

import { hex } from "../../formats/bits.js";
import { type Bdf, busOf, formatBdf, formatRid, ridOf, segmentOf } from "./bdf.js";
import type { Bridge, Iommu, Machine, PciDevice, ReservedRegion } from "./description.js";
import { featuresFile } from "./pci-features.js";
import type { Topology } from "./topology.js";
import { type BoardVendor, vendorOf } from "./vendor.js";

/** One node of the picture: a bus, a bridge, a device, a virtual device. */
interface Node {
	readonly id: string;
	readonly text: string;
	/** of the Mermaid and DOT nodes */
	readonly shape: "bus" | "bridge" | "device" | "virtual" | "iommu";
	readonly group?: number;
	readonly iommu?: string;
	readonly children: Node[];
}

/** The machine as a tree for a terminal: IOMMUs, then buses with what is on them. */
export function drawTree(machine: Machine, topology: Topology, vendors: readonly BoardVendor[]): string {
	const lines = [`machine ${machine.name}${machine.about ? `: ${machine.about}` : ""}`];
	for (const iommu of machine.iommus) {
		const vendor = vendorOf(vendors, iommu.kind);
		lines.push(`iommu ${iommu.name}: ${vendor.describe(iommu)}`);
		for (const quirk of iommu.quirks) lines.push(`  quirk ${quirk}: ${vendor.quirks?.[quirk]}`);
	}
	const draw = (nodes: readonly Node[], indent: string) => {
		nodes.forEach((node, i) => {
			const last = i === nodes.length - 1;
			const group = node.group === undefined ? "" : `  [group ${node.group}]`;
			const iommu = node.iommu === undefined ? "" : `  via ${node.iommu}`;
			lines.push(`${indent}${last ? "└─ " : "├─ "}${node.text}${group}${iommu}`);
			draw(node.children, `${indent}${last ? "   " : "│  "}`);
		});
	};
	draw(nodesOf(machine, topology), "");
	return `${lines.join("\n")}\n`;
}

export function drawMermaid(machine: Machine, topology: Topology): string {
	const open = { bus: "{{", bridge: "[/", device: "[", virtual: "(", iommu: "[(" };
	const close = { bus: "}}", bridge: "/]", device: "]", virtual: ")", iommu: ")]" };
	const lines = ["graph TD"];
	const edges: string[] = [];
	for (const i of machine.iommus) lines.push(`  ${safe(i.name)}[("${quote(`${i.name}: ${i.kind}`)}")]`);
	const groups = collect(nodesOf(machine, topology), (node, parent) => {
		if (parent) edges.push(`  ${parent.id} --- ${node.id}`);
		if (node.iommu) edges.push(`  ${node.id} -.-> ${safe(node.iommu)}`);
	});
	for (const [group, nodes] of groups) {
		const indent = group === undefined ? "  " : "    ";
		if (group !== undefined) lines.push(`  subgraph g${group}["group ${group}"]`);
		for (const n of nodes) lines.push(`${indent}${n.id}${open[n.shape]}"${quote(n.text)}"${close[n.shape]}`);
		if (group !== undefined) lines.push("  end");
	}
	return `${[...lines, ...edges].join("\n")}\n`;
}

export function drawDot(machine: Machine, topology: Topology): string {
	const shape = { bus: "hexagon", bridge: "parallelogram", device: "box", virtual: "ellipse", iommu: "cylinder" };
	const lines = [`digraph "${quote(machine.name)}" {`, "  edge [dir=none];"];
	const edges: string[] = [];
	for (const i of machine.iommus) lines.push(`  ${safe(i.name)} [shape=cylinder, label="${quote(`${i.name}: ${i.kind}`)}"];`);
	const groups = collect(nodesOf(machine, topology), (node, parent) => {
		if (parent) edges.push(`  ${parent.id} -> ${node.id};`);
		if (node.iommu) edges.push(`  ${node.id} -> ${safe(node.iommu)} [style=dashed, dir=forward];`);
	});
	for (const [group, nodes] of groups) {
		if (group !== undefined) lines.push(`  subgraph cluster_${group} { label="group ${group}";`);
		for (const n of nodes) lines.push(`    ${n.id} [shape=${shape[n.shape]}, label="${quote(n.text)}"];`);
		if (group !== undefined) lines.push("  }");
	}
	return `${[...lines, ...edges, "}"].join("\n")}\n`;
}

/** The machine as a document of schema iommuctl.machine, which is a valid machine file too. */
export function machineJson(machine: Machine, topology: Topology, vendors: readonly BoardVendor[]): Record<string, unknown> {
	return {
		schema: "iommuctl.machine",
		version: 1,
		...machineFile(machine, vendors),
		groups: topology.groups.map((g) => ({
			number: g.number,
			emulated: g.mdevs.length > 0,
			members: [
				...[...g.devices, ...g.bridges].map((d) => {
					const { rids, wire } = topology.requester(d.bdf);
					return { bdf: formatBdf(d.bdf), requester_ids: rids.map(formatRid), wire: formatRid(wire) };
				}),
				...g.siov.map((s) => ({ siov: s.name, parent: formatBdf(s.parent), pasid: s.pasid })),
				...g.mdevs.map((m) => ({ mdev: m.name })),
			],
		})),
	};
}

/** The machine in the form of its file; fields at their default are left out. */
export function machineFile(machine: Machine, vendors: readonly BoardVendor[]): Record<string, unknown> {
	const optional = (o: Record<string, unknown>) =>
		Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined && v !== false && v !== 0));
	const { kernel } = machine;
	return {
		name: machine.name,
		...(machine.about ? { about: machine.about } : {}),
		arch: machine.arch,
		kernel: {
			unsafe_interrupts: kernel.unsafeInterrupts,
			sriov: kernel.sriov,
			noiommu: kernel.noiommu,
			...kernel.vendor,
		},
		iommus: machine.iommus.map((iommu) => iommuFile(iommu, vendorOf(vendors, iommu.kind))),
		bridges: machine.bridges.map((b) => ({
			bdf: formatBdf(b.bdf),
			type: b.type,
			secondary: b.secondary,
			acs: b.acs,
			...(b.group === undefined ? {} : { group: b.group }),
		})),
		devices: machine.devices.map((d) => ({
			bdf: formatBdf(d.bdf),
			...(d.role ? { role: d.role } : {}),
			vendor: hex(d.vendor, 4),
			device: hex(d.device, 4),
			model: d.model,
			...(d.features ? { pci: featuresFile(d.features) } : {}),
			...(d.iommu ? { iommu: d.iommu } : {}),
			driver: d.driver ?? "none",
			...(d.vfio === undefined ? {} : { vfio: d.vfio }),
			...optional({ pasid_width: d.pasidWidth, ats: d.ats, pri: d.pri, stall: d.stall, function0_rid: d.function0Rid }),
			acs: d.acs,
			...(d.pf === undefined ? {} : { pf: formatBdf(d.pf) }),
			...(d.group === undefined ? {} : { group: d.group }),
			...(d.reserved.length ? { reserved: d.reserved.map(reservedFile) } : {}),
		})),
		siov: machine.siov.map(({ name, parent, pasid, pasids, vfio }) => ({
			name,
			parent: formatBdf(parent),
			...(pasids.length > 1 ? { pasids: [...pasids] } : { pasid }),
			vfio,
		})),
		mdevs: machine.mdevs.map((m) => ({
			name: m.name,
			...(m.parent === undefined ? {} : { parent: formatBdf(m.parent) }),
			vfio: m.vfio,
		})),
	};
}

function reservedFile(r: ReservedRegion): Record<string, unknown> {
	return { first: hex(r.first), last: hex(r.last), type: r.type };
}

function iommuFile(iommu: Iommu, vendor: BoardVendor): Record<string, unknown> {
	const caches = Object.entries(iommu.caches).filter(([, entries]) => entries !== undefined);
	const queues = Object.entries(iommu.queues).filter(([, entries]) => entries !== undefined);
	return {
		name: iommu.name,
		kind: iommu.kind,
		...vendor.file(iommu),
		...(caches.length ? { caches: Object.fromEntries(caches) } : {}),
		...(queues.length ? { queues: Object.fromEntries(queues) } : {}),
		...(iommu.quirks.length ? { quirks: [...iommu.quirks] } : {}),
		...(iommu.reserved.length ? { reserved: iommu.reserved.map(reservedFile) } : {}),
	};
}

/** The roots of the picture: root buses, and the mediated devices without a parent. */
function nodesOf(machine: Machine, topology: Topology): Node[] {
	const onBus = new Map<number, (PciDevice | Bridge)[]>();
	const busKey = (bdf: Bdf) => segmentOf(bdf) * 256 + busOf(bdf);
	for (const it of [...machine.devices, ...machine.bridges].sort((a, b) => a.bdf - b.bdf)) {
		const list = onBus.get(busKey(it.bdf));
		if (list) list.push(it);
		else onBus.set(busKey(it.bdf), [it]);
	}
	const children = (segment: number, bus: number): Node[] =>
		(onBus.get(segment * 256 + bus) ?? []).map((it) => ("secondary" in it ? bridgeNode(it) : deviceNode(it)));
	const bridgeNode = (b: Bridge): Node => ({
		id: safe(`b${formatBdf(b.bdf)}`),
		text: `${formatBdf(b.bdf)} ${b.type}, bus ${b.secondary.toString(16).padStart(2, "0")}${b.acs ? "" : ", no ACS"}`,
		shape: "bridge",
		group: topology.groupOf(b.bdf).number,
		children: children(segmentOf(b.bdf), b.secondary),
	});
	const deviceNode = (d: PciDevice): Node => ({
		id: safe(`d${formatBdf(d.bdf)}`),
		text: deviceText(d, topology),
		shape: "device",
		group: topology.groupOf(d.bdf).number,
		iommu: d.iommu,
		children: [
			...machine.siov
				.filter((s) => s.parent === d.bdf)
				.map(
					(s): Node => ({
						id: safe(`s${s.name}`),
						text: `vfio${s.vfio} ${s.name}: ${s.pasids.length > 1 ? "PASIDs" : "PASID"} ${s.pasids.map((pasid) => hex(pasid)).join(", ")} of its parent (SIOV)`,
						shape: "virtual",
						group: topology.groupOfSiov(s).number,
						children: [],
					}),
				),
			...machine.mdevs.filter((m) => m.parent === d.bdf).map(mdevNode),
		],
	});
	const mdevNode = (m: Machine["mdevs"][number]): Node => ({
		id: safe(`m${m.name}`),
		text: `vfio${m.vfio} ${m.name}: mediated, backed by software`,
		shape: "virtual",
		group: topology.groupOfMdev(m).number,
		children: [],
	});
	const roots: Node[] = [];
	for (const [key, list] of onBus) {
		if (topology.bridgeAbove(list[0].bdf)) continue;
		const [segment, bus] = [Math.floor(key / 256), key % 256];
		const name = formatBdf(list[0].bdf).slice(0, 7);
		roots.push({ id: safe(`bus${name}`), text: `bus ${name}`, shape: "bus", children: children(segment, bus) });
	}
	return [...roots, ...machine.mdevs.filter((m) => m.parent === undefined).map(mdevNode)];
}

function deviceText(d: PciDevice, topology: Topology): string {
	const { wire, own, rids } = topology.requester(d.bdf);
	const parts = [`${formatBdf(d.bdf)} ${d.model}`];
	if (d.role) parts.push(`(${d.role})`);
	parts.push(d.vfio === undefined ? `driver ${d.driver ?? "none"}` : `vfio${d.vfio}`);
	if (d.pf !== undefined) parts.push(`VF of ${formatRid(ridOf(d.pf))}`);
	if (d.pasidWidth) parts.push(`PASID ${d.pasidWidth} bits`);
	if (d.ats) parts.push("ATS");
	if (d.pri) parts.push(`PRI ${d.pri}`);
	if (d.stall) parts.push("stall");
	if (!own) parts.push(`requester ID on the wire ${formatRid(wire)}`);
	else if (rids.length > 1) parts.push(`also sends ${rids.slice(1).map(formatRid).join(", ")}`);
	return parts.join(" ");
}

/** Nodes by group in order of appearance; calls `visit` with each node and its parent. */
function collect(roots: readonly Node[], visit: (node: Node, parent?: Node) => void): Map<number | undefined, Node[]> {
	const groups = new Map<number | undefined, Node[]>();
	const walk = (nodes: readonly Node[], parent?: Node) => {
		for (const node of nodes) {
			const list = groups.get(node.group);
			if (list) list.push(node);
			else groups.set(node.group, [node]);
			visit(node, parent);
			walk(node.children, node);
		}
	};
	walk(roots);
	return groups;
}

const safe = (text: string): string => text.replace(/[^a-z0-9]/gi, "_");
const quote = (text: string): string => text.replace(/"/g, "'");
