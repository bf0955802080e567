/** Every construct of the run language. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commandLine } from "../../../src/cli/execute.js";
import { Context } from "../../../src/cli/frame/context.js";
import { BufferSink } from "../../../src/cli/frame/io.js";
import { documents, iommuctl, iommuctlProcess, script, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();
/** The lines that ran, without their answers. */
const lines = (stdout: string): string[] => stdout.split("\n").filter((line) => /^\d?> /.test(line));

describe("loops and names", () => {
	test("repeat, for over words and ranges, let, --var", () => {
		const ran = script(
			[
				"let n = $count*2",
				"repeat $n-2 { ioas alloc }",
				"for x in 0..2 last { echo x is $x }",
				"check $n == 8",
				"ioas map 1 --length 4k*16 --iova BIT(20)",
			],
			"--var",
			"count=4",
		);
		expect(ran.status).toBe(0);
		expect(lines(ran.stdout).filter((line) => line === "> ioas alloc")).toHaveLength(6);
		expect(ran.stdout).toContain("x is 0\nx is 1\nx is 2\nx is last\n");
		expect(ran.stdout).toContain("iova=0x100000");
		expect(ran.stdout.trimEnd().endsWith("8 commands: 8 ok")).toBe(true);
	});

	test("--var that is not one", () => {
		expect(script(["ioas alloc"], "--var", "1=2").stderr).toContain("error: --var 1=2: expected a name and a value");
	});

	test("what goes wrong in an expression names the line", () => {
		const { status, stderr } = script(["ioas alloc", "let x = 1/0"]);
		expect(status).toBe(2);
		expect(stderr).toContain("error: stdin:2:10: a division by zero");
		expect(script(["let x = $nothing + 1"]).stderr).toContain("error: stdin:1:9: $nothing is not known");
		expect(script(["let x = ENOTHING"]).stderr).toContain('error: stdin:1:9: "ENOTHING" is not known');
		expect(script(["let x = ENOENT + IOMMU_HWPT_DATA_VTD_S1", "check $x == 3"]).status).toBe(0);
	});
});

describe("if", () => {
	test("on the errno of a call", () => {
		const both = ["a = expect 0|ENOENT destroy 9", "if $a.errno == ENOENT { echo it failed } else { echo it worked }"];
		expect(script(both).stdout).toContain("\nit failed\n");
		expect(script(["repeat 9 { ioas alloc }", ...both]).stdout).toContain("\nit worked\n");
	});

	test("$name of a call that failed has no value, and says why", () => {
		expect(script(["a = expect ENOENT destroy 9", "destroy $a"]).stderr).toContain("$a has no value of its own\n  its call failed: ENOENT");
	});
});

describe("functions", () => {
	test("have arguments and names of their own, and answer with their last answer", () => {
		const ran = script([
			"x = ioas alloc",
			"function twice ioas length {",
			"  x = ioas map $ioas --length $length",
			"  y = ioas map $ioas --length $length",
			"  check $x != $y",
			"}",
			"m = twice $x 4k",
			"check $x == 1",
			"ioas unmap $x --iova $m --length 4k",
		]);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("> m = twice $x 4k\n");
		expect(script(["function f a { ioas alloc }", "f"]).stderr).toContain("error: stdin:2: f takes 1 argument: a");
		expect(script(["function f { f }", "f"]).stderr).toContain("functions call each other more than 50 deep");
	});

	test("a script beside the one that names it may define them", () => {
		mkdirSync(join(folder, "lib"), { recursive: true });
		writeFileSync(join(folder, "lib/main.iommu"), "run defs.iommu\nmake\n");
		writeFileSync(join(folder, "lib/defs.iommu"), "function make { ioas alloc }\n");
		const ran = iommuctl(["run", "lib/main.iommu", "--kernel", "sim"], { cwd: folder });
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.stdout).toContain("> make\n> ioas alloc\n");
		writeFileSync(join(folder, "lib/defs.iommu"), "destroy 9\n");
		expect(iommuctl(["run", "lib/main.iommu", "--kernel", "sim"], { cwd: folder }).stderr).toContain("lib/defs.iommu:1: destroy 9\n");
	});
});

