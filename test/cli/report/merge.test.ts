/** `report merge`: the union of any shards is the report of all cases, byte for byte. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { worst } from "../../../src/cli/commands/tools/cases/worst.js";
import { type Campaign, type Case, campaignReporter, type Format, type Unit } from "../../../src/cli/commands/tools/formats/index.js";
import { mergeJson } from "../../../src/cli/commands/tools/report/json.js";
import { mergeJunit } from "../../../src/cli/commands/tools/report/junit.js";
import { mergeKtap } from "../../../src/cli/commands/tools/report/ktap.js";
import { iommuctl, root, temporaryFolder } from "../cli.js";

const mergers = { ktap: mergeKtap, junit: mergeJunit, json: mergeJson };
const formats = Object.keys(mergers) as (keyof typeof mergers)[];

/** What a script prints may look like a report. */
const line = fc.oneof(
	fc.constantFrom(
		"ok 1 x",
		"not ok 2 <y>",
		"# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0",
		"1..4",
		"    <testcase name=",
		"</testsuites>",
		'{"a":[1]}',
	),
	fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n\u2028\u2029]/g, " ")),
);
const text = fc.array(line, { maxLength: 3 }).map((lines) => lines.map((one) => `${one}\n`).join(""));
const exits = { ok: 0, failed: 1, error: 2, skipped: 77 } as const;

const oneCase = fc
	.record({ title: line, result: fc.constantFrom("ok", "failed", "error", "skipped"), reason: line, stdout: text, stderr: text })
	.map(({ reason, result, ...rest }): Omit<Case, "number"> => {
		return { line: 1, result, exit: exits[result], errno: 0, ...(result !== "ok" && { reason }), ...rest };
	});

const headings = fc.array(fc.option(line, { nil: undefined }), { minLength: 1, maxLength: 3 });

/** A script with its groups of cases. */
const script = fc.tuple(headings, fc.array(oneCase, { minLength: 1, maxLength: 2 })).map(([given, some]): Omit<Unit, "name"> => {
	const groups = given.map((heading) => ({ ...(heading !== undefined && { heading }), count: some.length }));
	const all = groups.flatMap(({ heading }) => some.map((one) => ({ ...one, ...(heading !== undefined && { heading }) })));
	const cases = all.map((one, at) => ({ number: at + 1, ...one }));
	return { groups, cases, exit: worst(cases.map(({ exit }) => exit)) };
});
const single = oneCase.map((one): Omit<Unit, "name"> => ({ groups: [{ count: 1 }], cases: [{ number: 1, ...one }], exit: one.exit }));

/** Units, and to which of some shards each belongs. */
const campaign = fc.constantFrom("suite" as const, "case" as const).chain((each) =>
	fc.integer({ min: 1, max: 4 }).chain((of) =>
		fc.record({
			each: fc.constant(each),
			of: fc.constant(of),
			units: fc.array(fc.tuple(each === "suite" ? script : single, fc.integer({ min: 1, max: of })), { minLength: 1, maxLength: 6 }),
			seed: fc.nat(),
		}),
	),
);

function written(format: Format, about: Campaign, units: readonly Unit[]): string {
	const reporter = campaignReporter(format, {});
	return reporter.start(about) + units.map((unit) => reporter.one(unit)).join("") + reporter.end(worst(units.map(({ exit }) => exit)));
}

describe.each(formats)("%s", (format) => {
	it("of any partition is the report of all", () => {
		fc.assert(
			fc.property(campaign, ({ each, of, units: given, seed }) => {
				const units = given.map(([unit], at): Unit => ({ name: `unit-${at}`, ...unit }));
				const about = { command: "run", file: "a b", kernel: "sim", which: "simulated <&>", each } as const;
				const shards = Array.from({ length: of }, (_, index) => {
					const places = [...given.keys()].filter((at) => given[at][1] === index + 1);
					const note = { shard: `${index + 1}/${of}`, cases: places.map((at) => at + 1), of: units.length };
					const some = places.map((at) => units[at]);
					return { from: `${index}`, text: written(format, { ...about, count: some.length, note }, some) };
				});
				const turned = [...shards.slice(seed % of), ...shards.slice(0, seed % of)];
				expect(mergers[format](turned)).toBe(written(format, { ...about, count: units.length }, units));
			}),
		);
	});
});

const folder = temporaryFolder();
const place = (name: string): string => join(folder, name);
const run = (args: readonly string[]) => iommuctl(args);

/** Writes the shards' reports. @returns their paths */
function shards(name: string, args: readonly string[], of: number): string[] {
	return Array.from({ length: of }, (_, at) => {
		const path = place(`${name}-${at + 1}`);
		writeFileSync(path, run([...args, "--shard", `${at + 1}/${of}`]).stdout);
		return path;
	});
}

