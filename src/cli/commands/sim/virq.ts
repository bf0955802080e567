/** `virq`: event queues as proposed in 2024. */
import type { CommandSpec, Family, Invocation } from "../../frame/command.js";
import veventq from "../uapi/veventq.js";

/** Today's words in those of 2024-12. */
const renamed = (text: string): string =>
	text.replaceAll("veventq", "virq").replace(/(?:\ban )?event queue/g, (found) => `${found.startsWith("an") ? "a " : ""}virtual IRQ queue`);

/** The struct of 2024 had no depth, and SMMUv3 was the only type. */
function asToday(inv: Invocation): Invocation {
	return { ...inv, options: { type: "ARM_SMMUV3", veventqDepth: "256", ...inv.options } };
}

const family: Family = {
	name: "virq",
	details: "The virtual IRQs proposed in 2024-12 are today's event queues: the same calls by their names of that time (see veventq).",
	commands: veventq.commands.map(
		(command): CommandSpec => ({
			...command,
			summary: renamed(command.summary),
			examples:
				command.name === "alloc"
					? [["virq alloc 6", "for virtual IOMMU 6; type ARM_SMMUV3 and room for 256 by default"]]
					: command.examples.map(([line, doc]) => [renamed(line), renamed(doc)]),
			run: (inv) => command.run(command.name === "alloc" ? asToday(inv) : inv),
		}),
	),
};
export default family;