describe("finally", () => {
	test("runs after a failure; every line is tried, and what was never made is left out", () => {
		const ran = script([
			"a = ioas alloc",
			"destroy 77",
			"b = ioas alloc",
			"finally {",
			"  destroy 78",
			"  destroy $b",
			"  destroy $a",
			"}",
		]);
		expect(ran.status).toBe(1);
		expect(lines(ran.stdout)).toEqual(["> a = ioas alloc", "> destroy 77", "> destroy 78", "> destroy $a"]);
		expect(ran.stdout).toContain("4 commands: 2 ok, 2 failed, 1 line not reached\n");
	});

	test("a name that the script never makes is a mistake there too", () => {
		expect(script(["ioas alloc", "finally { destroy $typo }"]).stderr).toContain("error: stdin:2:19: $typo is not known");
	});
});

describe("--fd on a line", () => {
	test("is another context, with commands as ever", () => {
		const ran = script([
			"a = ioas alloc",
			"f = file open /dev/iommu",
			"b = ioas alloc --fd $f",
			"check $a == $b",
			"destroy $b --fd $f",
			"expect ENOENT destroy $b --fd $f",
			"destroy $a",
		]);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.status).toBe(0);
	});

	test("a queue belongs to the context that made it", () => {
		const made = ["fault alloc", "f = file open /dev/iommu", "ioas alloc --fd $f", "q = fault alloc --fd $f"];
		expect(script([...made, "fault read $q --fd $f"]).status).toBe(0);
		expect(script([...made, "fault read $q"]).stderr).toContain("stdin:5: fault read $q");
	});
});

describe("parallel", () => {
	test("the blocks' lines take turns; one that waits lets the others go on", () => {
		const ran = script(["parallel { ioas alloc", "ioas alloc } { fault alloc", "sleep 5ms", "fault alloc }"]);
		expect(lines(ran.stdout)).toEqual(["1> ioas alloc", "2> fault alloc", "1> ioas alloc", "2> sleep 5ms", "2> fault alloc"]);
		expect(ran.status).toBe(0);
	});

	test("--seed chooses other turns, the same ones for the same number", () => {
		const block = (length: string) => `{ repeat 6 { mem alloc ${length} } }`;
		const turns = (seed: string) =>
			lines(script([`parallel ${block("4k")} ${block("8k")} ${block("12k")}`], "--seed", seed).stdout)
				.map((line) => line[0])
				.join("");
		const ten = turns("10");
		expect(ten).toHaveLength(18);
		for (const branch of "123") expect(ten.replaceAll(branch, "")).toHaveLength(12);
		expect(turns("10")).toBe(ten);
		expect(turns("11")).not.toBe(ten);
		expect(ten).not.toBe("123".repeat(6));
	});

	test("what a block names is its own until all have ended; the last one's stays", () => {
		const ran = script([
			"x = ioas alloc",
			"parallel { x = ioas alloc",
			"check $x == 2",
			"check $x == 2 } { y = ioas alloc",
			"check $x == 1",
			"y = ioas alloc",
			"let x = 77 }",
			"check $x == 77",
			"destroy $y",
		]);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.status).toBe(0);
	});

	test("a failure in one does not stop the other, and fails the script", () => {
		const ran = script(["parallel { destroy 9", "ioas alloc } { fault alloc", "fault alloc }", "ioas alloc"]);
		expect(ran.status).toBe(1);
		expect(ran.stdout).toContain("3 commands: 2 ok, 1 failed, 2 lines not reached\n");
	});
});

