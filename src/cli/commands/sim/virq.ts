/** `virq`: event queues as proposed in 2024. */
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import veventq from "../uapi/veventq.js";

/** Words of 2024-12 and what they are today. */
const renamed = (text: string): string =>
	text.replaceAll("veventq", "virq").replace(/(?:\ban )?event queue/g, (found) => `${found.startsWith("an") ? "a " : ""}virtual IRQ queue`);

/** The struct of 2024 had neither depth nor any type but SMMUv3's to give. */
function asToday(inv: Invocation): Invocation {
	return { ...inv, options: { type: "ARM_SMMUV3", veventqDepth: "256", ...inv.options } };
}

const family: Family = {
	name: "virq",
	details: "What was proposed in 2024-12 as virtual IRQs is today's event queue: the same calls by the names of then (see veventq).",
	commands: veventq.commands.map(
		(command): CommandSpec => ({
			...command,
			summary: renamed(command.summary),
			examples:
				command.name === "alloc"
					? [["virq alloc 6", "of virtual IOMMU 6; type ARM_SMMUV3, room for 256 unless told otherwise"]]
					: command.examples.map(([line, doc]) => [renamed(line), renamed(doc)]),
			run: (inv) => command.run(command.name === "alloc" ? asToday(inv) : inv),
		}),
	),
};
export default family;
