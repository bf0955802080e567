/** What the chapters on the proposals share: machines, a guest's tables, a second context. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { documents, iommuctl, type Ran, root, script } from "../../cli/cli.js";

const fixtures = join(root, "test/fixtures/hardware");
// For all files that use it; it goes with the folder of the whole run.
const folder = mkdtempSync(join(tmpdir(), "machines-"));

/** The machine of the attacks: vfio0 to vfio8 behind VT-d; vfio20 and vfio21 are PASIDs 0x40 and 0x41 of vfio2, vfio22 is 0x40 of vfio1. */
export const multi = ["--machine", join(fixtures, "m.yaml")];

/** The same machine with another part of its file replaced. */
export function changed(from: string | RegExp, to: string): string[] {
	const file = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
	writeFileSync(file, readFileSync(join(fixtures, "m.yaml"), "utf8").replace(from, to));
	return ["--machine", file];
}

/** Runs an attack of test/fixtures/hardware; every line of it must go as it says. */
export const attack = (name: string, ...args: string[]): Ran => iommuctl(["run", join(fixtures, name), "--kernel", "sim", ...args]);

/** Runs lines that must all go as they say. @returns what they printed */
export function run(lines: readonly string[], ...args: string[]): string {
	const ran = script(lines, ...args);
	if (ran.status !== 0) throw new Error(`exit ${ran.status}\n${ran.stdout}\n${ran.stderr}`);
	return ran.stdout;
}

/** The documents that lines print with --json. */
export const printed = (lines: readonly string[], ...args: string[]): Record<string, never>[] =>
	documents(script(lines, ...args, "--json"));

/** What the kernel logged after these lines. */
export const logOf = (lines: readonly string[], ...args: string[]): string =>
	run([...lines, "echo THE-LOG", "kernel log"], ...args).split("THE-LOG")[1];

/** A guest's four-level x86 table at 0x1000 that maps 0x1000 to 0x5000 (and more pages behind it). */
export const tables = (ram: string, ...pages: string[]): string[] => [
	`mem write ${ram}+0x1000 --words 0x2007`,
	`mem write ${ram}+0x2000 --words 0x3007`,
	`mem write ${ram}+0x3000 --words 0x4007`,
	`mem write ${ram}+0x4008 --words ${["0x5007", ...pages].join(",")}`,
];

/** $ioas with 1 MiB at $ram.user_va, and the nesting parent $parent of the device $d. */
export const memory = (device: string, name = "d"): string[] => [
	`${name} = device bind ${device}`,
	"ioas = ioas alloc",
	"ram = ioas map $ioas --iova 0 --length 1M",
	`parent = hwpt alloc $${name} $ioas --flags NEST_PARENT`,
];

/** A second context $other with a virtual device on a nested table of its own (page table 4, memory $m2). */
export const otherContext = (device: string): string[] => [
	"other = file open /dev/iommu",
	`device bind ${device} --iommufd $other`,
	"raw IOMMU_IOAS_ALLOC --on-fd $other size=12",
	"m2 = mem alloc 1M",
	"raw IOMMU_IOAS_MAP --on-fd $other size=40 flags=7 ioas_id=2 user_va=$m2 length=0x100000 iova=0",
	"raw IOMMU_HWPT_ALLOC --on-fd $other size=48 flags=1 dev_id=1 pt_id=2",
	...tables("$m2"),
	"config = mem alloc 4k",
	"mem write $config --words 0,0x1000,0x30",
	"raw IOMMU_HWPT_ALLOC --on-fd $other size=64 flags=8 dev_id=1 pt_id=3 data_type=1 data_len=24 data_uptr=$config",
	`device attach ${device} 4`,
];

/** A guest's PASID directory at 0x10000 with PASID 5 (domain 7) on the table at 0x1000. */
export const directory = (ram = "$ram.user_va"): string[] => [
	`mem write ${ram}+0x10000 --words 0x11001`,
	`mem write ${ram}+0x11140 --words 0x41,7,0x1000`,
	...tables(ram),
];