describe("process", () => {
	const child = [
		"ioas = ioas alloc",
		"buffer = mem alloc 4k",
		"mem write $buffer 11",
		"process child {",
		"  mem write $buffer 22",
		"  ioas map $ioas --iova 0x10000 --user-va $buffer --length 4k",
		"}",
		"mem read $buffer 1",
		"expect EEXIST ioas map $ioas --iova 0x10000 --length 4k",
		"ioas unmap $ioas --all",
	];

	test("has memory of its own and the same /dev/iommu; what it mapped stays after its end", () => {
		const ran = script(child);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.stdout).toMatch(/7f0000000000 {2}11 /);
		expect(ran.status).toBe(0);
	});

	test("faults are injected into its calls too, each process counting its own", () => {
		const lines = ["ioas alloc", "process child { expect ENOMEM ioas alloc", "ioas alloc }", "expect ENOMEM ioas alloc"];
		const ran = script(lines, "--inject", "IOMMU_IOAS_ALLOC:error=ENOMEM:when=2");
		expect(ran.status).toBe(1);
		expect(ran.stderr).toContain("stdin:2: expect ENOMEM ioas alloc");
		const other = script(
			["ioas alloc", "process child { ioas alloc", "expect ENOMEM ioas alloc }", lines[3]],
			"--inject",
			"IOMMU_IOAS_ALLOC:error=ENOMEM:when=2",
		);
		expect(other.status).toBe(0);
	});

	test("is recorded, and replays", () => {
		const trace = join(folder, "fork.jsonl");
		expect(script(child, "--record", trace).status).toBe(0);
		const shown = iommuctl(["trace", "show", trace]).stdout;
		expect(shown).toMatch(/fork\(child\)\n.*\[child\] poke.*\n.*\[child\] ioctl\(iommu1, IOMMU_IOAS_MAP.*\n.*exit\(child\)\n/);
		expect(iommuctl(["replay", trace]).stdout).toContain("5 steps, 0 differing");
		expect(iommuctl(["trace", "export", "--c", trace]).stderr).toContain("only the program itself is exported, not its child");
	});
});

