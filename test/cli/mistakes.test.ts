/** Mistakes a user can make, each with its one clear message. */
import { spawnSync } from "node:child_process";
import { openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
	formatStruct,
	iommu_hwpt_alloc,
	iommu_hwpt_invalidate,
	iommu_hwpt_vtd_s1_invalidate,
	iommu_veventq_alloc,
	type StructType,
} from "../../structs/index.js";
import { documents, iommuctl, iommuctlProcess, nested, root, script, temporaryFolder } from "./cli.js";

const folder = temporaryFolder();

function file(name: string, content: string | Uint8Array): string {
	const path = join(folder, name);
	writeFileSync(path, content);
	return path;
}

describe("scripts", () => {
	test("one that runs itself ends, however many files that takes", () => {
		file("a.iommu", `run ${join(folder, "b.iommu")}\n`);
		file("b.iommu", "run a.iommu\n");
		const { status, stderr } = iommuctl(["run", "a.iommu", "--kernel", "sim"], { cwd: folder });
		expect(status).toBe(2);
		expect(stderr).toContain("a.iommu runs itself");
	});

	test("one may be run twice", () => {
		const twice = file("c.iommu", "ioas alloc\n");
		expect(script([`run ${twice}`, `run ${twice}`]).status).toBe(0);
	});

	test("a byte order mark is passed over", () => {
		const { status, stdout } = iommuctl(["run", "-", "--kernel", "sim"], { input: "\ufeffa = ioas alloc\r\ndestroy $a\r\n" });
		expect(stdout).toContain("2 commands: 2 ok");
		expect(status).toBe(0);
	});

	test.each([
		["expect EINVAL echo hello", 15, "`echo` is not a command\n  it cannot fail"],
		["a = echo hello", 5, "`echo` is not a command\n  it has no answer to keep"],
		["a = sleep 1ms", 5, "`sleep` is not a command\n  it has no answer to keep"],
		["expect EINVAL repeat 2 { }", 15, "`repeat` is not a command\n  it cannot fail"],
		["expect EINVAL a = ioas alloc", 15, "the name goes before `expect`\n  `a = expect EINVAL COMMAND`"],
	])("%s", (line, column, message) => {
		const { status, stderr } = script(["", line]);
		expect(status).toBe(2);
		expect(stderr).toBe(`error: stdin:2:${column}: ${message}\n`);
	});

	test("in JSON, a line that is wrong tells where it is", () => {
		const [error, , unknown] = documents(script(["bogus", "ioas alloc", "a = destroy $nope"], "--json", "--keep-going"));
		expect(error).toMatchObject({ schema: "iommuctl.error", file: "stdin", line: 1, name: null, exit: 2 });
		expect(unknown).toMatchObject({ schema: "iommuctl.error", file: "stdin", line: 3, name: "a" });
	});
});

describe("one command", () => {
	test("an option without its value does not swallow the next", () => {
		const { status, stderr } = iommuctl(["ioas", "map", "1", "--length", "--kernel", "sim"]);
		expect(status).toBe(2);
		expect(stderr).toContain("--length has no value: --kernel follows it");
	});

	test.each(["-1", "0x100000000"])("%s is not a request number", (request) => {
		const { status, stderr } = iommuctl(["raw", request, "--kernel", "sim"]);
		expect(status).toBe(2);
		expect(stderr).toContain("is not a request number\n  0 to 0xffffffff");
	});

	test("of a size that is too small, that is said", () => {
		const { stderr } = iommuctl(["ioas", "map", "1", "--size", "39", "--kernel", "sim"]);
		expect(stderr).toContain("EINVAL (22): size is too small: this call takes at least 40 bytes\n");
	});

	test("raw: bytes that are too few are pointed out, and a file that cannot be opened", () => {
		const { stdout } = iommuctl(["raw", "IOMMU_IOAS_ALLOC", "0c000000", "--kernel", "sim"]);
		expect(stdout).toContain("note: 4 bytes were given, but the struct has 12: the kernel also reads the zeroes behind them");
		const gone = iommuctl(["raw", "VFIO_DEVICE_GET_INFO", "--on-device", "vfio999", "--kernel", "sim"]);
		expect(gone.stderr).toContain("ENOENT (2): there is no such file");
		expect(gone.status).toBe(1);
	});

	test("the shell's file is not the simulated kernel's", () => {
		const { status, stderr } = iommuctlProcess(["ioas", "alloc", "--fd", "1", "--kernel", "sim"]);
		expect(status).toBe(2);
		expect(stderr).toContain("the simulated kernel does not have it");
	});

	test("--quiet prints addresses as addresses; errno in JSON has its meaning for files and memory too", () => {
		const quiet = script(["ioas alloc", "ioas map 1 --length 4k --iova 0x100000 --quiet", "mem free 1 1 --json"]);
		expect(quiet.stdout).toContain("  0x100000\n");
		const { errno } = JSON.parse(iommuctl(["mem", "read", "0x1000", "4", "--json", "--kernel", "sim"]).stdout) as { errno: object };
		expect(errno).toMatchObject({ name: "EFAULT", number: 14, meaning: expect.stringMatching(/mapped/) });
	});

	test("an answer that is the return value alone is shown, 0 too", () => {
		expect(iommuctl(["vfio", "check-extension", "99", "--kernel", "sim"]).stdout).toBe("ok  VFIO_CHECK_EXTENSION  ret=0\n");
	});

	test.runIf(process.platform === "linux")("output that cannot be written: one line, exit 3", () => {
		const full = openSync("/dev/full", "w");
		const done = spawnSync(process.execPath, [join(root, "bin/iommuctl.js"), "ioas", "alloc", "--kernel", "sim"], {
			stdio: ["ignore", full, "pipe"],
			encoding: "utf8",
		});
		expect(done.status).toBe(3);
		expect(done.stderr).toBe("kernel: simulated\nerror: stdout cannot be written: ENOSPC\n  the output is incomplete\n");
	});
});

