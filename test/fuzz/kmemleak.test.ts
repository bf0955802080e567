/** Memory that nothing points to, on a kernel with kmemleak. */
import { expect, test } from "vitest";
import { Campaign, Fuzzer, Kmemleak } from "../../src/fuzz/index.js";
import type { KmemleakSystem } from "../../src/fuzz/kmemleak.js";
import { side } from "./support.js";

const HZ = 250;
const NS = 1_000_000_000;
/** As Linux begins to count. */
const jiffiesAt = (seconds: number) => 2 ** 32 - 300 * HZ + seconds * HZ;

const object = (address: string, seconds: number, functions: readonly string[]) =>
	[
		`unreferenced object ${address} (size 512):`,
		`  comm "node", pid 88, jiffies ${jiffiesAt(seconds)}`,
		"  hex dump (first 32 bytes):",
		"    01 00 00 00 01 00 00 00 06 00 00 00 01 00 00 00  ................",
		"  backtrace (crc 8c216dab):",
		...functions.map((name) => `    ${name}+0x31d/0x660`),
		"",
	].join("\n");

const ofMap = ["__kmalloc_cache_noprof", "iommufd_ioas_map_file", "iommufd_fops_ioctl", "__x64_sys_ioctl"];
const ofObject = ["__kmalloc_noprof", "_iommufd_object_alloc", "_iommufd_object_alloc_ucmd", "iommufd_fault_alloc"];
const ofOther = ["kmem_cache_alloc_noprof", "alloc_empty_file", "path_openat", "do_sys_openat2"];

/** A kernel that reports `text` from the second scan on, and counts in seconds of its clock. */
function kernel(before: string, text: () => string): KmemleakSystem & { scans: number; seconds: number } {
	return {
		scans: 0,
		seconds: 100,
		read(path) {
			if (path === "/proc/timer_list")
				return `Timer List Version: v0.10\nnow at ${this.seconds * NS} nsecs\n\ncpu: 0\njiffies: ${jiffiesAt(this.seconds)}\n`;
			return this.scans < 2 ? before : `${before}${text()}`;
		},
		write(_path, command) {
			expect(command).toBe("scan");
			this.scans++;
		},
		async wait(ms) {
			this.seconds += ms / 1000;
		},
	};
}

test("is told with the time and the function, once", async () => {
	const old = object("0xff11000100000001", 3, ofMap);
	const fresh = [
		object("0xff11000100000002", 104, ofMap),
		object("0xff11000100000003", 105, ofObject),
		object("0xff1100010000000a", 106, ofOther),
	];
	const system = kernel(old, () => fresh.join(""));
	const kmemleak = Kmemleak.open(system);
	const found = await kmemleak?.found();
	expect(found?.map(({ at, by }) => [Number(at) / NS, by])).toEqual([
		[104, "iommufd_ioas_map_file"],
		[105, "iommufd_fault_alloc"],
		[106, "path_openat"],
	]);
	expect(found?.[0].lines[0]).toBe("unreferenced object 0xff11000100000002 (size 512):");
	expect(await kmemleak?.found()).toEqual([]);
});

test("is not there where the kernel lacks it", () => {
	const lacking: KmemleakSystem = {
		...kernel("", () => ""),
		read(path) {
			throw new Error(`ENOENT: ${path}`);
		},
	};
	expect(Kmemleak.open(lacking)).toBeUndefined();
});

test("is a finding with the program that ran then, unless the simulated kernel keeps something of it too", async () => {
	const campaign = new Campaign({ seed: 1 });
	let times: bigint[] = [];
	const right = {
		...side("leaks"),
		unreferenced: { found: async () => times.map((at) => ({ at, by: "iopt_map", lines: ["unreferenced object"] })) },
	};
	const fuzzer = new Fuzzer({ campaign, left: side("sim"), leftDrew: true, right });
	await fuzzer.run(0);
	const before = process.hrtime.bigint();
	await new Promise((done) => setTimeout(done, 25));
	await fuzzer.run(1);
	times = [process.hrtime.bigint() + 1_000_000_000n];
	// Nothing ran then.
	expect((await fuzzer.end()).findings).toEqual([]);

	await fuzzer.run(2);
	times = [process.hrtime.bigint()];
	const { findings } = await fuzzer.end();
	expect(findings).toMatchObject([{ seed: 1, program: 2, signature: { kind: "leak", call: "unreferenced memory", right: "iopt_map" } }]);
	expect(findings[0].steps).toBe(campaign.program(2).steps);

	const keeping = { ...campaign.program(3), leftovers: ["a context is still held"] };
	campaign.program = () => keeping;
	await fuzzer.run(3);
	times = [process.hrtime.bigint(), before];
	// The other one is of the program before all that, which may be seen so late.
	const last = await fuzzer.end();
	expect([last.findings.length, last.repeated.length]).toEqual([0, 1]);
});