describe("on the real kernel", () => {
	const real = (lines: readonly string[], ...args: string[]) =>
		iommuctlProcess(["run", "-", "--kernel", "real", ...args], { input: lines.join("\n") });

	test("in a process they take turns too", () => {
		const ran = real(["m = mem alloc 4k", "process p { parallel { mem write $m 11 } { x = mem alloc 4k }", "mem read $x 1 }"]);
		expect(ran.stderr).toBe("kernel: real\nnote: the blocks take turns: a `process` makes one call after another\n");
		expect(ran.status).toBe(0);
	});

	test("a process has the same open files and a copy of the memory; shared memory is shared", () => {
		const ran = real([
			"m = mem alloc 8k",
			"mem write $m+4k 11",
			"none = mem alloc 4k --prot none",
			"ro = mem alloc 4k --prot r",
			"mem write $ro 77",
			"f = mem memfd 8k",
			"s = mem alloc 4k --memfd $f --offset 4k",
			"mem write $s 33",
			"process child {",
			"  mem read $m+4k 1",
			"  mem read $ro 1",
			"  mem write $m+4k 22",
			"  mem write $s 44",
			"  expect EFAULT mem read $none 1",
			"  mem protect $none 4k r",
			"  g = mem memfd 4k",
			"  file close $f",
			"}",
			"mem read $m+4k 1",
			"mem read $s 1",
			"file read $f 1",
			"expect EBADF file read $g 1",
			"expect EFAULT mem read $none 1",
		]);
		expect(ran.stderr).toBe("kernel: real\n");
		expect(ran.stdout.match(/^ +[0-9a-f]+ {2}([0-9a-f]{2}) /gm)?.map((line) => line.trim().split(/ +/)[1])).toEqual([
			...["11", "77", "11", "44", "00"],
		]);
		expect(ran.status).toBe(0);
	});

	test("blocks of parallel run in threads; all constructs work in them, and failures count", () => {
		const ran = real(
			[
				"f = mem memfd 4k",
				"m = mem alloc 8k",
				"a = mem alloc 4k --memfd $f",
				"function twice n { mem write $m $n",
				"mem read $m 1 }",
				"parallel {",
				"  other = mem memfd 4k",
				"  mine = mem alloc 4k",
				"  twice 22",
				"  expect EBADF file close 999",
				"} {",
				"  process child { mem write $m 99 }",
				"  sleep 20ms",
				"  mem write $m+4k 33",
				"} {",
				"  destroy 7 --fd $f",
				"  mem write $m 44",
				"}",
			],
			"--keep-going",
		);
		expect(ran.stderr).toContain("3   failed  IOMMU_DESTROY: ENOTTY");
		expect(ran.stdout).toMatch(/^1> mem read \$m 1\n(?:.*\n)*?1 {3}ok {2}1 bytes at 0x/m);
		expect(ran.stdout).toMatch(/\n12 commands: 11 ok, 1 failed\n$/);
		expect(ran.status).toBe(1);
	});

	test("what they opened, mapped and named is there afterwards", () => {
		const ran = real([
			"f = mem memfd 4k",
			"m = mem alloc 8k",
			"parallel {",
			"  mine = mem alloc 4k",
			"  let n = 1",
			"} {",
			"  g = mem memfd 4k",
			"  file close $f",
			"  mem free $m",
			"  let n = 2",
			"}",
			"check $n == 2",
			"mem write $mine 11",
			"mem free $mine",
			"file read $g 1",
			"expect EBADF file read $f 1",
			"expect EFAULT mem read $m 1",
		]);
		expect(ran.stderr).toBe("kernel: real\n");
		expect(ran.status).toBe(0);
	});

	test("blocks take turns where calls are recorded, and it is said", () => {
		const trace = join(folder, "turns.jsonl");
		const ran = real(["parallel { f = mem memfd 4k", "file close $f } { process p { mem alloc 4k } }"], "--record", trace);
		expect(ran.stderr).toBe("kernel: real\nnote: the blocks take turns: --record, --inject and --why follow calls one after another\n");
		expect(ran.status).toBe(0);
		expect(iommuctl(["trace", "show", trace]).stdout).toContain("fork(p)");
	});

	test("a process cannot have memory of a file that is closed: the line says so", () => {
		const ran = real(["f = mem memfd 4k", "mem alloc 4k --memfd $f", "file close $f", "process child {", "  mem alloc 4k", "}"]);
		expect(ran.stderr).toMatch(/error: stdin:4: the memory at 0x[0-9a-f]+ is a file's that is closed, so another process cannot have it\n/);
		expect(ran.stdout).toContain("3 commands: 3 ok, 1 failed, 1 line not reached\n");
		expect(ran.status).toBe(3);
	});
});

describe("memory that changes under its mappings", () => {
	const lines = [
		"ioas = ioas alloc",
		"selftest mock-domain $ioas",
		"b = mem alloc 16k",
		"mem write $b --fill 0xaa --length 16k",
		"ioas map $ioas --user-va $b --length 16k --iova 0x1000000",
		"mem advise $b+4k 4k dontneed",
		"mem read $b+4k 1",
		"mem protect $b+8k 4k none",
		"expect EFAULT ioas map $ioas --user-va $b --length 16k",
		"mem protect $b+8k 4k rw",
		"c = mem remap $b 16k --to 0x200000000",
		"expect EFAULT mem read $b 1",
		"d = mem remap $c 16k 32k",
		"mem read $d+28k 1",
		"expect ENOMEM mem protect $d 64k r",
		"p = mem alloc 4k --prot none",
		"expect EFAULT mem advise $p 4k populate-read",
	];

	test("in a script, recorded, replayed, and as C", () => {
		const trace = join(folder, "reshape.jsonl");
		const ran = script(lines, "--record", trace);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.status).toBe(0);
		expect(ran.stdout).toMatch(/7f0000001000 {2}00 /);
		expect(iommuctl(["replay", trace]).stdout).toContain("6 steps, 0 differing");
		const shown = iommuctl(["trace", "show", trace]).stdout;
		expect(shown).toContain("mremap(0x7f0000000000, length 16384, new length 16384) = 0x200000000\n");
		expect(iommuctl(["trace", "export", "--c", trace]).stdout).toContain("MREMAP_MAYMOVE | MREMAP_FIXED, memory(0x200000000)");
	});

	test("what is not a protection or an advice is named", () => {
		expect(script(["mem protect 0 4k x"]).stderr).toContain('error: PROT: "x" is not a protection\n    give r, w, rw or none');
		expect(script(["mem advise 0 4k dontnead"]).stderr).toContain('error: ADVICE: "dontnead" is not known\n    did you mean dontneed?');
	});
});