describe("devices", () => {
	test("go by the ID they were bound as, too", () => {
		const ran = script([
			"ioas = ioas alloc",
			"dev = device bind vfio0",
			"device attach $dev $ioas",
			"device detach $dev",
			"device close $dev",
		]);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.status).toBe(0);
		const { status, stderr } = iommuctl(["device", "attach", "7", "1", "--kernel", "sim"]);
		expect(status).toBe(2);
		expect(stderr).toContain("no device with the ID 7 was bound here");
	});

	test("a file that is not there is what failed, not the call", () => {
		const { stderr } = iommuctl(["device", "attach", "vfio999", "1", "--kernel", "sim"]);
		expect(stderr).toContain("ENOENT (2): there is no such file\n");
	});

	test("device list tells what a file stands for", () => {
		const { stdout } = iommuctl(["device", "list", "--kernel", "sim", "--machine", "mixed"]);
		expect(stdout.split("\n")[0]).toBe("vfio0   0000:00:10.0");
		expect(stdout).toContain("vfio35  mtty0\n");
	});
});

describe("traces and scripts", () => {
	const script = "scripts/examples/first-mapping.iommu";

	test.each([
		["compare", script, "--right", "sim"],
		["replay", script],
		["trace", "show", script],
		["trace", "diff", script, script],
	])("%s of a script says how to make a trace of it", (...words) =>
		expect(iommuctl(words)).toMatchObject({
			status: 2,
			stdout: "",
			stderr: `error: ${script} is a script, not a trace\n  run it with --record first: iommuctl run ${script} --record my.jsonl\n`,
		}),
	);

	test.each(["run", "litmus", "fail-nth"])("%s of a trace says what runs it", (command) => {
		const { status, stderr } = iommuctl([command, "my.jsonl.gz", "--kernel", "sim"]);
		expect(stderr).toContain(
			"error: my.jsonl.gz is a trace, not a script\n  iommuctl replay runs it, and trace export --script makes a script of it\n",
		);
		expect(status).toBe(2);
	});
});

describe("replay", () => {
	test("- is stdin, plain or gzip", async () => {
		const { readFileSync } = await import("node:fs");
		const trace = readFileSync(join(root, "test/fixtures/golden/numbers.jsonl.gz"));
		expect(iommuctlProcess(["replay", "-"], { input: trace }).stdout).toBe("-: 1 programs, 113 steps, 0 differing\n");
	});

	test.skipIf(process.getuid === undefined)("--kernel real without /dev/iommu is the environment's fault", async () => {
		const { existsSync } = await import("node:fs");
		if (existsSync("/dev/iommu")) return;
		const { status, stderr } = iommuctlProcess(["replay", join(root, "test/fixtures/golden/numbers.jsonl.gz"), "--kernel", "real"]);
		expect(status).toBe(3);
		expect(stderr).toContain("/dev/iommu cannot be opened");
	});
});

