/** `report merge` of JUnit's XML. */
import { casesIn, type Part, union, unlike } from "./parts.js";

/** What a report says of a case: suites of its own, or a case in the one suite. */
interface Unit {
	readonly lines: readonly string[];
}

interface Suite {
	/** without the counts and the shard */
	readonly open: string;
	readonly properties: readonly string[];
	readonly counts: Counts;
	readonly cases: readonly (readonly string[])[];
	readonly shard?: string;
	readonly list?: string;
	readonly places?: { cases: readonly number[]; of: number };
	/** the suite is all of a case */
	readonly whole: boolean;
}

const names = ["tests", "failures", "errors", "skipped"] as const;
type Counts = Readonly<Partial<Record<(typeof names)[number], number>>>;

/** @throws UsageError */
export function mergeJunit(texts: readonly { from: string; text: string }[]): string {
	const read = texts.map(({ from, text }) => report(from, text));
	const all = sum(read.map(({ counts }) => counts));
	const filled = read.filter(({ suites }) => suites.length > 0);
	if (filled.length === 0) return texts[0].text;
	const [first] = filled[0].suites;
	const units = union(filled.map(({ from, suites }) => (first.whole ? ofSuites(from, suites) : ofCases(from, suites))));
	const inner = units.flatMap(({ lines }) => lines);
	const suites = first.whole
		? inner
		: [opened(first.open, sum(filled.map(({ suites: [one] }) => one.counts))), ...first.properties, ...inner, "  </testsuite>"];
	return [read[0].declaration, opened("<testsuites>", all), ...suites, "</testsuites>", ""].join("\n");
}

interface Report {
	readonly from: string;
	readonly declaration: string;
	readonly counts: Counts;
	readonly suites: readonly Suite[];
}

function report(from: string, text: string): Report {
	const lines = text.split("\n");
	const [declaration, open, ...rest] = lines;
	if (!open?.startsWith("<testsuites") || rest.at(-2) !== "</testsuites>") unlike(from, "this XML is not a report as iommuctl writes it");
	const suites: Suite[] = [];
	let at = 0;
	while (rest[at]?.startsWith("  <testsuite ")) {
		const end = rest.indexOf("  </testsuite>", at);
		if (end < 0) break;
		suites.push(suite(from, rest.slice(at, end)));
		at = end + 1;
	}
	if (at !== rest.length - 2) unlike(from, `line ${at + 3} is not as iommuctl writes it`);
	return { from, declaration, counts: countsOf(open), suites };
}

function suite(from: string, lines: readonly string[]): Suite {
	const end = lines.indexOf("    </properties>");
	const property = (line: string) => /^ {6}<property name="(shard|case|cases|list)" value="([^"]*)"\/>$/.exec(line) ?? undefined;
	const about = new Map(lines.slice(0, end).flatMap((line) => (property(line) ? [property(line)?.slice(1) as [string, string]] : [])));
	const places = casesIn(about.get("case") ?? about.get("cases") ?? "");
	if (end < 0 || !about.has("shard") || places === undefined) unlike(from, "this report is not of a shard");
	const cases: string[][] = [];
	for (const line of lines.slice(end + 1)) {
		if (line.startsWith("    <testcase ")) cases.push([]);
		cases.at(-1)?.push(line);
	}
	const open = lines[0].replace(/ (?:tests|failures|errors|skipped)="\d+"/g, "");
	const properties = lines.slice(1, end + 1).filter((line) => property(line) === undefined);
	return {
		open,
		properties,
		counts: countsOf(lines[0]),
		cases,
		shard: about.get("shard"),
		list: about.get("list"),
		places,
		whole: about.has("case"),
	};
}

/** One suite with all cases. */
function ofCases(from: string, [one]: readonly Suite[]): Part<Unit> {
	const { shard = "", list, places = { cases: [], of: 0 } } = one;
	const head = [one.open, ...one.properties].join("\n");
	return { from, head, note: { shard, ...places, list }, units: one.cases.map((lines) => ({ lines })) };
}

/** Suites for each case. */
function ofSuites(from: string, suites: readonly Suite[]): Part<Unit> {
	const units = new Map<number, string[]>();
	for (const { open, counts, properties, cases, places } of suites) {
		const [position] = places?.cases ?? [];
		const lines = units.get(position) ?? [];
		lines.push(opened(open, counts), ...properties, ...cases.flat(), "  </testsuite>");
		units.set(position, lines);
	}
	const [{ shard = "", list, places, properties }] = suites;
	const note = { shard, cases: [...units.keys()], of: places?.of ?? 0, list };
	return { from, head: properties.join("\n"), note, units: [...units.values()].map((lines) => ({ lines })) };
}

const countsOf = (line: string): Counts =>
	Object.fromEntries(
		names.flatMap((name) => [...line.matchAll(new RegExp(` ${name}="(\\d+)"`, "g"))].slice(0, 1).map(([, n]) => [name, Number(n)])),
	);

function sum(list: readonly Counts[]): Counts {
	return Object.fromEntries(
		names.filter((name) => list[0][name] !== undefined).map((name) => [name, list.reduce((total, one) => total + (one[name] ?? 0), 0)]),
	);
}

/** The element's line with its counts, behind its name. */
function opened(open: string, counts: Counts): string {
	return open.replace(/>$/, () => `${names.map((name) => (counts[name] === undefined ? "" : ` ${name}="${counts[name]}"`)).join("")}>`);
}
