/** Memory that is sealed, huge, and served by a later line: in scripts, recordings, C and litmus tests. */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctl, root, script, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();
const compiler = ["gcc", "cc", "clang"].find((name) => spawnSync(name, ["--version"]).status === 0);
const text = (...lines: string[]): string => `${lines.join("\n")}\n`;

/** A script that every Linux can run: it needs no /dev/iommu. */
const plain = [
	"f = mem memfd 64k",
	"m = mem alloc 64k --memfd $f",
	"expect EBUSY mem seal $f write",
	"mem seal $f future-write,shrink",
	"mem protect $m 4k r",
	"expect EPERM mem alloc 64k --memfd $f",
	"expect EPERM mem truncate $f 4k",
	"mem truncate $f 128k",
	"expect EPERM file write $f --text hello",
	"memory = mem alloc 16k",
	"fault = mem userfault $memory 16k",
	"mem serve $fault $memory --text hello",
	"expect EEXIST mem serve $fault $memory",
	"mem serve $fault $memory+8k",
	"expect EAGAIN mem serve $fault $memory+4k 8k",
	"mem read $memory 5",
	"p = mem alloc 8k --populate",
	"mem write $p 01",
	"mem read $p 1",
];

test("runs, is recorded and replayed, and is a C program that holds on this machine", () => {
	const trace = join(folder, "memory.jsonl");
	const ran = script(plain, "--record", trace);
	expect(ran).toMatchObject({ status: 0, stderr: "kernel: simulated\n" });
	expect(ran.stdout).toContain("68 65 6c 6c 6f ");
	expect(ran.stdout).toContain("why: uffdio-zeropage.there: the page at 0x7f0000011000 is there already\n");
	expect(iommuctl(["replay", trace]).stdout).toContain(" 0 differing");
	const shown = iommuctl(["trace", "show", trace]).stdout;
	expect(shown).toContain("seal(memfd1, SHRINK|FUTURE_WRITE) = 0\n");
	expect(shown).toContain("truncate(memfd1, length 4096) = -1 EPERM");
	expect(shown).toContain("ioctl(userfaultfd1, UFFDIO_API, {api=0xaa}) = 0 ");
	expect(shown).toContain(", populate)");
	// It needs no /dev/iommu, which is opened all the same.
	const c = iommuctl(["trace", "export", "--c", trace]).stdout.replaceAll('"/dev/iommu"', '"/dev/null"');
	expect(c).toContain("syscall(SYS_userfaultfd, O_NONBLOCK | O_CLOEXEC)");
	// As a script again, with the same answers.
	const again = iommuctl(["trace", "export", "--script", trace]);
	expect(again.stderr).toBe("");
	expect(again.stdout).toContain("mem seal $memfd1 shrink,future-write\n");
	expect(iommuctl(["run", "--kernel", "sim", "-"], { input: again.stdout })).toMatchObject({ status: 0 });
	if (compiler === undefined) return;
	const [source, program] = [join(folder, "memory.c"), join(folder, "memory")];
	writeFileSync(source, c);
	execFileSync(compiler, ["-Wall", "-Wextra", "-Werror", "-o", program, source]);
	// What a userfaultfd offers differs from release to release, and not every user may have one.
	const made = spawnSync(program, { encoding: "utf8" });
	const lines = made.stdout.split("\n");
	if (lines.some((line) => line.includes("UFFDIO_API answered -1"))) return;
	expect(lines.filter((line) => /^step /.test(line) && !/: cmd\.(?:features|ioctls) is /.test(line))).toEqual([]);
});

