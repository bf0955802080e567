/** `--format kcidb`: what KCIDB's I/O schema 5.3 demands, rule by rule. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type Campaign, singleUnit, type Unit } from "../../../src/cli/commands/tools/formats/index.js";
import { kcidbCampaign, kcidbOptions, pathOf } from "../../../src/cli/commands/tools/formats/kcidb.js";
import { iommuctl } from "../cli.js";

const here = { host: "lab-1", release: "7.3.4", architecture: "x86_64", now: () => new Date("2026-11-26T16:00:00Z") };
const origin = /^[a-z0-9_]+$/;
const id = /^[a-z0-9_]+:[^\0]*$/;
const text = /^[^\0]*$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

type Rule = RegExp | "object" | Readonly<Record<string, unknown>> | readonly string[];
/** The members of each kind that are written here, and those that must be there. The schema allows no others, and no null. */
const kinds: Readonly<Record<string, { readonly required: readonly string[]; readonly rules: Readonly<Record<string, Rule>> }>> = {
	checkouts: { required: ["id", "origin"], rules: { id, origin, git_commit_name: text, misc: "object" } },
	builds: {
		required: ["checkout_id", "id", "origin"],
		rules: { checkout_id: id, id, origin, architecture: /^[a-z0-9_]*$/, misc: "object" },
	},
	tests: {
		required: ["build_id", "id", "origin"],
		rules: {
			build_id: id,
			id,
			origin,
			path: /^([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?$/,
			comment: text,
			status: ["FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP"],
			log_excerpt: text,
			start_time: time,
			environment: { comment: text },
			misc: "object",
		},
	},
};

function check(document: Record<string, unknown>): void {
	expect(document.version).toEqual({ major: 5, minor: 3 });
	expect(JSON.stringify(document)).not.toMatch(/[[,:]null/);
	for (const [kind, list] of Object.entries(document).filter(([name]) => name !== "version")) {
		const { required, rules } = kinds[kind];
		for (const one of list as Record<string, unknown>[]) {
			for (const name of required) expect(one, kind).toHaveProperty(name);
			for (const [name, value] of Object.entries(one)) obeys(value, rules[name], `${kind}.${name}`);
			expect([...String(one.log_excerpt ?? "")].length).toBeLessThanOrEqual(16384);
		}
	}
}

function obeys(value: unknown, rule: Rule | undefined, where: string): void {
	if (rule === "object") expect(value, where).toBeTypeOf("object");
	else if (rule instanceof RegExp) expect(value, where).toMatch(rule);
	else if (Array.isArray(rule)) expect(rule, where).toContain(value);
	else {
		expect(rule, where).toBeDefined();
		for (const [name, inner] of Object.entries(value as object)) obeys(inner, (rule as Record<string, Rule>)[name], `${where}.${name}`);
	}
}

const any = fc.string({ unit: "binary" });
const unit = fc
	.record({ name: any, title: any, stdout: any, stderr: any, reason: any, result: fc.constantFrom("ok", "failed", "error", "skipped") })
	.chain(({ name, result, ...rest }) => fc.constantFrom(0, 1, 2, 3, 4, 77).map((exit) => singleUnit(name, { result, exit, ...rest })));

const campaign: Campaign = { command: "litmus", file: "a", kernel: "real", which: "real", count: 1, each: "case" };
function written(units: readonly Unit[], build?: string): Record<string, unknown> {
	const reporter = kcidbCampaign({ origin: "my_lab", build }, here);
	return JSON.parse(reporter.start(campaign) + units.map((one) => reporter.one(one)).join("") + reporter.end(0));
}

describe("--format kcidb", () => {
	it("writes what the schema takes, whatever tests are called and print", () => {
		fc.assert(
			fc.property(fc.array(unit), fc.option(fc.constant("other:build/7"), { nil: undefined }), (units, build) =>
				check(written(units, build)),
			),
		);
	});

	test("a test on the real kernel", () => {
		const failed = { title: "map-map.iommu: One gets it.", result: "failed", exit: 1, stdout: "2 orders\n" } as const;
		const document = written([singleUnit("scripts/litmus/map-map.iommu", failed)]);
		expect(document).toMatchObject({
			checkouts: [{ id: "my_lab:7.3.4", origin: "my_lab", git_commit_name: "7.3.4" }],
			builds: [{ id: "my_lab:7.3.4-x86_64", checkout_id: "my_lab:7.3.4", architecture: "x86_64" }],
			tests: [
				{
					build_id: "my_lab:7.3.4-x86_64",
					origin: "my_lab",
					path: "iommuctl.litmus.scripts.litmus.map-map",
					comment: "map-map.iommu: One gets it.",
					status: "FAIL",
					log_excerpt: "map-map.iommu: One gets it.\n2 orders\n",
					start_time: "2026-11-26T16:00:00.000Z",
					environment: { comment: "lab-1: real" },
					misc: { name: "scripts/litmus/map-map.iommu", exit: 1, ok: 0, failed: 1, error: 0, skipped: 0 },
				},
			],
		});
		expect(Object.keys(written([], "x:y"))).toEqual(["version", "tests"]);
	});

	test("a long log is cut between characters", () => {
		const long = { title: "x", result: "failed", exit: 1, stdout: "\ud83d\ude00".repeat(20_000) } as const;
		const [one] = written([singleUnit("x", long)]).tests as { log_excerpt: string }[];
		expect(one.log_excerpt.endsWith("\n...")).toBe(true);
		expect(Buffer.from(one.log_excerpt).toString()).toBe(one.log_excerpt);
	});

	test("names as places in the tree", () => {
		expect(pathOf("replay", "../golden/hw/vtd-ss.jsonl.gz")).toBe("iommuctl.replay.golden.hw.vtd-ss");
		expect(pathOf("run", "example:a b")).toBe("iommuctl.run.example_a_b");
	});

	test("an origin or a build that KCIDB would refuse", () => {
		expect(() => kcidbOptions({ origin: "My Lab" })).toThrow('--origin: "My Lab" is not the name of a CI system');
		expect(() => kcidbOptions({ build: "v7.3" })).toThrow('--build: "v7.3" is not the ID of a build');
	});

	test.each([
		["run", "example:first-mapping", "--origin", "my_lab"],
		["litmus", "scripts/litmus/map-map.iommu", "--build", "my_lab:1", "--format", "ktap"],
		["replay", "test/fixtures/golden/numbers.jsonl.gz", "--build", "my_lab:1", "--json"],
		["fuzz", "--right", "sim", "--origin", "my_lab", "--format", "json"],
	])("its options without it: %s", (...args) => {
		const option = args.find((one) => /^--(origin|build)$/.test(one));
		expect(iommuctl(args)).toEqual({
			status: 2,
			stdout: args.includes("--json") ? expect.stringContaining(`"${option} is only for --format kcidb"`) : "",
			stderr: `error: ${option} is only for --format kcidb\n  add --format kcidb, or leave it out\n`,
		});
	});

	test("of run, litmus and replay", () => {
		const of = (...args: string[]) => JSON.parse(iommuctl([...args, "--format", "kcidb", "--origin", "my_lab"]).stdout);
		const documents = [
			of("run", "scripts/examples/tegra241-cmdqv.iommu", "--kernel", "sim"),
			of("litmus", "scripts/litmus/map-map.iommu", "--kernel", "sim"),
			of("replay", "test/fixtures/golden/numbers.jsonl.gz", "--uapi", "6.12"),
		];
		for (const document of documents) check(document);
		expect(documents.map(({ tests: [{ status, path }] }) => [status, path])).toEqual([
			["SKIP", "iommuctl.run.scripts.examples.tegra241-cmdqv"],
			["PASS", "iommuctl.litmus.scripts.litmus.map-map"],
			["FAIL", "iommuctl.replay.test.fixtures.golden.numbers"],
		]);
	});
});
