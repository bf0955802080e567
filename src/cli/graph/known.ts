/** Picks the source of what is known about a kernel's objects. */
import type { KernelHandle } from "../frame/kernel-choice.js";
import type { Known } from "./model.js";

/** What is known of a kernel's objects: of the simulated one everything, of the real one what was made here. */
export async function knownHere(handle: KernelHandle): Promise<Known> {
	if (handle.sim) return (await import("./from-sim.js")).knownOf(handle.sim);
	return handle.known ?? { source: "recorded", contexts: () => [], ioas: () => undefined };
}

export const sourceNote = "the real kernel does not list its objects: these are the ones made here";