describe("a page that is missing", () => {
	const before = ["memory = mem alloc 8k", "fault = mem userfault $memory 8k", "ioas = ioas alloc", "selftest mock-domain $ioas"];

	test("is waited for until another block serves it, which is what is recorded", () => {
		const trace = join(folder, "served.jsonl");
		const lines = [
			...before,
			"parallel {",
			"  map = ioas map $ioas --user-va $memory --length 8k",
			"  ioas unmap $ioas --iova $map --length 8k",
			"} {",
			"  mem serve $fault $memory",
			"  mem serve $fault $memory+4k --fill 7",
			"}",
		];
		const ran = script(lines, "--record", trace);
		expect(ran).toMatchObject({ status: 0, stderr: "kernel: simulated\n" });
		const order = ran.stdout.split("\n").filter((line) => /^\d> /.test(line));
		expect(order.map((line) => line.slice(0, 12))).toEqual(["2> mem serve", "2> mem serve", "1> map = ioa", "1> ioas unma"]);
		expect(iommuctl(["trace", "show", trace]).stdout.match(/IOMMU_IOAS_MAP,/g)).toHaveLength(1);
		expect(iommuctl(["replay", trace]).stdout).toContain(" 0 differing");
	});

	test("is waited for on this machine's kernel too, where blocks run at once", (context) => {
		const input = text(
			"memory = mem alloc 8k",
			"fault = mem userfault $memory 8k",
			"parallel {",
			"  mem read $memory+4k 5",
			"} {",
			"  mem serve $fault $memory+4k --text hello",
			"}",
		);
		// A process of its own: nothing in this one may wait for a page.
		const ran = spawnSync(process.execPath, [join(root, "bin/iommuctl.js"), "run", "--kernel", "real", "-"], {
			input,
			encoding: "utf8",
			timeout: 30_000,
		});
		context.skip(/EPERM|ENOSYS/.test(ran.stderr), "this machine has no userfaultfd for this user");
		expect(ran).toMatchObject({ status: 0, stderr: "kernel: real\n" });
		expect(ran.stdout).toContain("68 65 6c 6c 6f ");
	});

	test("that nobody can serve fails the line, whatever it expects", () => {
		const alone = script([...before, "expect EFAULT ioas map $ioas --user-va $memory --length 8k"]);
		expect(alone.status).toBe(1);
		expect(alone.stderr).toContain("failed  stdin:5: the call would wait for ever: nobody serves page 0x7f0000000000\n    serve it before");
		const both = script([...before, "parallel {", "  mem read $memory 1", "} {", "  mem read $memory+4k 1", "}"]);
		expect(both.status).toBe(1);
		expect(both.stderr.match(/would wait for ever/g)).toHaveLength(2);
	});

	test("makes orders of a litmus test impossible, and all of them if no thread serves it", () => {
		const litmus = (...threads: string[]) =>
			iommuctl(["litmus", "--kernel", "sim", "-"], {
				input: text("setup {", ...before.slice(0, 3), "device = selftest mock-domain $ioas", "}", ...threads),
			});
		const map = "ioas map $ioas --user-va $memory --length 8k";
		const served = litmus("thread a {", map, "}", "thread b {", "mem serve $fault $memory", "mem serve $fault $memory+4k", "}");
		expect(served.stdout).toContain(
			"3 orders: 1 allowed outcome\n   1  a.1 ok iova=0x1000000; b.1 ok zeropage=0x1000; b.2 ok zeropage=0x1000\n",
		);
		expect(served.status).toBe(0);
		const left = litmus("thread a {", map, "}", "thread b {", "mem serve $fault $memory", "}");
		expect(left.stdout).toContain("in every order a call waits for ever: no thread serves the page that it needs before (mem serve)\n");
		expect(left.status).toBe(1);
	});

	test.skipIf(compiler === undefined)("is served by a thread of a litmus test as C, on this machine's kernel", { timeout: 60_000 }, () => {
		const file = join(folder, "slow.iommu");
		writeFileSync(
			file,
			text(
				"setup {\n f = mem memfd 4k\n memory = mem alloc 4k\n fault = mem userfault $memory 4k\n}",
				"thread a {\n file read $f 4 --into $memory\n mem protect $memory 4k r\n}",
				"thread b {\n mem serve $fault $memory 4k --fill 7\n}",
				"finally {\n mem seal $f seal\n mem truncate $f 8k\n}",
			),
		);
		const [source, program] = [join(folder, "slow.c"), join(folder, "slow")];
		expect(iommuctl(["litmus", "--kernel", "sim", file, "--c", source])).toMatchObject({ status: 0, stderr: "" });
		execFileSync(compiler as string, ["-Wall", "-Wextra", "-Werror", "-pthread", "-o", program, source]);
		const ran = spawnSync(program, ["300"], { encoding: "utf8" });
		if (ran.status === 77) return;
		expect(ran.stdout).toContain(" 300  a.1 ok ret=4; a.2 ok; b.1 ok copy=0x1000; finally.1 ok; finally.2 ok\n");
		expect(ran.status).toBe(0);
	});
});

test("huge pages lie at multiples of their size, also in the machine's memory", () => {
	const ran = script(
		[
			"ioas = ioas alloc",
			"device = device bind vfio0",
			"device attach vfio0 $ioas",
			"small = mem alloc 4k",
			"m = mem alloc 3M --huge 2M",
			"ioas map $ioas --user-va $m --length 4M --iova 0x40000000",
			"sim walk vfio0 --iova 0x40200000",
			"mem advise $m 2M dontneed",
			"ioas map $ioas --user-va $m --length 2M --iova 0x50000000",
			"sim walk vfio0 --iova 0x50000000",
		],
		"--machine",
		"vtd",
	);
	expect(ran).toMatchObject({ status: 0, stderr: "kernel: simulated (machine vtd)\n" });
	expect(ran.stdout).toMatch(/m = mem alloc 3M --huge 2M\n {2}ok {2}3 MiB at 0x[0-9a-f]+[02468ace]00000\n/);
	const ends = [...ran.stdout.matchAll(/^ +-> (0x[0-9a-f]+),/gm)].map(([, address]) => BigInt(address) % 0x20_0000n);
	expect(ends).toEqual([0n, 0n]);
});

test("mistakes are named", () => {
	expect(script(["mem alloc 4k --huge 3M"]).stderr).toContain('error: --huge: "3M" is not a size of pages\n    give 2M or 1G');
	expect(script(["f = mem memfd 4k", "mem alloc 4k --memfd $f --huge 2M"]).stderr).toContain("error: --huge is for memory of no file\n");
	expect(script(["f = mem memfd 4k", "mem seal $f shrinc"]).stderr).toContain(
		'error: SEALS: "shrinc" is not a seal\n    did you mean shrink?',
	);
	expect(script(["f = mem memfd 4k", "mem serve $f 0 4k --data 0102 --text x"]).stderr).toContain("--data and --text both give bytes");
	expect(script(["m = mem alloc 4k", "f = mem userfault $m 4k", "mem serve $f $m 4k --data aabbccdd --file /dev/null"]).status).toBe(2);
});
