/** Tests that what a program does under `exec --record` replays without the program. */
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
});
