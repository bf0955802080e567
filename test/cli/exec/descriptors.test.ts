/** Tests simulated files at descriptors below 512, where dup2 and sockets put them: what is read and written there arrives. */
import { describe, expect, test } from "vitest";
import { exec, obstacle } from "./program.js";

/** `queue` makes a device that faults into a queue, whose file it returns; `fault` makes it fault; `take` and `respond` read and write the file. */
const FAULTS = `
	use POSIX ();
	my $file = dev(); my $device;
	sub test { my ($op, $id, $rest) = @_; my $arg = pack("LLLL a64", 80, $op, $id, 0, $rest);
		my $ret = call($file, 0xa0, $arg); die "op $op: $ret" if $ret; return substr $arg, 16 }
	sub hwpt { my ($dev, $pt, $flags, $data, $fault) = @_; my $iotlb = pack("L", 0);
		my $arg = pack("LLLLLLLLQLL", 48, $flags, $dev, $pt, 0, 0, $data, $data ? 4 : 0, $data ? addr($iotlb) : 0, $fault, 0);
		my $ret = call($file, 0x89, $arg); die "hwpt: $ret" if $ret; return (unpack "L5", $arg)[4] }
	sub queue { my $ioas = ioas($file); my ($stdev, $hwpt, $idev) = unpack "LLL", test(2, $ioas, "");
		my $queue = pack("LLLL", 16, 0, 0, 0); call($file, 0x8e, $queue); my ($id, $fd) = (unpack "LLLL", $queue)[2, 3];
		test(10, $stdev, pack("L", hwpt($idev, hwpt($idev, $ioas, 1, 0, 0), 4, 0xdead, $id))); $device = $idev; return $fd }
	sub fault { test(15, 0, pack("LLLLQ", $device, 0xffffffff, $_[0], 1, $_[0] << 12)) }
	sub ready { my $bits = ""; vec($bits, $_[0], 1) = 1; return 0 + select($bits, undef, undef, $_[1] // 0) }
	sub take { my $got = POSIX::read($_[0], my $data, $_[1] // 400); return -$! unless defined $got;
		return join(",", map { (unpack "L4LLQLL", substr $data, 40 * $_, 40)[3] } 0 .. $got / 40 - 1) || "none" }
	sub respond { return 0 + (POSIX::write($_[0], pack("LL", $_[1], 0), 8) // -$!) }
`;
/** EAGAIN */
const AGAIN = -11;

