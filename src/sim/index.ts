import { Sim } from "./sim.js";

export interface SimOptions {
	/** the header of a trace: the machine is made as it says */
	readonly header?: unknown;
}

/** A fresh simulated kernel. */
export function createSim(_options: SimOptions = {}): Sim {
	return new Sim();
}

export type { Sim } from "./sim.js";
export type { SimProcess } from "./process.js";
