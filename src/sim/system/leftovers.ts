import type { Sim } from "./sim.js";

/** What is still there of a simulated kernel's programs when all of them have ended, in words; nothing is right. */
export function leftovers(sim: Sim): string[] {
	const found: string[] = [];
	for (const context of sim.contexts) {
		const objects = [...context.objects].map(({ type, id }) => `${type} ${id}`);
		found.push(`a context is still held${objects.length > 0 ? `, with ${objects.join(", ")}` : ""}`);
	}
	if (sim.physical.pinned) found.push("pages are still pinned");
	for (const { name, boundTo, group } of sim.hardware?.devices.values() ?? []) {
		if (boundTo !== undefined) found.push(`${name} is still bound`);
		if (group.attached.size > 0) found.push(`group ${group.id} is still attached`);
	}
	return found;
}
