/** Tests that what a program does under `exec --record` replays without the program. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctlProcess, temporaryFolder } from "../cli.js";
import { exec, obstacle } from "./program.js";

const folder = temporaryFolder();

describe.skipIf(obstacle !== undefined)("exec --record", () => {
	test("calls, the memory that they look at, and what they answer", () => {
		const trace = join(folder, "program.jsonl");
		const { stdout, status } = exec(
			`my $file = dev(); my $ioas = ioas($file);
			my $mock = pack("LLLLa64", 80, 2, $ioas, 0, ""); print call($file, 0xa0, $mock), "\\n";
			my $memory = "y" x 40960; my $start = (addr($memory) + 4095) & ~4095;
			print map_at($file, $ioas, $start, 16384), " ", map_at($file, $ioas, 4096, 4096), "\\n";
			my $ranges = "\\0" x 64; my $query = pack("LLLLQQ", 32, $ioas, 4, 0, addr($ranges), 0); print call($file, 0x84, $query), "\\n";
			my $queue = pack("LLLL", 16, 0, 0, 0); call($file, 0x8e, $queue); open(my $f, "+<&=", (unpack "LLLL", $queue)[3]); sysread($f, my $data, 10); close $f;
			my $destroy = pack("LL", 8, $ioas); print call($file, 0x80, $destroy), "\\n";`,
			"--record",
			trace,
			"--machine",
			"selftest",
		);
		expect(status).toBe(0);
		expect(stdout).toMatch(/^0\n\d+ -14\n0\n-16\n$/);
		const replayed = iommuctlProcess(["replay", trace]);
		expect(replayed.stdout).toMatch(/1 programs, \d+ steps, 0 differing/);
		expect(iommuctlProcess(["trace", "show", trace]).stdout).toContain("IOMMU_IOAS_MAP");
	});

	test("processes are children in the trace, each with its memory and files; their own eventfds and memory files are in it, too", () => {
		const trace = join(folder, "processes.jsonl");
		const { stdout, stderr } = exec(
			`require POSIX; my ($eventfd2, $memfd, $ftruncate) = (POSIX::uname())[4] eq "x86_64" ? (290, 319, 77) : (19, 279, 46);
			sub bind_device { my $file = dev(); sysopen(my $device, "/dev/vfio/devices/vfio0", 2) or die; POSIX::dup2(fileno $file, 30);
				my $bind = pack("LLlL", 16, 0, 30, 0); print "bind ", call($device, 0x76, $bind), "\n"; return ($file, $device) }
			# One after another binds the device, which only the end of the one before allows; each maps other bytes at the same address.
			my $memory = "m" x 40960; my $start = (addr($memory) + 4095) & ~4095;
			for my $child (1, 2) { my $pid = fork; if (!$pid) {
				my ($file, $device) = bind_device(); substr($memory, 0, 1) = $child; my $ioas = ioas($file);
				print "map ", map_at($file, $ioas, $start, 16384) > 0, "\n";
				my $grandchild = fork; if (!$grandchild) { print "inherited ", ioas($file), "\n"; POSIX::_exit(0) } waitpid $grandchild, 0;
				my $event = syscall($eventfd2, 0, 04000); my $irqs = pack("LLLLLl", 24, 0x24, 0, 0, 1, $event); print "irqs ", call($device, 0x6e, $irqs), "\n";
				my $name = "x"; my $memory_file = syscall($memfd, $name, 0); syscall($ftruncate, $memory_file, 65536);
				my $by_file = pack("LLLlQQQ", 40, 6, $ioas, $memory_file, 0, 65536, 0); print "file ", call($file, 0x8f, $by_file), "\n";
				POSIX::_exit(0) } waitpid $pid, 0 }`,
			"--record",
			trace,
		);
		expect(stderr).toBe("");
		expect(stdout).toBe("bind 0\nmap 1\ninherited 3\nirqs 0\nfile 0\n".repeat(2));
		expect(iommuctlProcess(["replay", trace]).stdout).toMatch(/1 programs, \d+ steps, 0 differing/);
		const steps = readFileSync(trace, "utf8")
			.split("\n")
			.filter(Boolean)
			.map((line) => JSON.parse(line));
		expect(steps.filter(({ op }) => op === "fork")).toEqual([
			{ op: "fork", process: "process2" },
			{ op: "fork", process: "process3" },
			{ op: "fork", process: "process4", parent: "process3" },
		]);
	});

	test("signals of a program's eventfd that a device waits for are writes in the trace", () => {
		const trace = join(folder, "signals.jsonl");
		const { stdout } = exec(
			`use POSIX (); my ($eventfd2, $pread, $pwrite) = (POSIX::uname())[4] eq "x86_64" ? (290, 17, 18) : (19, 67, 68);
			my $file = dev(); sysopen(my $device, "/dev/vfio/devices/vfio0", 2) or die; my $bind = pack("LLlL", 16, 0, fileno $file, 0); call($device, 0x76, $bind);
			my $master = pack("S", 6); syscall($pwrite, fileno $device, $master, 2, (7 << 40) + 4);
			my $event = syscall($eventfd2, 0, 0); my $io = pack("LLQQlL", 32, 4, 8, 5, $event, 0); print call($device, 0x74, $io), "\n";
			my $one = pack("Q", 1); POSIX::write($event, $one, 8); my $read = "\\0" x 4;
			for (1 .. 200) { syscall($pread, fileno $device, $read, 4, 8); last if unpack("L", $read) == 120; select undef, undef, undef, 0.01 } print unpack("L", $read), "\n";`,
			"--record",
			trace,
		);
		expect(stdout).toBe("0\n120\n");
		expect(iommuctlProcess(["replay", trace]).stdout).toMatch(/1 programs, \d+ steps, 0 differing/);
		expect(readFileSync(trace, "utf8")).toContain('{"op":"write","fd":"eventfd1","data":"0100000000000000","ret":8}');
	});

	test("calls whose allocations fail by fail-nth fail in the replay, opening among them", () => {
		const trace = join(folder, "fail-nth.jsonl");
		const { stdout } = exec(
			`sysopen(my $nth, "/proc/self/task/$$/fail-nth", 2) or die; syswrite $nth, 1;
			print sysopen(my $none, "/dev/iommu", 2) ? "opened" : 0 + $!, " "; my $file = dev(); syswrite $nth, 1; print ioas($file), " ", ioas($file), "\n";`,
			"--record",
			trace,
		);
		expect(stdout).toBe("12 -12 1\n");
		expect(iommuctlProcess(["replay", trace]).stdout).toMatch(/1 programs, 3 steps, 0 differing/);
	});
});