describe.skipIf(obstacle !== undefined)("exec: descriptors below 512", () => {
	const code = `${FAULTS}
		my $queue = queue(); POSIX::dup2($queue, 20);
		print "empty ", ready(20), " ", take($queue), " ", take(20), "\\n";
		fault(7); fault(8); fault(9);
		print "low ", ready(20), " ", take(20, 40), ", high ", ready($queue), " ", take($queue, 40), ", low ", ready(20), " ", take(20, 40), ", both ", ready(20), ready($queue), "\\n";
		print "answers ", join(" ", respond(20, 1), respond($queue, 2), respond(20, 3)), ", again ", respond($queue, 1), "\\n";
		fault(10); my $pid = fork; if (!$pid) { POSIX::close($queue); print "child ", ready(20, 5), " ", take(20), " ", respond(20, 1), "\\n"; POSIX::_exit(0) }
		waitpid $pid, 0; print "answered ", respond($queue, 1), "\\n";`;

	test("a fault queue's file is polled, read and written at any number, by any process, and each fault is read once", () => {
		const { stdout, stderr } = exec(code, "--machine", "selftest");
		expect(stderr).toBe("");
		expect(stdout).toBe(
			`empty 0 none ${AGAIN}\nlow 1 7, high 1 8, low 1 9, both 00\nanswers 8 8 8, again -22\nchild 1 10 8\nanswered -22\n`,
		);
	});

	test("a write that fails there is told to the user; with --any-descriptor, to the program", () => {
		const wrong = `${FAULTS} my $queue = queue(); POSIX::dup2($queue, 20); fault(7); print respond(20, 5), " ", take(20), "\\n";`;
		const { stdout, stderr } = exec(wrong, "--machine", "selftest");
		expect(stdout).toBe("8 7\n");
		expect(stderr).toMatch(/^note: a program's write to the file of a fault queue .* failed \(EINVAL\).*--any-descriptor .*\n$/);
		const any = exec(wrong, "--machine", "selftest", "--any-descriptor");
		expect(any).toMatchObject({ stdout: "-22 7\n", stderr: "" });
	});

	const regions = `
		use POSIX ();
		my $file = dev(); my $device = POSIX::open("/dev/vfio/devices/vfio0", 2); POSIX::dup2($device, 20);
		open(my $high, "+<&=", $device); open(my $low, "+<&=", 20);
		my $bind = pack("LLlL", 16, 0, fileno $file, 0); print "bind ", call($high, 0x76, $bind), "\\n";
		my ($pread, $pwrite) = (POSIX::uname())[4] eq "x86_64" ? (17, 18) : (67, 68);
		sub region { my ($of, $index) = @_; my $arg = pack("LLLLQQ", 32, 0, $index, 0, 0, 0); call($of, 0x6c, $arg); return (unpack "LLLLQQ", $arg)[5] }
		sub at { my ($of, $offset, $length) = @_; my $data = "\\0" x $length; my $got = syscall($pread, fileno $of, $data, $length, $offset);
			return $got < 0 ? -$! : unpack "H*", substr $data, 0, $got }
		my $master = pack("S", 6); syscall($pwrite, 20, $master, 2, region($low, 7) + 4);
		print join(" ", map { at($_, region($_, 7), 6), at($_, region($_, 0), 4) } $high, $low), "\\n";
		print "hard-coded: ", join(" ", at($low, 7 << 40, 4), at($low, 0, 4), at($high, 0, 4)), "\\n";
		my $data = "1234"; print "lost: ", syscall($pwrite, 20, $data, 4, 4), "\\n";`;

	test("a device's regions are read and written at any number, at the offsets that the device tells there", () => {
		const { stdout, stderr } = exec(regions);
		expect(stdout).toBe(
			"bind 0\n3412e8110601 ed000001 3412e8110601 ed000001\nhard-coded: 3412e811  ed000001\nlost: 4\n".replaceAll(
				"0601",
				stdout.match(/3412e811(....)/)?.[1] ?? "",
			),
		);
		expect(stdout).toContain("3412e81106");
		expect(stderr).toMatch(
			/^note: a program wrote to \/dev\/vfio\/devices\/vfio0 through a descriptor below 512, .*--any-descriptor .*\n$/,
		);
		expect(exec(regions, "--any-descriptor")).toMatchObject({
			stderr: "",
			stdout: expect.stringContaining("hard-coded: 3412e811 ed000001 ed000001\n"),
		});
	});

	test("KVM's call that registers a VFIO file succeeds for simulated ones only; a path to a descriptor opens its device again", () => {
		const { stdout } = exec(`
			my $file = dev("/dev/vfio/devices/vfio0"); open(my $kvm, "<", "/dev/null");
			sub register { my $number = pack("l", $_[0]); my $arg = pack("LLQQ", 0, $_[1], $_[2], addr($number)); my $ret = ioctl($kvm, 0x4018aee1, $arg); return defined $ret ? 0 + $ret : -$! }
			print join(" ", register(fileno $file, 1, 1), register(fileno $file, 1, 2), register(0, 1, 1), register(fileno $file, 2, 1)), "\n";
			my $first = dev(); my $again = dev("/proc/self/fd/" . fileno $first); my $third = dev("/dev/fd/" . fileno $again);
			print join(" ", map { ioas($_) } $first, $again, $third, $first), "\n";`);
		expect(stdout).toBe("0 0 -25 -25\n1 1 1 2\n");
	});
});
