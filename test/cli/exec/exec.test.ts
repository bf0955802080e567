/** Tests that an unmodified program calls the simulated kernel, whatever it does with its descriptors. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctlProcess, temporaryFolder } from "../cli.js";
import { exec, obstacle } from "./program.js";

const folder = temporaryFolder();

describe.skipIf(obstacle !== undefined)("exec", () => {
	test("a program opens /dev/iommu, makes an IOAS and maps its own memory", () => {
		const { stdout, stderr, status } = exec(`
			my $file = dev();
			my $ioas = ioas($file);
			my $memory = "x" x 12288;
			printf "ioas %d, second %d\\n", $ioas, ioas($file);
			printf "iova offset kept: %d\\n", (map_at($file, $ioas, addr($memory), 4096) & 0xfff) == (addr($memory) & 0xfff);
			print "nowhere: ", map_at($file, $ioas, 0x10000, 4096), "\\n";
			my $arg = pack("LL", 8, 99);
			print "destroy: ", call($file, 0x80, $arg), "\\n";
			exit 7;`);
		expect(stderr).toBe("");
		expect(stdout).toBe(
			"ioas 1, second 2\niova offset kept: 1\nnowhere: 8192\ndestroy: -2\n".replace("8192", stdout.match(/nowhere: (\S+)/)?.[1] ?? ""),
		);
		expect(status).toBe(7);
	});

	test("forked, executed and duplicated descriptors name one context; the last close ends it", () => {
		const { stdout } = exec(`
			$^F = 2000;
			my $file = dev();
			print "first ", ioas($file), "\\n";
			if (!fork) { print "child ", ioas($file), "\\n"; exit } wait;
			open(my $copy, "+<&", $file); print "dup ", ioas($copy), "\\n";
			my $number = fileno $copy;
			system("perl", "-e", 'open(my $f, "+<&=", $ARGV[0]); my $a = pack("LLL", 12, 0, 0); ioctl($f, 0x3b81, $a); print "executed ", (unpack "LLL", $a)[2], "\\n"', $number);
			close $file; print "still ", ioas($copy), "\\n";
			close $copy; my $other = dev(); print "new ", ioas($other), "\\n";`);
		expect(stdout).toBe("first 1\nchild 2\ndup 3\nexecuted 4\nstill 5\nnew 1\n");
	});

	test("a fault queue's file is polled and read", () => {
		const { stdout } = exec(`
			my $file = dev();
			my $arg = pack("LLLL", 16, 0, 0, 0);
			print "alloc ", call($file, 0x8e, $arg), "\\n";
			my ($id, $fd) = (unpack("LLLL", $arg))[2, 3];
			open(my $queue, "+<&=", $fd);
			my $bits = ""; vec($bits, $fd, 1) = 1;
			print "readable ", 0 + select(my $r = $bits, undef, undef, 0), ", writable ", 0 + select(undef, my $w = $bits, undef, 0), "\\n";
			my $data; print "read ", sysread($queue, $data, 40) // -$!, ", of a wrong size ", sysread($queue, $data, 10) // -$!, "\\n";
			my $destroy = pack("LL", 8, $id);
			print "destroy ", call($file, 0x80, $destroy), "\\n";
			close $queue;
			print "then ", call($file, 0x80, $destroy), "\\n";`);
		expect(stdout).toBe("alloc 0\nreadable 0, writable 1\nread 0, of a wrong size -29\ndestroy -16\nthen 0\n");
	});

	test("paths: relative, with dots, and what does not exist", () => {
		const { stdout } = exec(`
			chdir "/dev"; print "relative ", ioas(dev("iommu")), "\\n";
			print "dots ", ioas(dev("/dev/../dev/./iommu")), "\\n";
			for my $path ("/dev/vfio/nothing", "/dev/iommu/", "/dev/null") { print "$path ", sysopen(my $f, $path, 2) ? "opened" : 0 + $!, "\\n" }`);
		expect(stdout).toBe("relative 1\ndots 1\n/dev/vfio/nothing 2\n/dev/iommu/ 20\n/dev/null opened\n");
	});

	test("--machine, --uapi and --inject hold for it", () => {
		const code = `my $file = dev(); print join(" ", map { ioas($file) } 1 .. 3), "\\n"; my $arg = pack("LLLL", 16, 0, 0, 0); print call($file, 0x8e, $arg), "\\n"`;
		expect(exec(code, "--inject", "IOMMU_IOAS_ALLOC:error=ENOMEM:when=2").stdout).toBe("1 -12 2\n0\n");
		expect(exec(code, "--uapi", "6.2", "--machine", "smmuv3").stdout).toBe("1 2 3\n-25\n");
	});

	test("10 at once: several programs of one exec see one kernel each open, and nothing is left open", () => {
		const { stdout } = exec(`
			for my $round (1 .. 120) { if (!fork) { my $file = dev(); exit(ioas($file) == 1 ? 0 : 1) } }
			my $failed = 0; while (wait != -1) { $failed++ if $? } print "failed $failed\\n";
			my $supervisor = getppid;
			opendir(my $dir, "/proc/$supervisor/fd"); my $open = () = readdir $dir; print "few files ", $open < 60 ? 1 : $open, "\\n";`);
		expect(stdout).toBe("failed 0\nfew files 1\n");
	});

	test("a read-only open, a folder of sockets that only the user sees, no folder left behind", () => {
		const before = readdirSync("/tmp").filter((name) => name.startsWith("iommuctl-debugfs"));
		expect(
			exec("opendir(my $d, '/sys/kernel/debug/failslab') or print 0 + $!; print join(',', sort grep { !/^[.]/ } readdir $d)").stdout,
		).toContain("probability");
		expect(readdirSync("/tmp").filter((name) => name.startsWith("iommuctl-debugfs"))).toEqual(before);
	});

	test("what cannot be started", () => {
		const missing = iommuctlProcess(["exec", "--", "no-such-program"]);
		expect(missing).toEqual({ status: 127, stdout: "", stderr: "error: no-such-program cannot be started: not found\n" });
		expect(iommuctlProcess(["exec", "--", join(folder, ".")]).status).toBe(126);
		expect(iommuctlProcess(["exec", "--kernel", "real", "--", "true"]).status).toBe(2);
		const inner = exec("exit 3").status;
		expect(inner).toBe(3);
	});
});
