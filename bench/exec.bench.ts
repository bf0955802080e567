/** Benchmark: what a call costs that a program under `exec` makes on the simulated kernel, and what 10,000 processes leave behind. */
import { spawn } from "node:child_process";
import type { BenchRow } from "./row.js";

const calls = 20_000;
const rounds = 5;
const forks = 10_000;

/** A call that only stops and goes on; one that is answered; then processes that each make one. A line follows each. */
const program = `
use strict; use POSIX (); $| = 1;
sysopen(my $file, "/dev/iommu", 2) or die "$!";
my $destroy = pack("LL", 8, 999);
print "ready\\n";
for (1 .. ${rounds}) {
	POSIX::close(900) for 1 .. ${calls}; print "bare\\n";
	ioctl($file, 0x3b80, $destroy) for 1 .. ${calls}; print "answered\\n";
}
sub opened { opendir(my $dir, "/proc/" . getppid . "/fd"); return scalar(() = readdir $dir) }
my $before = opened();
for (1 .. ${forks}) {
	my $pid = fork // die "$!";
	if (!$pid) { ioctl($file, 0x3b80, $destroy); POSIX::_exit(0) }
	waitpid($pid, 0);
}
print "left ", opened() - $before, "\\n";
`;

export async function run(): Promise<BenchRow[]> {
	const child = spawn(process.execPath, ["bin/iommuctl.js", "exec", "--", "perl", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
	const times = { bare: [] as number[], answered: [] as number[] };
	let last = 0;
	let left = Number.NaN;
	let said = "";
	child.stdout.on("data", (data) => {
		const now = performance.now();
		said += data;
		for (let end = said.indexOf("\n"); end >= 0; end = said.indexOf("\n")) {
			const line = said.slice(0, end);
			said = said.slice(end + 1);
			if (line === "bare" || line === "answered") times[line].push(((now - last) * 1000) / calls);
			else if (line.startsWith("left")) left = Number(line.slice(5));
		}
		last = now;
	});
	const status = await new Promise((resolve) => child.on("exit", resolve));
	if (status !== 0) throw new Error(`the program ended with ${status}`);
	// The fastest round leaves out the time that other processes take.
	const bare = Math.min(...times.bare);
	const answered = Math.min(...times.answered);
	return [
		{
			name: "an answered call",
			value: answered,
			unit: "µs",
			baseline: { name: "a bare notification", value: bare },
			limit: "at most 25 µs more",
		},
		{ name: `descriptors that ${forks} processes leave`, value: left, unit: "", limit: "0" },
	];
}
