/** `iommuctl litmus`, and the tests in scripts/litmus. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { documents, iommuctl, iommuctlProcess, root, temporaryFolder } from "../cli.js";

const litmus = (args: readonly string[], input = "") => iommuctl(["litmus", "--kernel", "sim", ...args], { input });

/** A test of these lines. */
const text = (...lines: string[]): string => lines.join("\n");

const destroys = [
	"# An IOAS is destroyed twice. It works once.",
	"setup {",
	"	ioas = ioas alloc",
	"}",
	"thread a {",
	"	destroy $ioas",
	"}",
	"thread b {",
	"	destroy $ioas",
	"}",
];

it.runIf(!existsSync("/dev/iommu"))("the real kernel without /dev/iommu is what the machine lacks, not a race that failed", () => {
	const { status, stdout, stderr } = iommuctl(["litmus", "scripts/litmus/map-map.iommu", "--kernel", "real"]);
	expect(stderr).toContain("/dev/iommu cannot be opened");
	expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
});

describe("scripts/litmus", () => {
	const folder = join(root, "scripts/litmus");
	const files = readdirSync(folder);

	it("has at least twenty tests, each with what it is about and what must hold", () => {
		expect(files.length).toBeGreaterThanOrEqual(20);
		for (const file of files) {
			const content = readFileSync(join(folder, file), "utf8");
			expect(content, file).toMatch(/^# .+/);
			expect(content, file).toMatch(/^(?:require (?!selftest)|forbid )/m);
		}
	});

	it("all hold in every order", () => {
		const ran = litmus(["scripts/litmus", "--json"]);
		expect(ran.stderr).toBe("");
		expect(ran.status).toBe(0);
		const found = documents(ran) as unknown as { file: string; complete: boolean; failed: boolean; outcomes: unknown[] }[];
		expect(found.map(({ file }) => file)).toEqual(files.toSorted().map((file) => join("scripts/litmus", file)));
		for (const one of found)
			expect({ ...one, outcomes: one.outcomes.length > 0 }).toMatchObject({ complete: true, failed: false, outcomes: true });
	});
});

describe("on the simulated kernel", () => {
	it("lists the outcomes that orders give", () => {
		const ran = litmus(["-"], text(...destroys));
		expect(ran.stdout).toBe(
			text(
				"stdin: An IOAS is destroyed twice.",
				"  2 orders: 2 allowed outcomes",
				"   1  a.1 ok; b.1 ENOENT",
				"   2  a.1 ENOENT; b.1 ok",
				"",
			),
		);
		expect(ran.status).toBe(0);
	});

	it("shows an order call by call", () => {
		const ran = litmus(["-", "--show", "2"], text(...destroys));
		expect(ran.stdout.split("\n").slice(-4, -1)).toEqual([
			"  outcome 2, by this order:",
			"    b.1  destroy $ioas  ok",
			"    a.1  destroy $ioas  ENOENT",
		]);
		expect(litmus(["-", "--show", "3"], text(...destroys)).status).toBe(2);
	});

	it("--why says why the shown order's lines failed", () => {
		const ran = litmus(["-", "--show", "2", "--why"], text(...destroys, "finally {", "	destroy $ioas", "}"));
		expect(ran.stdout.split("\n").slice(-9, -1)).toEqual([
			"  outcome 2, by this order:",
			"    b.1        destroy $ioas  ok",
			"    a.1        destroy $ioas  ENOENT",
			"      why: destroy.no-object: no object has the ID 1",
			"           id must be that of an object of this context",
			"    finally.1  destroy $ioas  ENOENT",
			"      why: destroy.no-object: no object has the ID 1",
			"           id must be that of an object of this context",
		]);
	});

	it("--inject reaches the calls of every order, counted from its setup on", () => {
		const ran = litmus(["-", "--inject", "IOMMU_DESTROY:error=EIO:when=1"], text(...destroys));
		expect(ran.stderr).toBe("kernel: simulated, with faults injected\n");
		expect(ran.stdout).toContain("   1  a.1 EIO; b.1 ok\n   2  a.1 ok; b.1 EIO\n");
		expect(litmus(["-", "--inject", "IOMMU_IOAS_ALLOC:error=ENOMEM"], text(...destroys)).stderr).toContain(
			"stdin:3: the setup answers ENOMEM",
		);
	});

	it("fails if an outcome is forbidden, or one lacks what is required", () => {
		const forbidden = litmus(["-"], text(...destroys, "forbid a.1.errno == ENOENT"));
		expect(forbidden.status).toBe(1);
		expect(forbidden.stdout).toContain("outcome 2 breaks line 11: forbid a.1.errno == ENOENT");
		const required = litmus(["-"], text(...destroys, "require a.1.errno == 0"));
		expect(required.status).toBe(1);
		expect(required.stdout).toContain("outcome 2 breaks line 11: require a.1.errno == 0");
		expect(litmus(["-"], text(...destroys, "require (a.1.errno == 0) + (b.1.errno == 0) == 1")).status).toBe(0);
	});

	it("answers one JSON document for each test", () => {
		const [document] = documents(litmus(["-", "--json"], text(...destroys)));
		expect(document).toMatchObject({
			schema: "iommuctl.litmus",
			version: 1,
			file: "stdin",
			about: "An IOAS is destroyed twice.",
			kernel: "sim",
			failed: false,
			orders: 2,
			ordersRun: 2,
			complete: true,
			rounds: null,
		});
		const [first] = document.outcomes as { answers: unknown[] }[];
		expect(first).toMatchObject({
			explained: true,
			order: ["a.1", "b.1"],
			answers: [
				{ line: "a.1", text: "ok", errno: null },
				{ line: "b.1", text: "ENOENT", errno: "ENOENT" },
			],
		});
	});

	it("reports for CI", () => {
		const ktap = litmus(["-", "--format", "ktap"], text(...destroys, "forbid b.1.errno == 0"));
		expect(ktap.status).toBe(1);
		expect(ktap.stdout).toMatch(/^KTAP version 1\n/);
		expect(ktap.stdout).toContain("not ok 1 ");
		expect(ktap.stdout).toContain("# Totals: pass:0 fail:1");
		const junit = litmus(["scripts/litmus/map-map.iommu", "scripts/litmus/unmap-unmap.iommu", "--format", "junit"]);
		expect(junit.stdout).toContain('<testsuites tests="2" failures="0"');
		const [json] = documents(litmus(["scripts/litmus/map-map.iommu", "--format", "json"]));
		expect(json).toMatchObject({ schema: "iommuctl.report", ok: 1, cases: [{ documents: [{ schema: "iommuctl.litmus" }] }] });
	});

	it("skips what the kernel lacks", () => {
		const ran = litmus(["-"], text("require kernel real", ...destroys));
		expect(ran.status).toBe(77);
		expect(ran.stdout).toContain("stdin: skipped:");
	});

	it("runs a sample of more orders than --orders, and says so", () => {
		const many = (name: string) => [`thread ${name} {`, "	repeat 6 {", "		ioas alloc", "	}", "	destroy $ioas", "}"];
		const ran = litmus(["-", "--orders", "40", "--seed", "3"], text(...destroys.slice(0, 4), ...many("a"), ...many("b")));
		expect(ran.stdout).toMatch(/3,432 orders; 40 random orders of them run: \d allowed outcomes?/);
		expect(ran.status).toBe(0);
	});
});

describe("what is wrong with a test", () => {
	const cases: readonly (readonly [string, readonly string[], string])[] = [
		["one thread", destroys.slice(0, 7), "stdin: a litmus test needs two threads"],
		["two of one name", [...destroys.slice(0, 7), "thread a {", "	destroy $ioas", "}"], "stdin:8: two threads are called a"],
		["a line outside of the blocks", [...destroys, "ioas alloc"], "stdin:11: a command outside of the blocks"],
		["a setup that fails", [...destroys.slice(0, 3), "	destroy 7", ...destroys.slice(3)], "stdin:4: "],
		["an unknown command", [...destroys.slice(0, 5), "	destory $ioas", ...destroys.slice(6)], "stdin:6: "],
		["an unknown name", [...destroys, "forbid a.1.iova == 0"], "stdin:11: a.1 has no field iova"],
		["an unknown errno", [...destroys, "forbid a.1.errno == EFOO"], 'stdin:11:21: "EFOO" is not known'],
		["an unknown line", [...destroys, "forbid a.2.errno == 0"], "stdin:11: there is no a.2"],
		["`expect`", [...destroys.slice(0, 5), "	expect ENOENT destroy $ioas", ...destroys.slice(6)], "stdin:6: `expect` in a litmus test"],
		["what is no call", [...destroys.slice(0, 5), "	sim dma vfio0 read 0 8", ...destroys.slice(6)], "stdin:6: `sim` makes no calls"],
		["a thread without a call", [...destroys.slice(0, 5), "	let x = 1", ...destroys.slice(6)], "stdin: thread a makes no call"],
	];
	for (const [name, lines, message] of cases)
		it(name, () => {
			const ran = litmus(["-"], text(...lines));
			expect(ran.stderr).toContain(`error: ${message}`);
			expect(ran.status).toBe(2);
		});

	it("options that do not go together", () => {
		expect(litmus(["scripts/litmus", "--show", "1"]).status).toBe(2);
		expect(litmus(["-", "--orders", "0"], text(...destroys)).status).toBe(2);
		// Wrong on every kernel, though only the real one races.
		const wrong = (...args: string[]) => litmus(["-", ...args], text(...destroys));
		expect(wrong("--rounds", "0")).toMatchObject({ status: 2, stderr: "error: --rounds 0: at least one round is needed\n" });
		expect(wrong("--rounds", "x").status).toBe(2);
		expect(wrong("--time", "3x")).toMatchObject({ status: 2, stderr: expect.stringContaining('--time: "3x" is not a length of time') });
		expect(wrong("--time", "3s", "--rounds", "5").stderr).toBe("error: --rounds and --time cannot both be given\n");
		expect(litmus(["-", "--why"], text(...destroys)).stderr).toContain("--why explains the order that --show prints");
		expect(litmus(["-", "--mark"], text(...destroys)).stderr).toContain("--mark: every order has a simulated kernel of its own");
		expect(litmus(["-", "--c", "-", "--inject", "ioctl:error=EIO"], text(...destroys)).stderr).toContain(
			"--inject does not reach the calls of the C program",
		);
		expect(litmus(["-", "--json", "--format", "ktap"], text(...destroys)).status).toBe(2);
	});
});

describe("on the real kernel", () => {
	const race = [
		"# Closed while it is read.",
		"setup {",
		"	f = mem memfd 4k",
		"}",
		"thread a {",
		"	file close $f",
		"}",
		"thread b {",
		"	file read $f 4",
		"}",
	];
	const real = (...args: string[]) => iommuctlProcess(["litmus", "-", "--kernel", "real", ...args], { input: text(...race) });

	it("threads race, and every outcome has an order", () => {
		const [document] = documents(real("--rounds", "300", "--json"));
		expect(document).toMatchObject({ kernel: "real", rounds: 300, failed: false, problems: [] });
		const outcomes = document.outcomes as { rounds: number; explained: boolean }[];
		expect(outcomes.map(({ explained }) => explained)).toEqual([true, true]);
		expect(outcomes.reduce((sum, { rounds }) => sum + rounds, 0)).toBe(300);
	});

	it("an answer that no order gives is a failure", () => {
		// The simulated kernel has no such file.
		const lines = ["# A file.", ...race.slice(1, 4), "thread a {", "	file open /proc/version", "}", ...race.slice(7)];
		const ran = (...args: string[]) =>
			iommuctlProcess(["litmus", "-", "--kernel", "real", "--rounds", "20", ...args], { input: text(...lines) });
		const shown = ran();
		expect(shown.status).toBe(1);
		expect(shown.stdout.replace(/in [\d.]+ s$/m, "in 0 s")).toBe(
			text(
				"stdin: A file.",
				"  2 orders: 1 allowed outcome; 20 rounds in 0 s",
				"   1  0  a.1 ENOENT; b.1 ok ret=4 data=00000000",
				"   2 20  a.1 ok; b.1 ok ret=4 data=00000000  <- NOT EXPLAINED by any order, first in round 1",
				"  outcome 2 is not explained by any order of the calls (20 rounds)",
				"",
			),
		);
		const [document] = documents(ran("--json"));
		expect(document).toMatchObject({ failed: true, problems: ["outcome 2 is not explained by any order of the calls (20 rounds)"] });
		expect(document.outcomes).toMatchObject([
			{ explained: true, rounds: 0, firstRound: null },
			{ explained: false, order: null, rounds: 20, firstRound: 1 },
		]);
	});

	it("for a time, each on its CPU", () => {
		const ran = real("--time", "300ms", "--pin");
		expect(ran.status).toBe(0);
		expect(ran.stdout).toMatch(/2 orders: 2 allowed outcomes; [\d,]+ rounds in \d+\.\d s/);
	});

	it("a process has the same files and a copy of the memory, as on the simulated kernel", () => {
		const lines = [
			...["setup {", "	f = mem memfd 4k", "	m = mem alloc 4k", "	s = mem alloc 4k --memfd $f", "	mem write $m 11", "}"],
			...["thread a {", "	file read $f 1", "	mem write $m 33", "	mem read $m 1", "}"],
			...[
				"process b {",
				"	mem read $m 1",
				"	mem write $s 22",
				"	mem write $m 44",
				"	g = mem memfd 4k",
				"	file read $g 4",
				"	file close $f",
				"}",
			],
			...["finally {", "	mem read $m 1", "	file read $f 1", "}"],
		];
		const [simulated] = documents(litmus(["-", "--json"], text(...lines)));
		const [real] = documents(iommuctlProcess(["litmus", "-", "--kernel", "real", "--rounds", "100", "--json"], { input: text(...lines) }));
		const outcomes = (document: Record<string, never>) =>
			(document.outcomes as { answers: { line: string; text: string }[] }[]).map(({ answers }) =>
				answers.map((one) => `${one.line} ${one.text}`).join("; "),
			);
		const rest =
			"a.2 ok; a.3 ok data=33; b.1 ok data=11; b.2 ok; b.3 ok; b.4 ok; b.5 ok ret=4 data=00000000; b.6 ok; finally.1 ok data=33; finally.2 ok ret=1 data=00";
		expect(outcomes(simulated)).toEqual([`a.1 ok ret=1 data=00; ${rest}`, `a.1 ok ret=1 data=22; ${rest}`]);
		expect(real).toMatchObject({ rounds: 100, failed: false, problems: [] });
		expect(outcomes(real)).toEqual(outcomes(simulated));
	});

	it("a setup that fails there ends it", () => {
		// There is no such file on the real kernel of whoever runs the tests; the simulated one has it.
		const lines = ["setup {", "	f = file open /dev/vfio/devices/vfio0", "}", ...race.slice(4)];
		const ran = iommuctlProcess(["litmus", "-", "--kernel", "real", "--rounds", "5"], { input: text(...lines) });
		expect(ran.status).toBe(1);
		expect(ran.stdout).toContain("round 1: line 2 of the setup answers ENOENT");
	});
});

describe("on this machine's kernel", () => {
	const folder = temporaryFolder();
	it("one test after another is raced by the same threads", { timeout: 40_000 }, () => {
		for (const name of ["a", "b"])
			writeFileSync(
				join(folder, `${name}.iommu`),
				"setup {\n f = mem memfd 4k\n}\nthread a {\n file read $f 4\n}\nthread b {\n file read $f 4\n}\n",
			);
		// A race that hangs would take this process with it.
		const ran = spawnSync(process.execPath, [join(root, "bin/iommuctl.js"), "litmus", "--kernel", "real", "--rounds", "20", folder], {
			encoding: "utf8",
			timeout: 30_000,
		});
		expect(ran.stdout).toContain("\n2 tests: 2 ok\n");
	});
});
