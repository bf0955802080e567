/** Tests the files around the devices: nodes, sysfs, fail-nth. */
import { describe, expect, test } from "vitest";
import { iommuctlProcess } from "../cli.js";
import { exec, obstacle } from "./program.js";

const shell = (code: string, ...options: string[]) => iommuctlProcess(["exec", ...options, "--", "sh", "-c", code]);

describe.skipIf(obstacle !== undefined)("exec", () => {
	test("device nodes are character devices, by their paths and by descriptors", () => {
		const { stdout } = exec(`
			for my $path ("/dev/iommu", "/dev/vfio/vfio", "/dev/vfio/devices/vfio0") {
				my @by_path = stat $path; my @open = $path =~ /vfio\\/vfio$/ ? @by_path : stat dev($path);
				printf "%s %o %d:%d %d\\n", $path, $by_path[2] & 0170000, $by_path[6] >> 8, $by_path[6] & 255, $open[6] == $by_path[6];
			}
			print join(" ", map { -e $_ ? 1 : 0 } "/dev/iommu", "/dev/vfio/devices/vfio99", "/dev/null"), "\\n";`);
		expect(stdout).toBe("/dev/iommu 20000 10:125 1\n/dev/vfio/vfio 20000 10:196 1\n/dev/vfio/devices/vfio0 20000 511:0 1\n1 0 1\n");
	});

	test("sysfs has the devices, their groups and VFIO's numbers", () => {
		const { stdout, stderr } = shell(
			`d=/sys/bus/pci/devices/0000:00:10.0; cat $d/vendor $d/vfio-dev/vfio0/dev; readlink -f $d $d/iommu_group; ls -l $d/driver | sed 's/.*-> //'
			ls -d /dev/vfio/devices/vfio[01]; ls /sys/kernel/iommu_groups/0/devices; cat $d/../0000:00:10.0/device; ls /dev/vfio/ | head -3 | tr '\\n' ' '`,
		);
		expect(stderr).toBe("");
		expect(stdout).toBe(
			"0x1234\n511:0\n/sys/devices/pci0000:00/0000:00:10.0\n/sys/kernel/iommu_groups/0\n../../../bus/pci/drivers/vfio-pci\n" +
				"/dev/vfio/devices/vfio0\n/dev/vfio/devices/vfio1\n0000:00:10.0\n0x11e8\n0 1 10 ",
		);
	});

	test("a machine without devices has none", () => {
		expect(shell("ls /dev/vfio/devices; test -c /dev/iommu && echo there", "--machine", "selftest").stdout).toBe("there\n");
	});

	test("fail-nth: the nth allocation fails, and what is left is read back", () => {
		const { stdout } = exec(`
			my $file = dev();
			sysopen(my $nth, "/proc/self/task/$$/fail-nth", 2) or die $!;
			for my $n (1 .. 4) {
				sysseek($nth, 0, 0); syswrite($nth, $n);
				my $arg = pack("LLLL", 16, 0, 0, 0); my $ret = call($file, 0x8e, $arg);
				sysseek($nth, 0, 0); sysread($nth, my $left, 16); chomp $left;
				print "$n: $ret, $left left\\n"; syswrite($nth, "0");
			}
			print syswrite($nth, "x") // "EINVAL " . ($! == 22), "\\n";`);
		expect(stdout).toMatch(/^1: -12, 0 left\n/);
		expect(stdout).toMatch(/: 0, \d left\nEINVAL 1\n$/);
	});

	test("failslab's knobs make allocations fail, all of them or those of marked processes only", () => {
		const { stdout, stderr } = exec(
			`sub knob { open(my $f, ">", "/sys/kernel/debug/failslab/$_[0]") or die "$_[0]: $!"; print $f $_[1]; close $f }
			sub left { open(my $f, "<", "/sys/kernel/debug/failslab/$_[0]"); my $text = <$f>; chomp $text; return $text }
			my $file = dev();
			knob("ignore-gfp-wait", "N"); knob("verbose", 1); knob("times", 2); knob("probability", 100);
			print join(" ", map { ioas($file) } 1 .. 3), ", times ", left("times"), "\n";
			knob("times", -1); knob("task-filter", "Y"); my $before = ioas($file);
			open(my $mark, "+<", "/proc/self/make-it-fail"); syswrite($mark, "1");
			my $pid = fork; if (!$pid) { print "inherited ", ioas($file), "\n"; exit } wait;
			syswrite($mark, "0"); print "marked ", $before > 0, ", not marked ", ioas($file) > 0, "\n";
			knob("interval", "often"); ioas($file); print "interval ", left("interval"), "\n";`,
		);
		expect(stdout).toMatch(/^-12 -12 \d, times 0\ninherited -12\nmarked 1, not marked 1\ninterval 1\n/);
		expect(stderr).toContain('note: failslab/interval cannot be "often", and stays 1\n');
	});
});
