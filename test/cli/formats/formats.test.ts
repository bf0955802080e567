/** Reports of run and replay: KTAP, JUnit, JSON. */
import { describe, expect, test } from "vitest";
import type { Case } from "../../../src/cli/commands/tools/formats/index.js";
import { junit } from "../../../src/cli/commands/tools/formats/junit.js";
import { ktap } from "../../../src/cli/commands/tools/formats/ktap.js";
import { documents, script } from "../cli.js";

const mixed = ["echo hi", "ioas = ioas alloc # new", "expect ENOENT destroy 77", "destroy 9", "ioas alloc"];

describe("run --format ktap", () => {
	test("a case for each line but headings; what is behind a failure is skipped", () => {
		const { status, stdout } = script(mixed.slice(1), "--format", "ktap");
		expect(status).toBe(1);
		const lines = stdout.split("\n");
		expect(lines[0]).toBe("KTAP version 1");
		expect(lines).toContain("1..4");
		expect(lines.filter((line) => /^(not )?ok /.test(line))).toEqual([
			"ok 1 line 1: ioas = ioas alloc",
			"ok 2 line 2: expect ENOENT destroy 77",
			"not ok 3 line 3: destroy 9",
			"ok 4 line 4: ioas alloc # SKIP not reached: line 3 failed",
		]);
		expect(lines).toContain("# failed  IOMMU_DESTROY: ENOENT (2): no object has this ID in this context");
		expect(lines).toContain("# Totals: pass:2 fail:1 xfail:0 xpass:0 skip:1 error:0");
		expect(stdout).not.toMatch(/\bhi\b/);
	});

	test("a heading makes a subtest of the lines below it; one without lines is no case", () => {
		const lines = ["ioas alloc", "echo Empty", "echo Good things", "destroy 1", "echo 'Bad # things'", "destroy 9", "ioas alloc"];
		const { status, stdout } = script([...lines, "echo Not reached", "ioas alloc"], "--format", "ktap");
		expect(status).toBe(1);
		expect(stdout.split("\n").filter((line) => !/^ *# (?!Subtest)/.test(line))).toEqual([
			"KTAP version 1",
			"1..4",
			"ok 1 line 1: ioas alloc",
			"  KTAP version 1",
			"  # Subtest: Good things",
			"  1..1",
			"  ok 1 line 4: destroy 1",
			"ok 2 Good things",
			"  KTAP version 1",
			"  # Subtest: Bad # things",
			"  1..2",
			"  not ok 1 line 6: destroy 9",
			"  ok 2 line 7: ioas alloc # SKIP not reached: line 6 failed",
			"not ok 3 Bad \\# things",
			"  KTAP version 1",
			"  # Subtest: Not reached",
			"  1..1",
			"  ok 1 line 9: ioas alloc # SKIP not reached: line 6 failed",
			"ok 4 Not reached # SKIP not reached: line 6 failed",
			"",
		]);
		expect(stdout).toContain("\n  # failed  IOMMU_DESTROY: ENOENT (2)");
		expect(stdout).toContain("# Totals: pass:2 fail:1 xfail:0 xpass:0 skip:2 error:0");
	});

	test("a # in a command is no directive", () => {
		const one: Case = { number: 1, line: 1, title: 'echo "# SKIP"', result: "ok", exit: 0, errno: 0, seconds: 0, stdout: "", stderr: "" };
		expect(ktap().one(one)).toBe('ok 1 line 1: echo "\\# SKIP"\n');
	});

	test("wrong usage is an error, not a failed check", () => {
		const { status, stdout } = script(["ioas mpa"], "--format", "ktap");
		expect(status).toBe(2);
		expect(stdout).toContain("not ok 1 line 1: ioas mpa\n");
		expect(stdout).toContain("fail:0 xfail:0 xpass:0 skip:0 error:1");
	});
});

