/** Draws a context's objects as a tree, as Mermaid, as DOT, as JSON. */
import type { Palette } from "../../../frame/colour.js";
import type { GraphContext, GraphObject } from "../../../graph/model.js";

const name = ({ type, id }: GraphObject): string => `${type} ${id}`;

function detailsText({ details }: GraphObject): string {
	return Object.entries(details)
		.map(([key, value]) => (value === true ? key : `${key} ${value}`))
		.join(", ");
}

/** The objects by the one that they stand below; undefined: the context itself. */
function childrenOf({ objects }: GraphContext): Map<number | undefined, GraphObject[]> {
	const ids = new Set(objects.map(({ id }) => id));
	const children = new Map<number | undefined, GraphObject[]>();
	for (const object of objects) {
		const parent = object.parent !== undefined && ids.has(object.parent) ? object.parent : undefined;
		children.set(parent, [...(children.get(parent) ?? []), object]);
	}
	return children;
}

/** Lines for a terminal, the context's own first. */
export function drawTree(context: GraphContext, title: string, colours: Palette): string[] {
	const { objects } = context;
	const types = new Map(objects.map((object) => [object.id, object.type]));
	const children = childrenOf(context);
	const lines = [`${colours.strong(title)}${objects.length === 0 ? ": no objects" : ""}`];
	const draw = (parent: number | undefined, indent: string) => {
		const here = children.get(parent) ?? [];
		here.forEach((object, at) => {
			const last = at === here.length - 1;
			const refs = object.refs.map(({ what, id }) => `${what} ${types.get(id) ?? "object"} ${id}`);
			const about = [detailsText(object), ...refs].filter(Boolean).join("; ");
			lines.push(`${indent}${last ? "└─ " : "├─ "}${colours.name(name(object))}${about && `  ${colours.faint(about)}`}`);
			draw(object.id, `${indent}${last ? "   " : "│  "}`);
		});
	};
	draw(undefined, "");
	return lines;
}

/** Inside a quoted label of Mermaid or DOT. */
const quoted = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', "'");

interface Edge {
	readonly from: string;
	readonly to: string;
	/** undefined for the tree's own edges */
	readonly what?: string;
}

/** Nodes and edges with names of their own for every context. */
function flat(contexts: readonly GraphContext[]): { nodes: { key: string; object: GraphObject; context: number }[]; edges: Edge[] } {
	const nodes = contexts.flatMap(({ objects }, at) => objects.map((object) => ({ key: `c${at}o${object.id}`, object, context: at })));
	const keys = new Set(nodes.map(({ key }) => key));
	const edges = nodes.flatMap(({ key, object, context }): Edge[] => [
		...(object.parent === undefined ? [] : [{ from: `c${context}o${object.parent}`, to: key }]),
		...object.refs.map(({ what, id }) => ({ from: key, to: `c${context}o${id}`, what })),
	]);
	return { nodes, edges: edges.filter(({ from, to }) => keys.has(from) && keys.has(to)) };
}

export function drawMermaid(contexts: readonly GraphContext[]): string {
	const { nodes, edges } = flat(contexts);
	const label = (object: GraphObject): string => quoted([name(object), detailsText(object)].filter(Boolean).join("<br>"));
	const lines = ["graph TD"];
	for (const at of contexts.keys()) {
		lines.push(`  subgraph c${at}["context ${at + 1}"]`);
		for (const { key, object } of nodes.filter(({ context }) => context === at)) lines.push(`    ${key}["${label(object)}"]`);
		lines.push("  end");
	}
	for (const { from, to, what } of edges) lines.push(what === undefined ? `  ${from} --> ${to}` : `  ${from} -.->|${quoted(what)}| ${to}`);
	return `${lines.join("\n")}\n`;
}

export function drawDot(contexts: readonly GraphContext[]): string {
	const { nodes, edges } = flat(contexts);
	const label = (object: GraphObject): string => [name(object), detailsText(object)].filter(Boolean).map(quoted).join("\\n");
	const lines = ["digraph iommufd {", "  node [shape=box];"];
	for (const at of contexts.keys()) {
		lines.push(`  subgraph cluster_${at} { label="context ${at + 1}";`);
		for (const { key, object } of nodes.filter(({ context }) => context === at)) lines.push(`    ${key} [label="${label(object)}"];`);
		lines.push("  }");
	}
	for (const { from, to, what } of edges) {
		lines.push(`  ${from} -> ${to}${what === undefined ? "" : ` [style=dashed, label="${quoted(what)}"]`};`);
	}
	return `${[...lines, "}"].join("\n")}\n`;
}

export function contextJson({ objects }: GraphContext): object {
	return { objects: objects.map(({ parent, ...object }) => ({ ...object, parent: parent ?? null })) };
}