describe("the kernel's log", () => {
	test("expect no warning holds where there is none; marks are none", () => {
		const ran = script(["ioas alloc", "expect no warning", "kernel log --since-mark"], "--mark");
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("> expect no warning\n  ok  the kernel logged no warning\n");
		expect(ran.stdout).toMatch(
			/iommuctl: begin \d+\n {2}iommuctl: > open \/dev\/iommu\n {2}iommuctl: < open \/dev\/iommu = 3\n {2}iommuctl: > ioctl 3 IOMMU_IOAS_ALLOC\n {2}iommuctl: < ioctl 3 IOMMU_IOAS_ALLOC = 0\n/,
		);
	});

	test("marks stand around what changes memory too", () => {
		const lines = ["m = mem alloc 8k", "mem protect $m 4k r", "mem free $m", "kernel log --since-mark"];
		const ran = script(lines, "--mark");
		const marks = ran.stdout.split("\n").flatMap((line) => /^ {2}iommuctl: ([<>] .*)/.exec(line)?.[1] ?? []);
		expect(marks).toEqual([
			"> mmap 0x0 0x2000 rw",
			"< mmap 0x0 0x2000 rw = 0x7f0000000000",
			"> mprotect 0x7f0000000000 0x1000 r",
			"< mprotect 0x7f0000000000 0x1000 r = 0",
			"> munmap 0x7f0000000000 0x2000",
			"< munmap 0x7f0000000000 0x2000 = 0",
		]);
	});

	test("a warning fails it, and is shown", async () => {
		const io = { stdout: new BufferSink(), stderr: new BufferSink(), stdin: { readAll: async () => new Uint8Array() }, cwd: "/", env: {} };
		const log = ["usb 1-1: new", "WARNING: CPU: 0 PID: 1 at drivers/iommu/iommufd/main.c:1"];
		const context = new Context("sim", undefined, {}, async (handle) => ({ ...handle, log: () => log }));
		const { exit } = await commandLine.execute(["kernel", "log", "--warnings"], { io, context });
		expect(exit).toBe(1);
		expect(io.stderr.text()).toContain(`failed  the kernel logged 1 warning:\n    ${log[1]}\n`);
	});

	test("a case of a report has the line's own words", () => {
		expect(script(["ioas alloc", "expect no warning"], "--format", "ktap").stdout).toContain("\nok 2 line 2: expect no warning\n");
	});

	test("expect no other word is a mistake", () => {
		expect(script(["expect no warnings"]).stderr).toContain("error: stdin:1:1: `expect no` is followed by `warning` alone");
		expect(script(["x = expect no warning"]).stderr).toContain("error: stdin:1:5: `expect no warning` has no answer to keep");
	});
});

