/** `report merge` of JSON documents. */
import { BLOCK, type Signature, signatureKey } from "../../../../fuzz/index.js";
import { UsageError } from "../../../frame/exit.js";
import { type ShardNote, worst } from "../cases/index.js";
import { countsOf } from "../formats/case.js";
import { type Part, union, unlike } from "./parts.js";

interface Source {
	readonly from: string;
	readonly text: string;
}

type Json = Record<string, unknown>;

/** @throws UsageError */
export function mergeJson(sources: readonly Source[]): string {
	const documents = sources.map(({ from, text }) => ({ from, document: parsed(from, text) }));
	const kcidb = documents.find(({ document }) => typeof document.version === "object");
	if (kcidb !== undefined)
		throw new UsageError(
			`${kcidb.from} is for kernelci.org, where tests of several documents come together`,
			"submit each shard's document",
		);
	const schemas = new Set(documents.map(({ document }) => document.schema));
	const [schema] = schemas;
	if (schemas.size > 1) unlike(documents[1].from, `these reports have different schemas: ${[...schemas].join(", ")}`);
	const merge = mergers[schema as string];
	if (merge === undefined) unlike(documents[0].from, `${schema ?? "a document without a schema"} is not a report of cases`);
	for (const { from, document } of documents) check(from, document);
	return `${JSON.stringify(merge(documents))}\n`;
}

function parsed(from: string, text: string): Json {
	const whole = json(text);
	const first = whole ?? json(text.slice(0, Math.max(text.indexOf("\n"), 0)));
	// `run --json` prints a document for each command.
	const command = streams[first?.schema as string] ?? (whole === undefined && first?.schema !== undefined ? "run" : undefined);
	if (command !== undefined)
		throw new UsageError(
			`${from} has the documents of ${command} --json, which do not say what shard they are of`,
			"run each shard with --format json, ktap or junit instead",
		);
	return whole ?? unlike(from, "this is not one JSON document");
}

/** Documents of which a command prints one for each case. */
const streams: Readonly<Record<string, string>> = { "iommuctl.litmus": "litmus", "iommuctl.run": "run" };

function json(text: string): Json | undefined {
	try {
		const found: unknown = JSON.parse(text);
		if (typeof found === "object" && found !== null) return found as Json;
	} catch {
		// Several documents are not one.
	}
	return undefined;
}

type Merge = (documents: readonly { from: string; document: Json }[]) => Json;

const mergers: Readonly<Record<string, Merge>> = {
	"iommuctl.report": mergeReports,
	"iommuctl.replay": mergeReplays,
	"iommuctl.fuzz": mergeFuzz,
};

/** What each document must have for its shards to be put together. */
const members: Readonly<Record<string, { readonly lists: readonly string[]; readonly numbers: readonly string[] }>> = {
	"iommuctl.report": { lists: ["cases"], numbers: ["exit"] },
	"iommuctl.replay": { lists: ["files", "differences"], numbers: ["programs", "steps", "differing"] },
	"iommuctl.fuzz": { lists: ["findings", "known"], numbers: ["from", "programs", "calls", "repeated"] },
};

/** @throws UsageError for a document that another version wrote, or that was changed */
function check(from: string, document: Json): void {
	if (document.version !== 1) unlike(from, `its version is ${JSON.stringify(document.version)}, and this iommuctl writes 1`);
	noteOf(from, document);
	const { lists, numbers } = members[document.schema as string];
	const isList = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null);
	const strange = lists.find((name) => !isList(document[name])) ?? numbers.find((name) => typeof document[name] !== "number");
	if (strange !== undefined) unlike(from, `"${strange}" is not as iommuctl writes it`);
}

function noteOf<N extends ShardNote>(from: string, { shard, interrupted }: Json): N {
	const note = shard as N | undefined;
	if (interrupted !== undefined) throw new UsageError(`${from} is of a run that was interrupted`, "run this shard again, to its end");
	if (typeof note?.shard === "string" && note.cases === undefined)
		throw new UsageError(`${from} is of a run that --time ended, whose shards cannot be merged`, "give --programs instead of --time");
	if (note === undefined || !Array.isArray(note.cases) || typeof note.of !== "number") unlike(from, "this report is not of a shard");
	return note;
}

/** A case of the whole, in the document of its shard. */
type Case = Json & { readonly file?: string; readonly result: "ok" | "failed" | "error" | "skipped" };

