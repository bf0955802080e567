/** Programs are recorded as they are: here on /dev/null, which answers what it answers. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Ended, recordProgram, whyNot } from "../../src/record/index.js";
import type { Step } from "../../src/trace/index.js";

// The thread's FFI is the build's, and must stay loaded once the thread has ended.
createRequire(new URL("../../dist/main.cjs", import.meta.url))("ffi-napi");

const folder = mkdtempSync(join(tmpdir(), "iommuctl-record-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

interface Recorded {
	readonly ended: Ended;
	readonly programs: readonly { readonly name: string; readonly steps: readonly Step[] }[];
}

/** Runs a Perl program; its calls on /dev/null and /dev/zero are recorded. */
async function perl(text: string, options: { time?: boolean; withMemory?: boolean } = {}): Promise<Recorded> {
	const file = join(folder, `${++count}.jsonl`);
	const ended = await recordProgram({
		file,
		header: { kernel: "real" },
		program: "perl",
		args: ["-e", text],
		paths: ["/dev/null", "/dev/zer*"],
		name: "perl",
		time: options.time ?? false,
		withMemory: options.withMemory ?? false,
		cwd: folder,
		env: { PATH: process.env.PATH },
		worker: new URL("../../dist/recorder.cjs", import.meta.url),
		stub: new URL("../../dist/recorded.cjs", import.meta.url).pathname,
	});
	const programs: { name: string; steps: Step[] }[] = [];
	for (const line of readFileSync(file, "utf8").trim().split("\n").slice(1)) {
		const value = JSON.parse(line) as { program?: string; op?: string };
		if (value.program !== undefined) programs.push({ name: value.program, steps: [] });
		else if (value.op !== "end") programs.at(-1)?.steps.push(value as Step);
	}
	return { ended, programs };
}

const obstacle = whyNot(release(), (path) => (existsSync(path) ? readFileSync(path, "latin1") : undefined));

