/** `record` as a process: the program's own end, input and output, and what is said where it cannot be started. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { whyNot } from "../../../src/record/index.js";
import { bin, iommuctlProcess, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();
const obstacle = whyNot(release(), (path) => (existsSync(path) ? readFileSync(path, "latin1") : undefined));

describe.skipIf(obstacle !== undefined)("record", () => {
	test("the program's input, output and exit code are its own", () => {
		const file = join(folder, "cat.jsonl");
		const ran = iommuctlProcess(["record", file, "-q", "--", "sh", "-c", "cat; echo $1 >&2; exit 9", "sh", "a b"], { input: "in" });
		expect(ran).toEqual({ status: 9, stdout: "in", stderr: "a b\n" });
		expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ trace: "iommufd", version: 1, kernel: "real", release: release() });
	});

	test("a program that opens /dev/iommu is in the trace, whether there is one or not", () => {
		const file = join(folder, "open.jsonl");
		const ran = iommuctlProcess(["record", file, "--", "perl", "-e", 'sysopen(F, "/dev/iommu", 2)']);
		expect(ran).toMatchObject({ status: 0, stderr: `${file}: 1 program\n` });
		const steps = readFileSync(file, "utf8").trim().split("\n").slice(2, -1);
		expect(JSON.parse(steps[0])).toMatchObject({ op: "open", path: "/dev/iommu" });
		expect(iommuctlProcess(["trace", "show", file])).toMatchObject({ status: 0, stdout: expect.stringContaining('open("/dev/iommu")') });
	});

	test("a program that is not there is 127, one that cannot be executed 126", () => {
		const file = join(folder, "no.jsonl");
		expect(iommuctlProcess(["record", file, "-q", "--", "no-such-program"])).toMatchObject({
			status: 127,
			stderr: "error: no-such-program cannot be started: not found\n",
		});
		expect(iommuctlProcess(["record", file, "--", "/etc/passwd"])).toMatchObject({
			status: 126,
			stderr: "error: /etc/passwd cannot be started: EACCES\n",
		});
		expect(existsSync(file)).toBe(false);
	});

	test("says what is missing, and does not touch a file that is not a trace", () => {
		expect(iommuctlProcess(["record", join(folder, "x.jsonl")]).status).toBe(2);
		expect(iommuctlProcess(["record", "-", "--", "true"])).toMatchObject({ status: 2, stderr: expect.stringContaining("name a file") });
		expect(iommuctlProcess(["record", "/etc/passwd", "--", "true"])).toMatchObject({
			status: 2,
			stderr: expect.stringContaining("not an iommufd trace"),
		});
	});

	test("under exec it says what to do instead, and leaves no file", () => {
		const file = join(folder, "inside.jsonl");
		const ran = iommuctlProcess(["exec", "--", process.execPath, bin, "record", file, "--", "true"]);
		expect(ran).toMatchObject({ status: 3, stderr: expect.stringContaining("iommuctl exec --record FILE") });
		expect(existsSync(file)).toBe(false);
	});

	test("a full disk ends the recording, and not the program", () => {
		const file = join(folder, "full.jsonl");
		const opens = 'for (1 .. 300) { sysopen(F, "/dev/iommu", 2) } print "went on\\n"';
		const command = `ulimit -f 16; exec "$0" "$1" record "$2" -- perl -e '${opens}'`;
		const { status, stdout, stderr } = spawnSync("sh", ["-c", command, process.execPath, bin, file], { encoding: "utf8" });
		expect([status, stdout, stderr.match(/^error: .*/gm)]).toEqual([
			3,
			"went on\n",
			[`error: ${file} cannot be written: EFBIG; the recording ends here, the program goes on`],
		]);
		expect(readFileSync(file, "utf8").split("\n")[2]).toContain('"path":"/dev/iommu"');
	});

	test("a killed recorder takes the program with it", async () => {
		const mark = `31${process.pid}`;
		const running = spawn(process.execPath, [bin, "record", join(folder, "killed.jsonl"), "--", "sleep", mark], { stdio: "ignore" });
		const there = (): boolean => spawnSync("pgrep", ["-fx", `sleep ${mark}`]).status === 0;
		for (let i = 0; i < 200 && !there(); i++) await setTimeout(50);
		expect(there()).toBe(true);
		running.kill("SIGKILL");
		for (let i = 0; i < 100 && there(); i++) await setTimeout(50);
		expect(there()).toBe(false);
	});
});