function mergeReports(documents: readonly { from: string; document: Json }[]): Json {
	const parts = documents.map(({ from, document }): Part<readonly Case[]> => {
		const { schema, version, file, kernel, kernelDetail } = document;
		const units: Case[][] = [];
		let last: string | undefined;
		for (const one of document.cases as readonly Case[]) {
			// Of scripts the cases of each stand together.
			if (one.file !== undefined && one.file === last) units.at(-1)?.push(one);
			else units.push([one]);
			last = one.file;
		}
		return { from, head: JSON.stringify({ schema, version, file, kernel, kernelDetail }), note: noteOf(from, document), units };
	});
	const cases = union(parts).flat();
	const exits = documents.filter(({ document }) => (document.cases as unknown[]).length > 0).map(({ document }) => document.exit as number);
	return {
		...(JSON.parse(parts[0].head) as Json),
		...countsOf(cases),
		exit: worst(exits),
		cases: cases.map((one, at) => ({ ...one, number: at + 1 })),
	};
}

interface File extends Json {
	readonly file: string;
	readonly programs: number;
	readonly steps: number;
	readonly differing: number;
}

interface Of {
	readonly file: string;
}

function mergeReplays(documents: readonly { from: string; document: Json }[]): Json {
	const parts = documents.map(({ from, document }): Part<{ file: File; differences: Of[]; blocked: Of[] }> => {
		const { schema, version, kernel } = document;
		const { max, ...note } = noteOf<ShardNote & { max: number }>(from, document);
		const { differences, blocked = [] } = document as { differences: Of[]; blocked?: Of[] };
		const units = (document.files as readonly File[]).map((file) => ({
			file,
			differences: differences.filter((one) => one.file === file.file),
			blocked: blocked.filter((one) => one.file === file.file),
		}));
		return { from, head: JSON.stringify({ schema, version, kernel, max }), note, units };
	});
	const units = union(parts);
	const { schema, version, kernel, max } = JSON.parse(parts[0].head) as Json & { max: number };
	const files = units.map(({ file }) => file);
	const sum = (of: "programs" | "steps" | "differing") => files.reduce((total, file) => total + file[of], 0);
	const blocked = units.flatMap((unit) => unit.blocked);
	return {
		schema,
		version,
		files,
		programs: sum("programs"),
		steps: sum("steps"),
		differing: sum("differing"),
		differences: units.flatMap((unit) => unit.differences).slice(0, max),
		...(blocked.length > 0 && { blocked }),
		kernel,
	};
}

interface Signed {
	readonly program: number;
	readonly signature: Signature;
}
type FuzzNote = ShardNote & { readonly unreduced: readonly (readonly [key: string, block: number])[] };

/** What a shard was the first of its programs to show: `at` is the block; without a finding where it did not come again. */
interface Shown {
	readonly key: string;
	readonly at: number;
	readonly finding?: Signed;
}
interface KnownCount extends Json {
	readonly count: number;
}

/** What more than one shard found is reported where the first program showed it, and counted elsewhere. */
function mergeFuzz(documents: readonly { from: string; document: Json }[]): Json {
	const parts = documents.map(({ from, document }): Part<undefined> => {
		const { schema, version, left, right, seed, from: first } = document;
		// All shards know the same differences, or what one found is missing.
		const known = (document.known as readonly KnownCount[]).map((entry) => ({ ...entry, count: 0 }));
		const note = noteOf(from, document);
		return {
			from,
			head: JSON.stringify({ schema, version, left, right, seed, from: first, known }),
			note,
			units: note.cases.map(() => undefined),
		};
	});
	union(parts);
	const sum = (name: string): number => documents.reduce((total, { document }) => total + (document[name] as number), 0);
	const all = documents.flatMap(({ from, document }): Shown[] => {
		const begin = Math.floor((document.from as number) / BLOCK);
		const reduced = (document.findings as readonly Signed[]).map((finding) => {
			return { key: signatureKey(finding.signature), at: Math.floor(finding.program / BLOCK) - begin, finding };
		});
		return [...reduced, ...noteOf<FuzzNote>(from, document).unreduced.map(([key, at]) => ({ key, at }))];
	});
	const first = new Map<string, Shown>();
	for (const one of all.sort((a, b) => a.at - b.at)) if (!first.has(one.key)) first.set(one.key, one);
	const findings = [...first.values()].flatMap(({ finding }) => finding ?? []);
	const { schema, version, left, right, seed, from } = documents[0].document;
	return {
		schema,
		version,
		left,
		right,
		seed,
		from,
		programs: sum("programs"),
		calls: sum("calls"),
		repeated: sum("repeated") + all.length - first.size,
		known: knownOf(documents.map(({ document }) => document.known as readonly KnownCount[])),
		findings,
	};
}

/** Every document has all entries. */
function knownOf([first, ...others]: readonly (readonly KnownCount[])[]): KnownCount[] {
	return first.map((entry, at) => ({ ...entry, count: others.reduce((sum, list) => sum + (list[at]?.count ?? 0), entry.count) }));
}
