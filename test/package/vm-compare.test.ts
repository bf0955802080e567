/** scripts/vm-compare with machines that are simulated kernels: what it runs on each, and what it prints of both. */
import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root, temporaryFolder } from "../cli/cli.js";

const folder = temporaryFolder();
// An "image" is a file whose name is a release.
for (const name of ["7.3", "6.12", "broken"]) writeFileSync(join(folder, name), "");
writeFileSync(join(folder, "old.iommu"), "ioas = ioas alloc\nioas map $ioas --length 4k --iova 0x10000\n");
writeFileSync(join(folder, "new.iommu"), "ioas = ioas alloc\nfault alloc\nioas change-process\n");
const machine = join(folder, "machine");
writeFileSync(
	machine,
	`#!/bin/bash
image=$(basename "$1")
shift
[ "$image" != broken ] || { echo "it does not boot" >&2; exit 3; }
words=()
for word; do [ "$word" = real ] && words+=(sim --uapi "$image") || words+=("$word"); done
exec "\${words[@]}"
`,
);
chmodSync(machine, 0o755);

function compare(...words: string[]): { status: number | null; stdout: string; stderr: string } {
	const env = { ...process.env, VM: machine, IOMMUCTL_KERNEL: "" };
	return spawnSync(join(root, "scripts/vm-compare"), words, { cwd: folder, env, encoding: "utf8" });
}

describe("scripts/vm-compare", () => {
	it("compares the calls of a script", () => {
		const same = compare("7.3", "6.12", "run", "old.iommu");
		expect(same.stderr).toBe("");
		expect(same.stdout).toMatch(/^1: Linux \S+, exit code 0 {2}\(7\.3\)\n2: Linux \S+, exit code 0 {2}\(6\.12\)\n/);
		expect(same.stdout).toContain("no difference in 1 programs\n");
		expect(same.status).toBe(0);
		const other = compare("7.3", "6.12", "run", "new.iommu");
		expect(other.stdout).toContain("IOMMU_IOAS_CHANGE_PROCESS");
		expect(other.stdout).toContain("ENOTTY");
		expect(other.status).toBe(1);
	});

	it("compares what several scripts print, and keeps what has finished on each side", () => {
		const { status, stdout } = compare(
			"-d",
			"kept",
			"7.3",
			"6.12",
			"run",
			"old.iommu",
			"new.iommu",
			"--format",
			"ktap",
			"--resume",
			"part-{}",
		);
		expect(stdout).toContain("\n-ok 2 new.iommu\n");
		expect(stdout).toContain("\n+not ok 2 new.iommu\n");
		expect(status).toBe(1);
		for (const part of ["part-1", "part-2"]) expect(readdirSync(join(folder, part))).toContain("case-000002.json");
	});

	it("says which machine did not get to the end, and what is missing of its words", () => {
		const { status, stderr } = compare("7.3", "broken", "run", "old.iommu");
		expect(stderr).toContain("error: broken did not run it to its end\nit does not boot\n");
		expect(status).toBe(3);
		expect(compare("7.3", "run", "old.iommu").status).toBe(2);
	});
});
