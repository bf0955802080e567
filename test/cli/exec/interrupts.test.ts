/** Tests that simulated devices signal the eventfds of a program, and wait for them. */
import { describe, expect, test } from "vitest";
import { exec, obstacle } from "./program.js";

describe.skipIf(obstacle !== undefined)("exec: interrupts", () => {
	test("INTx signals a program's eventfd, and is unmasked by another", () => {
		const { stdout, stderr } = exec(`
			require POSIX;
			my ($eventfd2, $pwrite) = (POSIX::uname())[4] eq "x86_64" ? (290, 18) : (19, 68);
			my ($event, $resample) = map { syscall($eventfd2, 0, 04000) } 1, 2;
			my $file = dev();
			sysopen(my $device, "/dev/vfio/devices/vfio0", 2) or die "device: $!";
			my $bind = pack("LLlL", 16, 0, fileno $file, 0);
			print "bind ", call($device, 0x76, $bind), "\\n";
			sub irqs { my $arg = pack("LLLLLl", 24, $_[0], 0, 0, 1, $_[1]); call($device, 0x6e, $arg) }
			print "trigger ", irqs(0x24, $event), ", unmask ", irqs(0x14, $resample), ", no eventfd ", irqs(0x24, 0), "\\n";
			my $region = pack("LLLLQQ", 32, 0, 0, 0, 0, 0);
			call($device, 0x6c, $region);
			my $bits = ""; vec($bits, $event, 1) = 1;
			open(my $events, "+<&=", $event); open(my $resamples, "+<&=", $resample);
			sub got {
				return "nothing" unless select(my $r = $bits, undef, undef, $_[0]);
				sysread($events, my $count, 8);
				return unpack("Q", $count);
			}
			sub put { syscall($pwrite, fileno $device, $_[1], length $_[1], $_[0]) }
			put(0x70000000004, pack("S", 6));
			put((unpack "LLLLQQ", $region)[5] + 0x60, pack("L", 1));
			print "raised ", got(10), ", masked ", got(0.05), "\\n";
			syswrite($resamples, pack("Q", 1));
			print "resampled ", got(10), "\\n";`);
		expect(stderr).toBe("");
		expect(stdout).toBe("bind 0\ntrigger 0, unmask 0, no eventfd -22\nraised 1, masked nothing\nresampled 1\n");
	});

	test("IOEVENTFD: a program's eventfd writes a register, at the offset that any descriptor of the device was told", () => {
		const { stdout, stderr } = exec(`
			use POSIX (); my ($eventfd2, $pread, $pwrite) = (POSIX::uname())[4] eq "x86_64" ? (290, 17, 18) : (19, 67, 68);
			my $file = dev(); sysopen(my $device, "/dev/vfio/devices/vfio0", 2) or die; POSIX::dup2(fileno $device, 20); open(my $low, "+<&=", 20);
			my $bind = pack("LLlL", 16, 0, fileno $file, 0); print "bind ", call($device, 0x76, $bind), "\n";
			my $master = pack("S", 6); syscall($pwrite, fileno $device, $master, 2, (7 << 40) + 4);
			for my $of ($device, $low) {
				my $region = pack("LLLLQQ", 32, 0, 0, 0, 0, 0); call($of, 0x6c, $region); my $factorial = (unpack "LLLLQQ", $region)[5] + 8;
				my $event = syscall($eventfd2, 0, 0); my $value = $of == $low ? 4 : 5;
				my $io = pack("LLQQlL", 32, 4, $factorial, $value, $event, 0); print "register ", call($of, 0x74, $io), " ", call($of, 0x74, $io), "\n";
				my $one = pack("Q", 1); POSIX::write($event, $one, 8);
				my $read = "\\0" x 4;
				for (1 .. 200) { syscall($pread, fileno $of, $read, 4, $factorial); last if unpack("L", $read) == ($value == 4 ? 24 : 120); select undef, undef, undef, 0.01 }
				print "factorial ", unpack("L", $read), "\n";
			}`);
		expect(stderr).toBe("");
		expect(stdout).toBe("bind 0\nregister 0 -17\nfactorial 120\nregister 0 -17\nfactorial 24\n");
	});
});
