/** Several cases of a command, as a process: threads, and going on after an interruption. */
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { iommuctl, root, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();
const golden = join(root, "test/fixtures/golden");
for (const name of ["numbers", "contexts", "mutate"]) cpSync(join(golden, `${name}.jsonl.gz`), join(folder, `${name}.jsonl.gz`));
writeFileSync(join(folder, "cut.jsonl"), '{"trace":"iommufd","version":1}\n{"program":"p"}\n');
writeFileSync(join(folder, "good.iommu"), "echo Good\nioas alloc\n");
writeFileSync(join(folder, "bad.iommu"), "destroy 9\nioas alloc\n");
writeFileSync(join(folder, "not.iommu"), "repeat 2 {\n");
writeFileSync(join(folder, "elsewhere.iommu"), "require kernel real\nioas alloc\n");

const scripts = ["good.iommu", "bad.iommu", "not.iommu", "elsewhere.iommu"];
const traces = ["numbers.jsonl.gz", "contexts.jsonl.gz", "cut.jsonl", "mutate.jsonl.gz"];
const here = (args: readonly string[]) => iommuctl(args, { cwd: folder });

describe("run with several files", () => {
	it("runs each as if it were alone, and the next one even if it failed", () => {
		const { status, stdout, stderr } = here(["run", ...scripts, "--kernel", "sim"]);
		expect(status).toBe(2);
		expect(stdout).toContain("good.iommu\nGood\n> ioas alloc\n");
		expect(stdout).toContain("  ok  IOMMU_IOAS_ALLOC  out_ioas_id=1\n1 command: 1 ok\nbad.iommu\n");
		expect(stdout).toContain("elsewhere.iommu\n> require kernel real\n  skipped: the kernel is simulated\n");
		expect(stdout).toMatch(/4 scripts: 1 ok, 2 failed, 1 skipped\n$/);
		expect(stderr).toContain("not.iommu:1");
		expect(stderr.match(/kernel: simulated/g)).toHaveLength(1);
	});

	it("reports each as a suite; one that cannot be begun is an error", () => {
		const { status, stdout } = here(["run", ...scripts, "--kernel", "sim", "--format", "ktap"]);
		expect(status).toBe(2);
		expect(stdout.split("\n").filter((line) => /^(?:not )?ok|^1\.\.|^# Totals/.test(line))).toEqual([
			"1..4",
			"ok 1 good.iommu",
			"not ok 2 bad.iommu",
			"not ok 3 not.iommu",
			"ok 4 elsewhere.iommu # SKIP the kernel is simulated",
			"# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:3 error:1",
		]);
	});

	it("has no place in a script", () => {
		writeFileSync(join(folder, "outer.iommu"), "run good.iommu bad.iommu\n");
		const { status, stderr } = here(["run", "outer.iommu", "--kernel", "sim"]);
		expect(status).toBe(2);
		expect(stderr).toContain("several scripts have a kernel each");
	});
});

describe("--jobs", () => {
	it("changes neither output nor exit code", () => {
		const args = ["replay", ...traces, "--max", "3"];
		const [one, three] = ["1", "3"].map((jobs) => here([...args, "--jobs", jobs]));
		expect(three).toEqual(one);
		expect(one.status).toBe(2);
		expect(one.stderr).toContain("cut.jsonl:2: the file ends inside program p");
		expect(one.stdout).toMatch(/contexts\.jsonl\.gz: \d+ programs/);
	});

	it("is a number from 1", () => {
		expect(here(["run", ...scripts, "--jobs", "0"])).toMatchObject({ status: 2, stdout: "" });
	});
});

describe("options that cannot go together, or would do nothing, are refused before anything runs", () => {
	test.each([
		[["run", "good.iommu", "--jobs", "0"], '--jobs: "0" is not a number of threads'],
		[["run", "good.iommu", "bad.iommu", "--seed", "x"], '--seed: "x" is not a number'],
		[["run", "good.iommu", "bad.iommu", "--var", "x"], "--var x: expected a name and a value"],
		[["run", "--list", "--keep-going"], "--list runs no script\n  leave --keep-going out"],
		[["run", "/dev/stdin", "--resume", "new"], "--resume: stdin cannot be read again"],
		[["run", "good.iommu", "--record", "my.jsonl", "--resume", "new"], "--record and --resume cannot both be given"],
		[["litmus", "-", "--resume", "new"], "--resume: stdin cannot be read again"],
		[["litmus", "good.iommu", "--c", "-", "--shard", "1/2"], "--c writes a program and runs no test\n  leave --shard out"],
		[["litmus", "good.iommu", "--show", "1", "--format", "ktap"], "--show prints calls for people to read"],
		[["replay", "mutate.jsonl.gz", "--uapi", "nope"], '--uapi: "nope" is neither a release'],
	])("%j", (words, message) => {
		const { status, stdout, stderr } = here(words);
		expect(stderr.match(/^error: /gm)).toHaveLength(1);
		expect(stderr).toContain(`error: ${message}`);
		expect([status, stdout]).toEqual([2, ""]);
	});
});

describe("--pretty", () => {
	it("indents a report that is JSON, and goes with no other", () => {
		expect(here(["replay", "mutate.jsonl.gz", "--format", "json", "--pretty"]).stdout).toMatch(/^\{\n {2}"schema": "iommuctl.report",\n/);
		expect(here(["run", "good.iommu", "--pretty", "--format", "ktap"]).stderr).toBe(
			"error: --pretty and --format ktap cannot both be given\n",
		);
	});
});

describe("replay of one program", () => {
	const words = ["replay", "numbers.jsonl.gz", "contexts.jsonl.gz", "--format", "ktap", "--program"];

	it("skips the files that do not have it", () => {
		const { status, stdout } = here([...words, "numbers-0"]);
		expect(stdout).toContain("ok 1 numbers.jsonl.gz\nok 2 contexts.jsonl.gz # SKIP it has no program called numbers-0\n");
		expect(status).toBe(0);
	});

	it("that is in none of them fails, but in a shard may be in another's", () => {
		const whole = here([...words, "nope"]);
		expect(whole).toMatchObject({ status: 2, stderr: expect.stringContaining("error: no program is called nope\n") });
		expect(here([...words, "nope", "--shard", "1/1"]).status).toBe(77);
	});
});

describe("--resume", () => {
	const done = join(folder, "done");
	const command = ["run", ...scripts, "--kernel", "sim", "--format", "junit"];
	const files = () => readdirSync(done).sort();

	it("runs only what has not finished, and reports all of it", () => {
		const whole = here(command);
		expect(here([...command, "--resume", done])).toEqual(whole);
		expect(files()).toEqual(["begun.json", ...[1, 2, 3, 4].map((at) => `case-00000${at}.json`)]);
		for (const name of files()) expect(statSync(join(done, name)).mode & 0o777).toBe(0o600);
		expect(statSync(done).mode & 0o777).toBe(0o700);
		// as if the run had been interrupted in the second case
		rmSync(join(done, "case-000002.json"));
		const before = statSync(join(done, "case-000001.json"));
		expect(here([...command, "--jobs", "2", "--resume", done])).toEqual(whole);
		expect(statSync(join(done, "case-000001.json"))).toMatchObject({ mtimeMs: before.mtimeMs, ino: before.ino });
		expect(files()).toHaveLength(5);
	});

	it("runs a script again if one that it runs has changed", () => {
		writeFileSync(join(folder, "inner.iommu"), "ioas alloc\n");
		for (const name of ["first", "second"])
			writeFileSync(join(folder, `${name}.iommu`), `echo ${name}\n${name === "first" ? "run inner.iommu" : "ioas alloc"}\n`);
		const kept = join(folder, "kept");
		const words = ["run", "first.iommu", "second.iommu", "--kernel", "sim", "--format", "ktap", "--resume", kept];
		const before = here(words);
		expect(before.stdout).toMatch(/^# Totals: pass:2 fail:0 /m);
		const times = () => [1, 2].map((at) => statSync(join(kept, `case-00000${at}.json`)).ino);
		const [first, second] = times();
		expect(here(words)).toEqual(before);
		expect(times()).toEqual([first, second]);
		writeFileSync(join(folder, "inner.iommu"), "destroy 9\n");
		const after = here(words);
		expect(after.stdout).toMatch(/^# Totals: pass:1 fail:1 /m);
		expect(times()[0]).not.toBe(first);
		expect(times()[1]).toBe(second);
		rmSync(join(folder, "inner.iommu"));
		expect(here(words).stdout).toContain("inner.iommu: no such file");
	});

	it("refuses other arguments and other contents, and a folder with other files", () => {
		const other = here([...command.slice(0, -1), "ktap", "--resume", done]);
		expect(other).toMatchObject({ status: 2, stdout: "" });
		expect(other.stderr).toContain("was begun by other arguments: iommuctl run good.iommu");
		writeFileSync(join(folder, "good.iommu"), "ioas alloc\nioas alloc\n");
		expect(here([...command, "--resume", done]).stderr).toContain("was begun with other contents of good.iommu\n");
		const full = join(folder, "full");
		mkdirSync(full);
		writeFileSync(join(full, "mine"), "");
		expect(here([...command, "--resume", full])).toMatchObject({ status: 2, stdout: "" });
	});
});
