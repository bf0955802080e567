/** `graph`: the objects of the open contexts. */
import { announce } from "../../../frame/announce.js";
import type { Family, Invocation } from "../../../frame/command.js";
import { done, type Outcome, UsageError } from "../../../frame/exit.js";

async function run(inv: Invocation): Promise<Outcome> {
	const { io, common, context, options, out, err } = inv;
	const format = (options.format as string | undefined) ?? (common.json ? "json" : "tree");
	if (common.json && format !== "json") throw new UsageError(`--json and --format ${format} ask for different things`, "give one of them");
	const { contextJson, drawDot, drawMermaid, drawTree } = await import("./draw.js");
	const { knownHere, sourceNote } = await import("../../../graph/known.js");
	const handle = await context.handle();
	if (format !== "json") await announce(inv);
	const known = await knownHere(handle);
	const contexts = known.contexts();
	if (format === "json") {
		const head = { schema: "iommuctl.graph", version: 1, kernel: handle.kernel.kind, kernelDetail: handle.which, source: known.source };
		io.stdout.write(`${JSON.stringify({ ...head, contexts: contexts.map(contextJson) })}\n`);
		return done;
	}
	if (known.source === "recorded") io.stderr.write(`${err.note("note:")} ${sourceNote}\n`);
	if (format === "mermaid") io.stdout.write(drawMermaid(contexts));
	else if (format === "dot") io.stdout.write(drawDot(contexts));
	else {
		const title = (at: number): string => (contexts.length === 1 ? "context" : `context ${at + 1}`);
		io.stdout.write(contexts.map((one, at) => `${drawTree(one, title(at), out).join("\n")}\n`).join(""));
		if (contexts.length === 0) io.stderr.write("no /dev/iommu is open: objects live in a script (iommuctl run) or a session\n");
	}
	return done;
}

const family: Family = {
	name: "graph",
	commands: [
		{
			name: "",
			summary: "the objects of the context as a tree",
			details: [
				"Every object stands below the one it belongs to: page tables below their IOAS, devices below what they are attached to,",
				"virtual devices and queues below their virtual IOMMU; further ties are named. The simulated kernel shows all objects; of",
				"the real one only those made in this script or session are known, and a note says so.",
			].join("\n"),
			options: () => [
				{ flags: "--format <format>", doc: "tree (default), mermaid, dot or json", choices: ["tree", "mermaid", "dot", "json"] },
			],
			groups: ["kernel", "fd"],
			examples: [
				["graph", "in a script or a session"],
				["graph --format mermaid", "for a document"],
				["graph --format dot", "as a picture: | dot -Tsvg"],
			],
			run,
		},
	],
};
export default family;
