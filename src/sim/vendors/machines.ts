/** The board's functions with all vendors as the default. */
import { builtinMachines } from "../board/builtin.js";
import type { Machine } from "../board/description.js";
import * as draw from "../board/draw.js";
import * as parse from "../board/parse.js";
import type { Topology } from "../board/topology.js";
import * as trace from "../board/trace-header.js";
import type { BoardVendor, ProbedUnit } from "../board/vendor.js";
import { vendors as all } from "./registry.js";

type Vendors = readonly BoardVendor[];

/** The built-in machines by name, in the form of machine files. */
export const BUILTIN_MACHINES = builtinMachines(all);

export const checkMachine = (raw: unknown, vendors: Vendors = all): Machine => parse.checkMachine(raw, vendors);

export const parseMachine = (text: string, file: string, vendors: Vendors = all): Promise<Machine> =>
	parse.parseMachine(text, file, vendors);

export const loadMachine = (nameOrFile: string, folder = ".", vendors: Vendors = all): Promise<Machine> =>
	parse.loadMachine(nameOrFile, folder, vendors);

export const machineFromTraceHeader = (header: unknown, vendors: Vendors = all): Machine | undefined =>
	trace.machineFromTraceHeader(header, vendors);

export const machineFile = (machine: Machine, vendors: Vendors = all): Record<string, unknown> => draw.machineFile(machine, vendors);

export const machineJson = (machine: Machine, topology: Topology, vendors: Vendors = all): Record<string, unknown> =>
	draw.machineJson(machine, topology, vendors);

export const drawTree = (machine: Machine, topology: Topology, vendors: Vendors = all): string => draw.drawTree(machine, topology, vendors);

/** A unit below /sys/class/iommu in the form of a machine file, as the vendor that knows it reads it; undefined: none does. */
export function probedUnit(unit: ProbedUnit, vendors: Vendors = all): Readonly<Record<string, unknown>> | undefined {
	for (const { probe } of vendors) {
		const found = probe?.(unit);
		if (found !== undefined) return found;
	}
	return undefined;
}

export { drawDot, drawMermaid } from "../board/draw.js";