test("a hundred thousand entries, an object a line, are read without keeping them all", () => {
	const lines = Array.from({ length: 100_000 }, (_, at) => `{"addr":"0x${(at * 4096).toString(16)}","npages":1,"flags":"LEAF"}`);
	const path = file("entries.jsonl", `\ufeff${lines.join("\n")}\n`);
	const { stdout } = iommuctl(["hwpt", "invalidate", "7", "--from", path, "--dry-run", "--json"]);
	const { sent, memory } = JSON.parse(stdout) as { sent: object; memory: { bytes: string }[] };
	expect(sent).toMatchObject({ entry_num: 100_000, entry_len: 24 });
	const bytes = Buffer.from(memory[0].bytes, "hex");
	expect(bytes.readBigUInt64LE(99_999 * 24)).toBe(99_999n * 4096n);
	expect(bytes.readUInt32LE(99_999 * 24 + 16)).toBe(1);
});

describe("numbers", () => {
	test.each([
		[["ioas", "map", "1", "--length", "+5"], '--length: "+5" is not a number'],
		[["ioas", "map", "1", "--length", "4k+"], '--length: "4k+" is not a number'],
		[["ioas", "map", "010"], 'IOAS: "010" begins with 0: 8 or 10? Write 0o10 or 10'],
		[["destroy", "09"], 'ID: "09" begins with 0; write 9'],
		[["mem", "write", "0", "--fill", "010", "--length", "4k"], '--fill: "010" begins with 0: 8 or 10?'],
		[["check", "1", "==", "01k"], 'check: "01k" begins with 0; write 1k'],
		[["trace", "diff", "x", "y", "--max", "010"], '--max: "010" is not a number'],
		[["ioas", "alloc", "--fd", "03"], '--fd: "03" is not a file descriptor'],
	])("%j is refused by name", (args, message) => {
		const { status, stderr } = iommuctl(args);
		expect(stderr).toContain(`error: ${message}`);
		expect(status).toBe(2);
	});

	test("have one base for each kind, in answers, in scripts and with -q", () => {
		const { stdout } = script([
			...nested,
			"map = ioas map $ioas --iova 0x1000000 --length 4k",
			"unmapped = ioas unmap $ioas --iova $map --length 4k",
			"check $unmapped.length == 4k",
			"check $ioas.ioas_id == 1",
			"get = option get HUGE_PAGES $ioas",
			"check $get == 1",
			"device info $device.idev_id",
		]);
		expect(stdout).toContain("ok  IOMMU_IOAS_UNMAP  length=0x1000\n");
		expect(stdout).toContain("ok  0x1000 == 4k\n");
		expect(stdout).toContain("ok  1 == 1\n");
		expect(stdout).toContain("ok  IOMMU_OPTION  val64=1\n");
		expect(stdout).toMatch(/data_len +0x8\n/);
		expect(stdout).toMatch(/out_capabilities +DIRTY_TRACKING\|.*\(0x9\)\n/);
	});

	test("of a field have the base that its declaration says", () => {
		const line = (struct: unknown, values: Record<string, unknown>): string[] =>
			formatStruct(struct as StructType, (struct as StructType).encode(values as never));
		expect(line(iommu_veventq_alloc, { veventq_depth: 1 << 19 })).toContainEqual(expect.stringMatching(/^veventq_depth += 524288$/));
		const invalidate = line(iommu_hwpt_invalidate, { entry_num: 70_000, entry_len: 16 });
		expect(invalidate).toContainEqual(expect.stringMatching(/^entry_num += 70000$/));
		expect(invalidate).toContainEqual(expect.stringMatching(/^entry_len += 0x10$/));
		const pages = (npages: bigint): string[] => line(iommu_hwpt_vtd_s1_invalidate, { npages });
		expect(pages(17n)).toContainEqual(expect.stringMatching(/^npages += 17$/));
		expect(pages((1n << 64n) - 1n)).toContainEqual(expect.stringMatching(/^npages += 0xffffffffffffffff$/));
		expect(line(iommu_hwpt_alloc, { flags: 1 })).toContainEqual(expect.stringMatching(/^flags += ALLOC_NEST_PARENT \(0x1\)$/));
	});
});

test("`expect` and --expect at once are refused", () => {
	for (const rest of ["--expect EBUSY", "--expect=ENOENT"]) {
		const { status, stderr } = script([`expect ENOENT destroy 9 ${rest}`]);
		expect(status).toBe(2);
		expect(stderr).toContain("error: stdin:1:15: `expect ENOENT` and --expect both say which errno is expected\n");
	}
});

test("--idle 0 would end a session before its first command", () => {
	for (const idle of ["0", "0s"]) {
		const { status, stderr } = iommuctlProcess(["session", "start", "--idle", idle]);
		expect(status).toBe(2);
		expect(stderr).toContain(`--idle ${idle}: the session would end before its first command`);
	}
});
