/** `run --format junit`. */
import { atEnd, type Case, noCounts, type Reporter, type Suite } from "./case.js";

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** XML 1.0 cannot hold most control characters, escaped or not, nor lone surrogates. */
const text = (raw: string): string =>
	raw.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/gu, "\ufffd").replace(/[&<>"]/g, (char) => entities[char]);

/** In an attribute line ends would become spaces. */
const attribute = (raw: string): string => text(raw).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;").replaceAll("\r", "&#13;");

const attributes = (values: Readonly<Record<string, string | number>>): string =>
	Object.entries(values)
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
function sums(cases: readonly Case[]): { all: Record<string, string | number>; skipped: number } {
	const counts = noCounts();
	for (const { result } of cases) counts[result]++;
	const time = cases.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(6);
	return { all: { tests: cases.length, failures: counts.failed, errors: counts.error, time }, skipped: counts.skipped };
}

function document(suite: Suite, cases: readonly Case[]): string {
	let from = 0;
	const suites = suite.groups.flatMap(({ heading, count }) => {
		const own = cases.slice(from, from + count);
		from += count;
		return testSuite(suite, heading === undefined ? suite.file : `${suite.file}: ${heading}`, own);
	});
	return ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites${attributes(sums(cases).all)}>`, ...suites, "</testsuites>", ""].join(
		"\n",
	);
}

function testSuite(suite: Suite, name: string, cases: readonly Case[]): string[] {
	const { all, skipped } = sums(cases);
	return [
		`  <testsuite${attributes({ name, ...all, skipped })}>`,
		"    <properties>",
		`      <property${attributes({ name: "kernel", value: suite.kernel })}/>`,
		`      <property${attributes({ name: "kernelDetail", value: suite.which })}/>`,
		"    </properties>",
		...cases.map((one) => testCase(name, one)),
		"  </testsuite>",
	];
}

function testCase(suite: string, one: Case): string {
	const named = { name: `line ${one.line}: ${one.title}`, classname: suite, time: one.seconds.toFixed(6) };
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
