/** Tests that a program's memory is what devices read and write, while other commands join its session. */
import { type ChildProcess, spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import { bin, iommuctlProcess, temporaryFolder } from "../cli.js";
import { exec, obstacle, perl } from "./program.js";

const folder = temporaryFolder();
const env = { XDG_RUNTIME_DIR: folder };

/** A program that says something and waits for a line. */
class Talking {
	readonly child: ChildProcess;
	readonly ended: Promise<number | null>;
	#said = "";
	#heard = () => {};

	constructor(code: string, ...options: string[]) {
		this.child = spawn(process.execPath, [bin, "exec", ...options, ...perl(code)], {
			stdio: ["pipe", "pipe", "inherit"],
			env: { ...process.env, ...env },
		});
		this.ended = new Promise((resolve) => this.child.on("exit", resolve));
		this.child.stdout?.on("data", (data) => {
			this.#said += data;
			this.#heard();
		});
	}

	/** What it says up to the next line's end. */
	async line(): Promise<string> {
		while (!this.#said.includes("\n"))
			await new Promise<void>((resolve) => {
				this.#heard = resolve;
			});
		const end = this.#said.indexOf("\n");
		const line = this.#said.slice(0, end);
		this.#said = this.#said.slice(end + 1);
		return line;
	}

	say(text: string): void {
		this.child.stdin?.write(`${text}\n`);
	}
}

/** Binds vfio0 to $file and attaches it to IOAS $ioas. */
const BIND = `
	my $device = dev("/dev/vfio/devices/vfio0");
	my $bind = pack("LLlLQ", 24, 0, fileno $file, 0, 0); call($device, 0x76, $bind);
	my $attach = pack("LLLL", 16, 0, $ioas, 0); my $ret = call($device, 0x77, $attach); print STDERR "attach $ret\\n" if $ret < 0;`;

describe.skipIf(obstacle !== undefined)("exec", () => {
	test("DMA of a simulated device arrives in its memory; graph and sim dma work from another shell", async () => {
		const program = new Talking(
			`my $file = dev(); my $ioas = ioas($file); ${BIND}
			my $memory = "\\0" x 12288; my $start = (addr($memory) + 4095) & ~4095; my $at = $start - addr($memory);
			my $iova = map_at($file, $ioas, $start, 4096);
			print "$iova\\n"; <STDIN>; print unpack("Z*", substr $memory, $at), "\\n"; substr($memory, $at, 5) = "other"; print "changed\\n"; <STDIN>;`,
			"--name",
			"dma",
		);
		const iova = await program.line();
		const inside = (...words: string[]) => iommuctlProcess(["session", "exec", "dma", "--", ...words], { env });
		expect(inside("graph").stdout).toContain("device 2  name 0000:00:10.0");
		const wrote = inside("sim", "dma", "vfio0", "--write", "--iova", iova, "--text", "hello from the device");
		expect(wrote.status).toBe(0);
		program.say("");
		expect(await program.line()).toBe("hello from the device");
		expect(await program.line()).toBe("changed");
		expect(inside("sim", "dma", "vfio0", "--read", "--iova", iova, "--length", "8").stdout).toContain("6f 74 68 65 72");
		expect(inside("kernel", "log").status).toBe(0);
		program.say("");
		expect(await program.ended).toBe(0);
	}, 60_000);

	test.skipIf(process.arch !== "x64")(
		"what is unmapped while it is mapped for devices is kept, and other memory at the address is other memory",
		() => {
			const { stdout } = exec(`
			my $file = dev(); my $ioas = ioas($file);
			sub test_call { my ($op, $id, $rest) = @_; my $arg = pack("LLLLa64", 80, $op, $id, 0, $rest); my $ret = call($file, 0xa0, $arg); return ($ret, unpack("x16 a64", $arg)) }
			my ($rc, $out) = test_call(2, $ioas, ""); print "mock $rc\\n";
			my $va = syscall(9, 0x200000000, 8192, 3, 0x32, -1, 0);
			sub at { return unpack("P$_[1]", pack("J", $_[0])) }
			syscall(0, fileno(STDIN), 0, 0);
			pipe(my $r, my $w); syswrite($w, "kept"); syscall(0, fileno $r, $va, 4);
			my $iova = map_at($file, $ioas, $va, 8192); print "mapped ", $iova > 0, "\\n";
			syscall(11, $va, 4096); my $again = syscall(9, $va, 4096, 3, 0x32, -1, 0); print "again ", $again == $va, "\\n";
			syswrite($w, "new!"); syscall(0, fileno $r, $va, 4);
			my ($access_rc, $access) = test_call(5, $ioas, ""); my $fd = unpack("L", $access);
			my $buffer = "\\0" x 8192;
			my ($copy) = test_call(8, $fd, pack("QQQL", $iova, 4100, addr($buffer), 4)); print "copy $copy: ", substr($buffer, 0, 4), "\\n";
			print "there is: ", at($va, 4), "\\n";`);
			expect(stdout).toBe("mock 0\nmapped 1\nagain 1\ncopy 0: kept\nthere is: new!\n");
		},
	);

	test("what is pinned stays with devices when the program executes another one; a failed execve changes nothing", () => {
		const { stdout } = exec(`
			$^F = 2000;
			my $file = dev(); my $ioas = ioas($file);
			my $mock = pack("LLLLa64", 80, 2, $ioas, 0, ""); call($file, 0xa0, $mock);
			my $memory = "a" x 40960; my $start = (addr($memory) + 4095) & ~4095; my $at = $start - addr($memory);
			my $iova = map_at($file, $ioas, $start, 8192);
			my $make = pack("LLLLa64", 80, 5, $ioas, 0, ""); call($file, 0xa0, $make); my $fd = unpack("L", substr $make, 16, 4);
			sub copy { my $buffer = "\\0" x 8192; my $arg = pack("LLLLa64", 80, 8, $fd, 0, pack("QQQL", $iova, 5000, addr($buffer), 4));
				my $ret = call($file, 0xa0, $arg); return "$ret " . substr $buffer, 0, 4 }
			print copy(), "\\n";
			{ no warnings; exec "/nonexistent" }
			substr($memory, $at, 4) = "live"; print copy(), "\\n";
			open(my $access, "+<&=", $fd); fcntl($_, 2, 0) for $access, $file;
			exec "perl", "-e", 'my ($n, $fd, $iova) = @ARGV; open(my $f, "+<&=", $n); my $b = "\\0" x 8192;
				my $c = pack("LLLLa64", 80, 8, $fd, 0, pack("QQQL", $iova, 5000, unpack("J", pack("P", $b)), 4));
				print ioctl($f, 0x3ba0, $c) // $!, " ", substr($b, 0, 4), "\\n"', fileno $file, $fd, $iova;`);
		expect(stdout).toBe("0 aaaa\n0 live\n0 but true live\n");
	});

	test("VmPin in /proc/PID/status counts what is pinned", () => {
		const { stdout } = exec(`
			my $file = dev(); my $ioas = ioas($file);
			sub pinned { open(my $f, "<", "/proc/self/status"); return join "", map { /VmPin:\\s*(\\d+)/ ? $1 : () } <$f> }
			my $arg = pack("LLLLa64", 80, 2, $ioas, 0, ""); call($file, 0xa0, $arg);
			my $memory = "x" x 40960; my $start = (addr($memory) + 4095) & ~4095;
			print pinned(), "\\n"; map_at($file, $ioas, $start, 16384); print pinned(), "\\n";
			my $unmap = pack("LLQQ", 24, $ioas, 0, 0xffffffffffffffff); call($file, 0x86, $unmap); print pinned(), "\\n";`);
		expect(stdout).toBe("0\n16\n0\n");
	});

	test("pinned pages count against the program's limit of locked memory, and no more once they are unmapped", () => {
		const code = `POSIX::setgid(65534), POSIX::setuid(65534) if $< == 0;
			my $file = dev(); my $device = dev("/dev/vfio/devices/vfio0"); my $ioas = ioas($file);
			my $bind = pack("LLlL", 16, 0, fileno $file, 0); my $attach = pack("LLLL", 16, 0, $ioas, 0);
			print call($device, 0x76, $bind), call($device, 0x77, $attach), "\n";
			my $memory = "x" x 147456; my $start = (addr($memory) + 4095) & ~4095;
			my @mapped = map { map_at($file, $ioas, $start + 32768 * $_, $_ == 2 ? 4096 : 32768) } 0 .. 2;
			my $unmap = pack("LLQQ", 24, $ioas, $mapped[0], 32768); print call($file, 0x86, $unmap), " ";
			print $mapped[0] > 0, $mapped[1] > 0, " $mapped[2], then ", map_at($file, $ioas, $start + 65536, 4096) > 0, "\n";`;
		const [, , ...words] = perl(`use POSIX (); ${code}`);
		const limited = ["--", "sh", "-c", 'ulimit -l 64; exec perl "$@"', "sh", ...words];
		expect(iommuctlProcess(["exec", "--machine", "vtd", ...limited])).toMatchObject({ stdout: "00\n0 11 -12, then 1\n", stderr: "" });
	});

	test("pinned private pages stay what they were when the program drops them or ends", () => {
		const { stdout, stderr } = exec(
			`use POSIX (); my $madvise = (POSIX::uname())[4] eq "x86_64" ? 28 : 233;
			my $file = dev(); my $ioas = ioas($file);
			sub test { my ($op, $id, $rest) = @_; my $arg = pack("LLLL a64", 80, $op, $id, 0, $rest); my $ret = call($file, 0xa0, $arg); return ($ret, substr $arg, 16) }
			my ($stdev, $hwpt) = unpack "LL", (test(2, $ioas, ""))[1]; my $access = unpack "l", (test(5, $ioas, pack("LL", 0, 0)))[1];
			sub page { return (addr($_[0]) + 4095) & ~4095 }
			my $dropped = "d" x 16384; my $start = page($dropped); my $iova = map_at($file, $ioas, $start, 4096);
			sub same { return (test(3, $hwpt, pack("QQQ", $iova, 4096, $start)))[0] }
			print "same ", same(), "\\n"; syscall($madvise, $start, 4096, 4); substr($dropped, 8192, 1) = "x"; print "others now ", same(), "\\n";
			pipe(my $from, my $to); my $pid = fork;
			if (!$pid) { my $kept = "k" x 16384; syswrite $to, pack("Q", map_at($file, $ioas, page($kept), 4096)); POSIX::_exit(0) }
			waitpid $pid, 0; sysread $from, my $there, 8;
			my $read = "\\0" x 8; print "ended ", (test(8, $access, pack("QQQL", unpack("Q", $there), 4, addr($read), 0)))[0], " ", substr($read, 0, 4), "\\n";`,
			"--machine",
			"selftest",
			"--any-descriptor",
		);
		expect(stderr).toBe("");
		expect(stdout).toBe("same 0\nothers now -22\nended 0 kkkk\n");
	});
});