describe("every construct with", () => {
	const all = [
		"function make n { x = ioas map 1 --length $n }",
		"ioas = ioas alloc",
		"repeat 2 { make 4k }",
		"for n in 4k 8k { make $n }",
		"if $ioas == 1 { fault alloc }",
		"parallel { ioas alloc } { ioas alloc }",
		"process p { ioas alloc }",
		"sleep 1ms",
		"finally { destroy $ioas --expect EBUSY|0 }",
	];

	test("--record: what ran is what is recorded", () => {
		const trace = join(folder, "all.jsonl");
		expect(script(all, "--record", trace).status).toBe(0);
		const calls = readFileSync(trace, "utf8")
			.split("\n")
			.filter((line) => line.includes('"op":"ioctl"')).length;
		expect(calls).toBe(1 + 2 + 2 + 1 + 2 + 1 + 1);
		expect(iommuctl(["replay", trace]).stdout).toContain(`${calls} steps, 0 differing`);
	});

	test("--json: a document for each command that ran", () => {
		const found = documents(script(all, "--json"));
		expect(found.at(-1)).toMatchObject({ schema: "iommuctl.run", commands: 10, exit: 0 });
		expect(found).toHaveLength(11);
	});

	test("--format ktap: a block is one case", () => {
		const { status, stdout } = script(
			[...all.slice(0, -1), "repeat 3 { destroy 77 }", "ioas alloc", all[all.length - 1]],
			"--format",
			"ktap",
		);
		expect(status).toBe(1);
		expect(stdout).toContain("\n1..10\n");
		expect(stdout).toContain("\nok 2 line 3: repeat 2 { ... }\n");
		expect(stdout).toMatch(
			/# stdin:9: destroy 77\nnot ok 8 line 9: repeat 3 \{ \.\.\. \}\nok 9 line 10: ioas alloc # SKIP not reached: line 9 failed\nok 10 line 11: finally/,
		);
		const [report] = documents(script(all, "--format", "json"));
		expect(report).toMatchObject({ ok: 8, failed: 0 });
	});

	test("fail-nth: every line in it fails once and works when repeated", () => {
		const ran = iommuctl(["fail-nth", "-", "--kernel", "sim"], { input: all.join("\n") });
		expect(ran.stdout).toMatch(/\n(\d+) allocations made to fail: \1 ok\n$/);
		expect(ran.stdout).toContain("line 1: x = ioas map 1 --length $n");
		expect(ran.status).toBe(0);
	});

	test("sessions", () => {
		const env = { XDG_RUNTIME_DIR: folder };
		const started = iommuctlProcess(["session", "start", "--name", "lang", "--kernel", "sim"], { env });
		expect(started.status).toBe(0);
		const inside = { env: { ...env, IOMMUCTL_SESSION: "lang" }, input: all.join("\n") };
		const ran = iommuctlProcess(["run", "-"], inside);
		iommuctlProcess(["session", "stop", "lang"], { env });
		expect(ran.stdout).toContain("10 commands: 10 ok");
		expect(ran.status).toBe(0);
	});
});

describe("mistakes that are no mistakes in the grammar", () => {
	const cases: readonly (readonly [string, string])[] = [
		["repeat 2 { expect EFOO ioas alloc }", 'error: stdin:2:12: "EFOO" is not the name of an errno\n'],
		["expect EINVAL| ioas alloc", 'error: stdin:2:1: "EINVAL|" lacks an errno\n  for example ENOENT, or 0|ENOENT\n'],
		["sleep 10parsecs", 'error: stdin:2:1: sleep: "10parsecs" is not a length of time'],
		["repeat 1-2 { ioas alloc }", "error: stdin:2: repeat -1: it cannot be less than 0\n"],
		["function ioas { echo x }", "error: stdin:2: a function cannot be called ioas\n  that is what a command begins with\n"],
	];
	for (const [line, message] of cases)
		test(line, () => {
			const ran = script(["echo begins", line]);
			expect(ran.stderr).toContain(message);
			expect(ran.status).toBe(2);
			// What can be seen before is said before anything runs.
			expect(ran.stdout.includes("begins")).toBe(!/stdin:\d+:\d+/.test(message));
		});
});