describe("run --format junit", () => {
	test("counts, failures, skips", () => {
		const { status, stdout } = script([...mixed, "require kernel real", "ioas alloc"], "--format", "junit", "--keep-going");
		expect(status).toBe(1);
		expect(stdout).toContain('<testsuite name="stdin: hi" tests="6" failures="1" errors="0"');
		expect(stdout).toMatch(/<testcase name="line 4: destroy 9"[^>]*>\n\s*<failure message="failed {2}IOMMU_DESTROY: ENOENT/);
		expect(stdout).toMatch(/name="line 7: ioas alloc"[^>]*>\n\s*<skipped message="the kernel is simulated"\/>/);
		expect(stdout.match(/<testcase /g)).toHaveLength(6);
		expect(stdout.match(/<testsuite .*skipped="2"/g)).toHaveLength(1);
	});

	test("a suite for each heading, whose counts are its own", () => {
		const { stdout } = script(["ioas alloc", "echo Good", "ioas alloc", "destroy 1", "echo Bad", "destroy 9"], "--format", "junit");
		const suites = [...stdout.matchAll(/<testsuite name="([^"]*)" tests="(\d+)" failures="(\d+)"/g)].map(([, ...found]) => found);
		expect(suites).toEqual([
			["stdin", "1", "0"],
			["stdin: Good", "2", "0"],
			["stdin: Bad", "1", "1"],
		]);
		expect(stdout).toMatch(/<testsuites tests="4" failures="1" errors="0"/);
		expect(stdout.match(/classname="stdin: Good"/g)).toHaveLength(2);
	});

	test("has no attribute that Jenkins' schema does not have", () => {
		const allowed: Readonly<Record<string, readonly string[]>> = {
			testsuites: ["name", "time", "tests", "failures", "disabled", "errors"],
			testsuite: ["name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"],
			properties: [],
			property: ["name", "value"],
			testcase: ["name", "assertions", "time", "classname", "status"],
			skipped: ["message", "type"],
			error: ["message", "type"],
			failure: ["message", "type"],
			"system-out": [],
		};
		const { stdout } = script([...mixed, "ioas mpa", "require kernel real", "ioas alloc"], "--format", "junit", "--keep-going");
		const elements = [...stdout.matchAll(/<([a-z][a-z-]*)((?: [a-zA-Z]+="[^"]*")*)\s*\/?>/g)];
		expect(new Set(elements.map(([, name]) => name))).toEqual(new Set(Object.keys(allowed)));
		for (const [, name, attributes] of elements) {
			for (const [, attribute] of attributes.matchAll(/ ([a-zA-Z]+)=/g)) expect(allowed[name], name).toContain(attribute);
		}
	});

	test("what XML has no place for is replaced, the rest escaped", () => {
		const reporter = junit();
		reporter.start({ file: 'a"b.iommu', kernel: "sim", which: "<s>", groups: [{ count: 1 }] });
		const stdout = "a\u0000<b>\ud800&";
		reporter.one({ number: 1, line: 1, title: 'x "y"', result: "ok", exit: 0, errno: 0, seconds: 0, stdout, stderr: "" });
		const text = reporter.end(0);
		expect(text).toContain("<system-out>a\ufffd&lt;b&gt;\ufffd&amp;</system-out>");
		expect(text).toContain('classname="a&quot;b.iommu"');
		expect(text).toContain('value="&lt;s&gt;"');
	});
});

describe("run --format json", () => {
	test("one document, with every command's own", () => {
		const ran = script(mixed, "--format", "json");
		const [document, ...rest] = documents(ran);
		expect(rest).toEqual([]);
		expect(document).toMatchObject({ schema: "iommuctl.report", version: 1, ok: 2, failed: 1, skipped: 1, error: 0, exit: 1 });
		const cases = document.cases as { result: string; documents: { schema: string; id: number }[] }[];
		expect(cases.map(({ result }) => result)).toEqual(["ok", "ok", "failed", "skipped"]);
		expect(cases[0].documents).toMatchObject([{ schema: "iommuctl.call", id: 1 }]);
		expect(cases).toMatchObject(cases.map(() => ({ heading: "hi" })));
	});

	test("--json is about another shape", () => {
		expect(script(["ioas alloc"], "--format", "ktap", "--json").status).toBe(2);
	});
});

describe("require", () => {
	test.each([
		["require kernel real", "the kernel is simulated"],
		[
			"require device vfio99",
			"/dev/vfio/devices/vfio99 cannot be opened: ENOENT; machine mixed offers vfio0 to vfio10, vfio33 to vfio34 behind vtd (solo, fnA, fnB, svm, fn0rid, ats, bridged, pf, vf, siov0, siov1); vfio11 to vfio21 behind smmuv3 (solo, fnA, fnB, svm, fn0rid, ats, bridged, pf, vf); vfio22 to vfio32 behind amd (solo, fnA, fnB, svm, fn0rid, ats, bridged, pf, vf); vfio35 (mtty0)",
		],
	])("what is not there skips the rest with exit 77: %s", (line, reason) => {
		const { status, stdout } = script([line, "ioas alloc"]);
		expect(status).toBe(77);
		expect(stdout).toContain(`> ${line}\n  skipped: ${reason}\n0 commands: 0 ok, 1 line skipped\n`);
		const report = script([line, "ioas alloc"], "--format", "ktap");
		expect(report.status).toBe(77);
		expect(report.stdout).toContain(`ok 1 line 1: ${line} # SKIP ${reason}\nok 2 line 2: ioas alloc # SKIP ${reason}\n`);
		expect(documents(script([line, "ioas alloc"], "--json"))).toMatchObject([{ schema: "iommuctl.run", skipped: reason, exit: 77 }]);
	});

	test.each(["require kernel sim", "require ioctl IOMMU_VIOMMU_ALLOC", "require selftest"])("what is there goes on: %s", (line) => {
		const { status, stdout } = script([line, "ioas alloc"]);
		expect(status).toBe(0);
		expect(stdout).toContain("1 command: 1 ok\n");
	});

	test("a failure before it stays one", () => {
		expect(script(["destroy 9", "require kernel real"], "--keep-going").status).toBe(1);
	});

	test.each([
		["require", "`require` needs a requirement"],
		["require kernle real", '"kernle" cannot be required'],
		["require kernel other", 'require kernel: "other" is not a kernel'],
		["require ioctl IOMMU_VIOMU_ALLOC", 'require ioctl: "IOMMU_VIOMU_ALLOC" is not a call of /dev/iommu'],
		["require device", "`require device` needs a VFIO device"],
		["require selftest now", "`require selftest` takes no argument"],
	])("%s is wrong usage", (line, message) => {
		const { status, stderr } = script(["ioas alloc", line]);
		expect(status).toBe(2);
		expect(stderr).toContain(`error: stdin:2: ${message}`);
	});
});