describe.skipIf(obstacle !== undefined)("a recorded program", () => {
	it("opens, reads, writes and closes", async () => {
		const { ended, programs } = await perl(
			'open(F, "+<", "/dev/null") or die; syswrite(F, "abc"); sysread(F, $x, 5); close(F); open(G, "<", "/etc/passwd"); exit 7',
		);
		expect(ended).toEqual({ code: 7, programs: 1, unknown: 0 });
		expect(programs).toEqual([
			{
				name: "perl",
				steps: [
					{ op: "open", path: "/dev/null", fd: "file1" },
					{ op: "write", fd: "file1", data: "616263", ret: 3 },
					{ op: "read", fd: "file1", length: 5, ret: 0, data: "" },
					{ op: "close", fd: "file1" },
				],
			},
		]);
	});

	it("ends as the program does, by a signal too", async () => {
		expect((await perl("kill 15, $$; sleep 5")).ended).toEqual({ signal: "SIGTERM", programs: 0, unknown: 0 });
	});

	it("says which calls failed", async () => {
		const { programs } = await perl(
			'sysopen(F, "/dev/zero-is-not-here", 2); open(G, "+<", "/dev/null"); $s = pack("LLL", 12, 0, 0); ioctl(G, 0x3b81, $s); kill 9, $$',
		);
		expect(programs[0].steps).toEqual([
			{ op: "open", path: "/dev/zero-is-not-here", ret: -1, errno: "ENOENT" },
			{ op: "open", path: "/dev/null", fd: "file1" },
			{ op: "ioctl", fd: "file1", request: "IOMMU_IOAS_ALLOC", arg: "0c0000000000000000000000", ret: -1, errno: "ENOTTY" },
		]);
	});

	it("follows descriptors: dup, dup2 over another file, and what was opened for reading only", async () => {
		const { programs } = await perl(`
			use POSIX ();
			$a = POSIX::open("/dev/null", 2); $b = POSIX::dup($a); POSIX::close($a); POSIX::write($b, "x", 1);
			$c = POSIX::open("/dev/zero", 2); POSIX::dup2($b, $c); POSIX::close($b); POSIX::write($c, "y", 1);
			$d = POSIX::open("/dev/null", 0); open(D, "<&=", $d); $s = pack("LLL", 12, 0, 0); ioctl(D, 0x3b81, $s);
			POSIX::_exit(0)`);
		const words = programs[0].steps.map((step) => [step.op, "fd" in step && step.fd, "data" in step && step.data]);
		expect(words).toEqual([
			["open", "file1", false],
			["write", "file1", "78"],
			["open", "file2", false],
			["close", "file2", false],
			["write", "file1", "79"],
			["open", "file3", false],
			["ioctl", "file3", false],
		]);
	});

	it("loses nothing of hundreds of files, for which one filter each would be too many", async () => {
		const { programs } = await perl(`
			use POSIX ();
			@f = map { POSIX::open("/dev/null", 2) } 1 .. 300;
			for (@f) { POSIX::read($_, $x, 1); POSIX::close($_) }
			POSIX::_exit(0)`);
		const count = (op: string): number => programs[0].steps.filter((step) => step.op === op).length;
		expect([count("open"), count("read"), count("close")]).toEqual([300, 300, 300]);
	});

	it("follows children, which have the parent's files and memory, and their children", async () => {
		const { programs } = await perl(`
			use POSIX ();
			$f = POSIX::open("/dev/null", 2);
			if (!fork) { POSIX::write($f, "c", 1); if (!fork) { POSIX::write($f, "g", 1); POSIX::_exit(0) } wait; POSIX::close($f); POSIX::_exit(0) }
			wait; POSIX::write($f, "p", 1); system("/bin/true"); POSIX::_exit(0)`);
		expect(programs).toHaveLength(1);
		expect(programs[0].steps).toEqual([
			{ op: "open", path: "/dev/null", fd: "file1" },
			{ op: "fork", process: "child1" },
			{ op: "write", fd: "file1", data: "63", ret: 1, process: "child1" },
			{ op: "fork", process: "child2", parent: "child1" },
			{ op: "write", fd: "file1", data: "67", ret: 1, process: "child2" },
			{ op: "exit", process: "child2" },
			{ op: "close", fd: "file1", process: "child1" },
			{ op: "exit", process: "child1" },
			{ op: "write", fd: "file1", data: "70", ret: 1 },
			{ op: "fork", process: "child3" },
			{ op: "exit", process: "child3" },
		]);
	});

	it("makes programs of processes that have nothing to do with each other, one after another in the trace", async () => {
		const { programs } = await perl(`
			use POSIX ();
			pipe(R, W);
			if (!fork) { $f = POSIX::open("/dev/null", 2); POSIX::write($f, "1", 1); sysread(R, $x, 1); POSIX::write($f, "2", 1); POSIX::_exit(0) }
			if (!fork) { $f = POSIX::open("/dev/null", 2); POSIX::write($f, "3", 1); syswrite(W, "."); POSIX::_exit(0) }
			wait; wait`);
		const data = programs.map(({ steps }) => steps.map((step) => ("data" in step ? step.data : step.op)).join(" "));
		expect(data.sort()).toEqual(["open 31 32", "open 33"]);
	});

	it("finds the children that have ended as soon as a pidfd says so", async () => {
		const { ended } = await perl(`
			use POSIX ();
			for (1 .. 20) {
				$p = fork; POSIX::_exit(3) if !$p;
				$fd = syscall(434, $p, 0); $r = ""; vec($r, $fd, 1) = 1; select($r, undef, undef, 10);
				exit 1 if waitpid($p, 1) != $p || $? != 3 << 8;
				POSIX::close($fd);
			}`);
		expect(ended).toMatchObject({ code: 0 });
	});

	it("records memory as extents: 64 GiB are one step", async () => {
		const { programs } = await perl(`
			open(F, "+<", "/dev/null");
			$at = syscall(9, 0, 1 << 36, 3, 0x4022, -1, 0);
			ioctl(F, 0x3b85, pack("LLLLQQQ", 40, 6, 1, 0, $at, 1 << 36, 0));
			syscall(11, $at, 1 << 36)`);
		const [, mapped, call, unmapped] = programs[0].steps;
		expect(mapped).toMatchObject({ op: "mmap", length: 2 ** 36, prot: "rw" });
		expect(call).toMatchObject({ op: "ioctl", request: "IOMMU_IOAS_MAP", errno: "ENOTTY" });
		expect(unmapped).toMatchObject({ op: "munmap", length: 2 ** 36, addr: (mapped as { addr: string }).addr });
	});

	it.skipIf(!existsSync("/sys/kernel/mm/hugepages/hugepages-2048kB"))("keeps the size of huge pages, also of private ones", async () => {
		const { programs } = await perl(`
			open(F, "+<", "/dev/null");
			$at = syscall(9, 0, 1 << 22, 3, 0x44022, -1, 0);
			ioctl(F, 0x3b85, pack("LLLLQQQ", 40, 6, 1, 0, $at + 0x1000, 0x1000, 0));
			ioctl(F, 0x3b85, pack("LLLLQQQ", 40, 6, 1, 0, $at, 1 << 22, 0)); kill 9, $$`);
		const mapped = programs[0].steps.filter(({ op }) => op === "mmap") as { addr: string }[];
		const page = { op: "mmap", length: 1 << 21, prot: "rw", page_size: 1 << 21 };
		expect(mapped).toEqual([
			{ ...page, addr: expect.any(String) },
			{ ...page, addr: expect.any(String) },
		]);
		expect(BigInt(mapped[1].addr) - BigInt(mapped[0].addr)).toBe(1n << 21n);
	});

	it("records the eventfds that interrupts signal, each once", async () => {
		const { programs } = await perl(`
			open(F, "+<", "/dev/null");
			$a = syscall(290, 0, 0); $b = syscall(290, 3, 0);
			for (1, 2) { ioctl(F, 0x3b6e, $s = pack("LLLLLll", 28, 0x24, 2, 0, 2, $a, $b)) }
			ioctl(F, 0x3b6e, $s = pack("LLLLLl", 24, 0x24, 2, 0, 1, -1)); kill 9, $$`);
		const steps = programs[0].steps.map((step) => ("fd_in" in step ? step.fd_in : "count" in step ? [step.fd, step.count] : step.op));
		const both = { 20: "eventfd1", 24: "eventfd2" };
		expect(steps).toEqual(["open", ["eventfd1", 0], ["eventfd2", 3], both, both, "ioctl"]);
	});

	it("tells files in memory, which can be mapped by their descriptors, from others", async () => {
		const { programs } = await perl(`
			open(F, "+<", "/dev/null"); open(P, "<", "/etc/passwd");
			$n = "m"; $m = syscall(319, $n, 0); open(M, "+<&=", $m); syswrite(M, "x" x 4096);
			for ($m, fileno(P)) { ioctl(F, 0x3b8f, $s = pack("LLLlQQQ", 40, 6, 1, $_, 0, 4096, 0)) }
			kill 9, $$`);
		const steps = programs[0].steps.map((step) => ("fd_in" in step ? Object.values(step.fd_in ?? {}) : [step.op, "fd" in step && step.fd]));
		expect(steps).toEqual([["open", "file1"], ["memfd", "memfd1"], ["memfd1"], ["open", "other1"], ["other1"]]);
	});

	it("keeps what a call's pointers point to, and with --with-memory what devices get at", async () => {
		const text = `
			open(F, "+<", "/dev/null");
			$ranges = pack("QQQQ", 0, 4095, 8192, 12287);
			ioctl(F, 0x3b82, pack("LLLLQ", 24, 1, 2, 0, unpack("Q", pack("P", $ranges))));
			$at = syscall(9, 0, 16384, 3, 0x22, -1, 0);
			open(Z, "<", "/dev/zero"); open(M, "+<", "/proc/self/mem"); sysseek(M, $at + 8192, 0); syswrite(M, "A" x 4096);
			ioctl(F, 0x3b85, pack("LLLLQQQ", 40, 6, 1, 0, $at, 16384, 0));`;
		const pokes = ({ programs }: Recorded) => programs[0].steps.flatMap((step) => (step.op === "poke" ? [step.data] : []));
		const ranges = Buffer.from(BigUint64Array.of(0n, 4095n, 8192n, 12287n).buffer).toString("hex");
		expect(pokes(await perl(text))).toEqual([ranges]);
		expect(pokes(await perl(text, { withMemory: true }))).toEqual([ranges, "41".repeat(4096)]);
	});

	it("has times where it should", async () => {
		const { programs } = await perl('open(F, "+<", "/dev/null"); syswrite(F, "x"); select(undef, undef, undef, 0.05); syswrite(F, "y")', {
			time: true,
		});
		const [, first, second] = programs[0].steps;
		expect((second.time as number) - (first.time as number)).toBeGreaterThan(40_000);
		expect(second.duration).toBeGreaterThan(0);
	});
});