const races = ["map-map", "map-unmap", "map-attach", "copy-destroy", "copy-unmap", "unmap-unmap"].map(
	(name) => `scripts/litmus/${name}.iommu`,
);
const litmus = ["litmus", ...races, "--kernel", "sim", "--orders", "50"];
const ktap = shards("ktap", [...litmus, "--format", "ktap"], 3);

describe("as a command", () => {
	it("merges what litmus writes", () => {
		expect(run(["report", "merge", ...ktap])).toMatchObject({ status: 0, stderr: "", stdout: run([...litmus, "--format", "ktap"]).stdout });
	});

	test.each([["junit"], ["json"]])("merges what run writes as %s", (format) => {
		const examples = ["amd-nested", "first-mapping", "virtual-event"].map((name) => `scripts/examples/${name}.iommu`);
		const args = ["run", ...examples, "--kernel", "sim", "--format", format];
		expect(run(["report", "merge", ...shards(format, args, 2)]).stdout).toBe(run(args).stdout);
	});

	describe.each(formats)("where cases fail, cannot be read or are skipped, as %s", (format) => {
		const files = {
			"fails.iommu": "echo A # <&>\ndestroy 9\nioas alloc\n",
			"not.iommu": "repeat 2 {\n",
			"elsewhere.iommu": "require kernel real\nioas alloc\n",
			"race.iommu": "setup { ioas = ioas alloc }\nthread a { destroy $ioas }\nthread b { destroy $ioas }\nforbid a.1.errno == 0\n",
			"cut.jsonl": '{"trace":"iommufd","version":1}\n{"program":"p"}\n',
		};
		for (const [name, text] of Object.entries(files)) writeFileSync(place(name), text);
		const named = (...names: string[]) => names.map((name) => place(name));

		test.each([
			["run", ["scripts/examples/first-mapping.iommu", ...named("fails.iommu", "not.iommu", "elsewhere.iommu", "missing.iommu")]],
			["litmus", [races[0], ...named("race.iommu", "fails.iommu", "not.iommu", "elsewhere.iommu")]],
			["replay", ["test/fixtures/golden/numbers.jsonl.gz", ...named("cut.jsonl", "missing.jsonl"), "--uapi", "6.12"]],
		])("%s", (command, words) => {
			const args = [command, ...words, "--kernel", "sim", "--format", format];
			const whole = run(args);
			expect(whole.status).toBe(2);
			expect(run(["report", "merge", ...shards(`${command}-${format}`, args, 3)]).stdout).toBe(whole.stdout);
		});
	});

	test.each(formats)("shards of other lists of as many cases do not belong together, as %s", (format) => {
		const about = { command: "run", file: "a and 1 more", kernel: "sim", which: "simulated", each: "suite", count: 1 } as const;
		const unit: Unit = {
			name: "a",
			groups: [{ count: 1 }],
			exit: 0,
			cases: [{ number: 1, title: "x", result: "ok", exit: 0, errno: 0, stdout: "", stderr: "" }],
		};
		const part = (at: number, list: string) => {
			const note = { shard: `${at}/2`, cases: [at], of: 2, list };
			return { from: `${at}`, text: written(format, { ...about, note }, [unit]) };
		};
		expect(mergers[format]([part(1, "00112233"), part(2, "00112233")])).toBe(written(format, { ...about, count: 2 }, [unit, unit]));
		expect(() => mergers[format]([part(1, "00112233"), part(2, "44556677")])).toThrow("1 and 2 are not shards of the same report");
	});

	it("merges what replay writes, and keeps the first differences of all", () => {
		const golden = ["numbers", "contexts", "mutate"].map((name) => join(root, `test/fixtures/golden/${name}.jsonl.gz`));
		const args = ["replay", ...golden, "--json", "--uapi", "6.12", "--max", "7"];
		const whole = run(args);
		expect(JSON.parse(whole.stdout).differences).toHaveLength(7);
		expect(run(["report", "merge", ...shards("replay", args, 3)]).stdout).toBe(whole.stdout);
	});

	it("names what is missing, what is there twice, and what does not belong", () => {
		const merge = (...files: string[]) => run(["report", "merge", ...files]).stderr;
		expect(merge(ktap[0], ktap[2])).toMatch(/^error: shard 2\/3 is missing: cases? \d.* of 6\n {2}give the reports of all shards\n$/);
		expect(merge(...ktap, ktap[1])).toMatch(/^error: case \d+ of 6 is in .*ktap-2 and in .*ktap-2, which is shard 2\/3\n/);
		const other = place("other");
		writeFileSync(other, run(["litmus", "scripts/litmus/map-map.iommu", "--kernel", "sim", "--format", "ktap", "--shard", "1/1"]).stdout);
		expect(merge(...ktap, other)).toMatch(/^error: .*ktap-1 and .*other are not shards of the same report\n/);
		const cut = place("cut");
		const lines = run([...litmus, "--format", "ktap", "--shard", "1/3"]).stdout.split("\n");
		writeFileSync(cut, lines.slice(0, -3).join("\n"));
		expect(merge(cut, ktap[1], ktap[2])).toMatch(
			/cut ends early: it has \d of the \d cases of shard 1\/3\n {2}run this shard again, to its end\n$/,
		);
		writeFileSync(cut, lines.slice(0, -2).join("\n"));
		expect(merge(cut, ktap[1], ktap[2])).toMatch(/cut ends early: it has the \d cases of shard 1\/3, and no totals\n/);
		const whole = place("whole");
		writeFileSync(whole, run([...litmus, "--format", "ktap"]).stdout);
		expect(merge(whole)).toContain("whole: this KTAP is not of a shard\n");
		expect(merge(ktap[0], join(root, "package.json"))).toContain("these reports are in different formats: KTAP, JSON\n");
		expect(merge(join(root, "README.md"))).toContain("README.md is not a report\n");
	});

	test.each([
		["iommuctl.fuzz", { findings: [], known: [], from: 0, programs: 1, calls: 2, repeated: 0 }],
		["iommuctl.replay", { files: [], differences: [], programs: 0, steps: 0, differing: 0 }],
		["iommuctl.report", { cases: [], exit: 0 }],
	])("names what is not as it writes it in %s", (schema, members) => {
		const whole = { schema, version: 1, ...members, shard: { shard: "1/1", cases: [], of: 0, unreduced: [], max: 10 } };
		const merge = (document: object) => () => mergeJson([{ from: "part", text: JSON.stringify(document) }]);
		expect(merge(whole)).not.toThrow();
		for (const name of Object.keys(members)) {
			expect(merge({ ...whole, [name]: undefined })).toThrow(`part: "${name}" is not as iommuctl writes it`);
			expect(merge({ ...whole, [name]: [null] })).toThrow(`part: "${name}" is not as iommuctl writes it`);
		}
		expect(merge({ ...whole, version: 2 })).toThrow("part: its version is 2, and this iommuctl writes 1");
		expect(merge({ ...whole, shard: { shard: "1/1" } })).toThrow("part is of a run that --time ended");
	});

	test("documents for kernelci.org need no merging", () => {
		const text = run(["run", "example:first-mapping", "--kernel", "sim", "--format", "kcidb", "--shard", "1/1"]).stdout;
		expect(() => mergeJson([{ from: "part", text }])).toThrow("part is for kernelci.org");
	});

	test.each([
		["run", "example:first-mapping"],
		["litmus", races[0]],
	])("documents of %s --json do not say which shard they are of", (command, file) => {
		const text = run([command, file, "--kernel", "sim", "--json", "--shard", "1/1"]).stdout;
		expect(() => mergeJson([{ from: "part", text }])).toThrow(
			`part has the documents of ${command} --json, which do not say what shard they are of`,
		);
	});

	test("a shard without cases writes nothing as --json, which is not a report", () => {
		const empty = place("empty");
		writeFileSync(empty, "");
		expect(run(["report", "merge", empty])).toMatchObject({
			status: 2,
			stderr: expect.stringMatching(/^error: .*empty is empty\n {2}if its shard was killed, run it again; if not, give it --format/),
		});
	});

	test("shards of fuzz that know other differences do not belong together", () => {
		const part = (shard: string, at: number, known: object[]) => {
			const note = { shard, cases: [at], of: 2, unreduced: [] };
			const text = JSON.stringify({
				...{ schema: "iommuctl.fuzz", version: 1, from: 0, programs: 1, calls: 2, repeated: 0 },
				...{ known, findings: [], shard: note },
			});
			return { from: shard, text };
		};
		const entry = { call: "IOMMU_IOAS_MAP", why: "it is so" };
		const first = part("1/2", 1, [{ ...entry, count: 3 }]);
		expect(JSON.parse(mergeJson([first, part("2/2", 2, [{ ...entry, count: 4 }])])).known).toEqual([{ ...entry, count: 7 }]);
		expect(() => mergeJson([first, part("2/2", 2, [])])).toThrow("1/2 and 2/2 are not shards of the same report");
	});
});
