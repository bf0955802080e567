/** `sim cache` and `sim stats`: what IOMMUs and devices have cached. */
import { ENODEV } from "../../../kernel/errno.js";
import type { SimControl } from "../../../sim/index.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, type Outcome } from "../../frame/exit.js";
import { hex, plural, table } from "../../frame/text.js";
import { controlOf, printDocument } from "./control.js";

type Caching = SimControl["iommus"][number];

/** The IOMMUs asked about: one by its name, or all. */
async function asked(control: SimControl, name: string | undefined): Promise<readonly Caching[]> {
	const all = control.iommus;
	const found = name === undefined ? all : all.filter((each) => each.name === name);
	if (found.length === 0)
		throw new (await import("../../../sim/index.js")).ControlError(
			ENODEV,
			name === undefined ? "this machine has no IOMMU that caches" : `no IOMMU is called "${name}"`,
			`there are ${all.map((each) => each.name).join(", ") || "none"}`,
		);
	return found;
}

function permText(perm: number | undefined): string {
	return perm === undefined ? "" : ["R", "W", "X", "U"].filter((_, bit) => perm & (1 << bit)).join("");
}

async function cache(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const { NO_PASID, formatRid } = await import("../../../sim/index.js");
	const rows = (await asked(control, inv.args[0])).flatMap(({ name, caches, ...iommu }) =>
		caches.list().map((row) => ({
			iommu: name,
			cache: row.cache,
			device: row.device === undefined ? null : formatRid(row.device),
			domain: row.domain ?? null,
			context: row.context === NO_PASID ? null : row.context,
			first: row.range === undefined ? null : hex(row.range.first),
			last: row.range === undefined ? null : hex(row.range.last),
			output: row.pa === undefined ? null : hex(row.pa),
			permissions: permText(row.perm),
			level: row.level ?? null,
			global: row.global === true,
			hitBy: iommu.hitBy(row),
		})),
	);
	if (inv.common.json) printDocument(inv, "iommuctl.sim.cache", { entries: rows });
	else if (rows.length === 0) inv.io.stdout.write("nothing is cached\n");
	else {
		const lines = table(
			rows.map((row) => [
				inv.out.name(row.iommu),
				row.cache,
				row.device ?? (row.domain === null ? "" : `domain ${row.domain}`),
				row.context === null ? "no PASID" : `${row.cache === "iotlb" || row.cache === "paging" ? "context" : "PASID"} ${row.context}`,
				row.first === null ? "" : `${row.first} - ${row.last}`,
				row.output === null ? "" : `-> ${row.output} ${row.permissions}${row.level === null ? "" : ` level ${row.level}`}`,
				inv.out.faint(`hit by ${row.hitBy[0]}`),
			]),
		);
		inv.io.stdout.write(`${lines.join("\n")}\n`);
	}
	const count = (which: string) => rows.filter((row) => row.cache === which).length;
	return {
		...done,
		fields: { entries: rows.length, iotlb: count("iotlb"), paging: count("paging"), pasid: count("pasid"), atc: count("atc") },
	};
}

async function stats(inv: Invocation): Promise<Outcome> {
	const control = await controlOf(inv);
	const rows = (await asked(control, inv.args[0])).map(({ name, kind, caches }) => ({ iommu: name, kind, ...caches.stats() }));
	if (inv.common.json) {
		printDocument(inv, "iommuctl.sim.stats", { iommus: rows });
		return done;
	}
	const names = ["iotlb", "paging", "pasid", "atc"] as const;
	for (const { iommu, kind, hits, misses, evictions, invalidations } of rows) {
		const lines = [
			`${inv.out.strong(iommu)} (${kind})`,
			...table([
				["  cache", "hits", "misses", "evictions"],
				...names.map((name) => [`  ${name}`, String(hits[name]), String(misses[name]), String(evictions[name])]),
			]),
			...table(
				Object.entries(invalidations).map(([type, { count, dropped }]) => [`  ${type}`, plural(count, "time"), `${dropped} dropped`]),
			),
		];
		inv.io.stdout.write(`${lines.join("\n")}\n`);
	}
	return done;
}

const iommuArg = { name: "IOMMU", doc: "only this one, by its name in the machine", optional: true };

export const cacheCommands: readonly CommandSpec[] = [
	{
		name: "cache",
		summary: "what IOMMUs and devices have cached, and which invalidation would hit it",
		details: [
			"IOTLB, paging-structure cache and PASID (context descriptor) cache of every IOMMU, and the devices' own ATS caches (atc).",
			"DMA through guests' tables fills them; an entry stays until it is invalidated, whatever the tables say by then.",
		].join("\n"),
		args: [iommuArg],
		groups: ["kernel"],
		examples: [["sim cache", "after some sim dma, in a script"]],
		run: cache,
	},
	{
		name: "stats",
		summary: "hits, misses and evictions of every cache, and invalidations by type",
		args: [iommuArg],
		groups: ["kernel"],
		examples: [["sim stats dmar0 --json", ""]],
		run: stats,
	},
];
