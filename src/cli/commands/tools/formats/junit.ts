/** `run --format junit`. */
import type { Campaign, CampaignReporter, Unit } from "./campaign.js";
import { unitsAtEnd } from "./campaign.js";
import { atEnd, type Case, countsOf, labelOf, type Reporter, type Suite } from "./case.js";

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** XML 1.0 cannot hold most control characters, escaped or not, nor lone surrogates. */
const text = (raw: string): string =>
	raw.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/gu, "\ufffd").replace(/[&<>"]/g, (char) => entities[char]);

/** In an attribute line ends would become spaces. */
const attribute = (raw: string): string => text(raw).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;").replaceAll("\r", "&#13;");

const attributes = (values: Readonly<Record<string, string | number | undefined>>): string =>
	Object.entries(values)
		.filter(([, value]) => value !== undefined)
		.map(([name, value]) => ` ${name}="${attribute(String(value))}"`)
		.join("");

/**
 * JUnit's XML as Jenkins, GitLab and GitHub's actions read it: only attributes that Jenkins' schema has. A suite for each
 * heading. Everything is written at the end, because the counts come first.
 */
export function junit(): Reporter {
	return atEnd(document);
}

/** The sums of some cases; `all` is what `testsuites` may have too. */
function sums(cases: readonly Case[]): { all: Record<string, string | number | undefined>; skipped: number } {
	const { failed, error, skipped } = countsOf(cases);
	const timed = cases.length > 0 && cases.every(({ seconds }) => seconds !== undefined);
	const time = timed ? cases.reduce((sum, { seconds = 0 }) => sum + seconds, 0).toFixed(6) : undefined;
	return { all: { tests: cases.length, failures: failed, errors: error, time }, skipped };
}

/** What a suite is about: of which kernel, and of a shard which cases. */
type About = readonly (readonly [name: string, value: string])[];

function document(suite: Suite, cases: readonly Case[]): string {
	const about: About = [
		["kernel", suite.kernel],
		["kernelDetail", suite.which],
	];
	return whole(cases, suites(suite.file, { groups: suite.groups, cases }, about));
}

const whole = (cases: readonly Case[], inner: readonly string[]): string =>
	['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites${attributes(sums(cases).all)}>`, ...inner, "</testsuites>", ""].join("\n");

/** A suite for each heading. */
function suites(file: string, { groups, cases }: Pick<Unit, "groups" | "cases">, about: About): string[] {
	let from = 0;
	return groups.flatMap(({ heading, count }) => {
		const own = cases.slice(from, from + count);
		from += count;
		return testSuite(heading === undefined ? file : `${file}: ${heading}`, own, about);
	});
}

function testSuite(name: string, cases: readonly Case[], about: About): string[] {
	const { all, skipped } = sums(cases);
	return [
		`  <testsuite${attributes({ name, ...all, skipped })}>`,
		"    <properties>",
		...about.map(([property, value]) => `      <property${attributes({ name: property, value })}/>`),
		"    </properties>",
		...cases.map((one) => testCase(name, one)),
		"  </testsuite>",
	];
}

function testCase(suite: string, one: Case): string {
	const named = { name: labelOf(one), classname: suite, time: one.seconds?.toFixed(6) };
	const inner: string[] = [];
	if (one.result === "skipped") inner.push(`<skipped${attributes({ message: one.reason ?? "" })}/>`);
	if (one.result === "failed" || one.result === "error") {
		const tag = one.result === "failed" ? "failure" : "error";
		const type = `exit ${one.exit}`;
		inner.push(`<${tag}${attributes({ message: one.reason ?? "", type })}>${text(one.stderr)}</${tag}>`);
	}
	if (one.stdout !== "") inner.push(`<system-out>${text(one.stdout)}</system-out>`);
	const start = `    <testcase${attributes(named)}`;
	return inner.length === 0 ? `${start}/>` : [`${start}>`, ...inner.map((line) => `      ${line}`), "    </testcase>"].join("\n");
}

/** JUnit's XML of many cases: a suite for each script and heading, or one for all. */
export function junitCampaign(): CampaignReporter {
	return unitsAtEnd((campaign: Campaign, units) => {
		const { kernel, which, note } = campaign;
		const about = (property: "case" | "cases", places: readonly number[] = []): About => [
			["kernel", kernel],
			["kernelDetail", which],
			...(note
				? ([
						["shard", note.shard],
						[property, [...places, "of", note.of].join(" ")],
						...(note.list === undefined ? [] : ([["list", note.list]] as const)),
					] as const)
				: []),
		];
		const all = units.flatMap(({ cases }) => cases);
		if (campaign.each === "case") return whole(all, testSuite(campaign.file, all, about("cases", note?.cases)));
		const inner = units.flatMap((unit, at) => suites(unit.name, unit, about("case", note && [note.cases[at]])));
		return whole(all, inner);
	});
}
