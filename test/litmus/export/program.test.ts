/** Races as C programs: they compile without a warning, and print the outcomes in the same words. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { iommuctl, root, temporaryFolder } from "../../cli/cli.js";

const compiler = ["gcc", "cc", "clang"].find((name) => spawnSync(name, ["--version"]).status === 0);
const folder = temporaryFolder();
const scripts = readdirSync(join(root, "scripts/litmus"));

function exported(file: string, name: string): string {
	const path = join(folder, `${name}.c`);
	const ran = iommuctl(["litmus", "--kernel", "sim", file, "--c", path]);
	expect(ran).toMatchObject({ status: 0, stdout: "", stderr: "" });
	return path;
}

function compiled(path: string): string {
	const program = path.replace(/\.c$/, "");
	execFileSync(compiler as string, ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program, path]);
	return program;
}

describe.skipIf(compiler === undefined)("a test as C", () => {
	it("compiles without a warning, whatever calls it makes", { timeout: 120_000 }, () => {
		// A test of each kind of object; scripts/vm-check.sh can take all.
		const kinds = [
			"map-unmap",
			"fault-close-respond",
			"veventq-read-trigger",
			"hw-queue-unmap",
			"pasid-attach-detach",
			"6f9c4d8c468c-vfio",
		];
		for (const kind of kinds) {
			const file = scripts.find((name) => name.startsWith(kind)) as string;
			compiled(exported(join("scripts/litmus", file), kind));
		}
	});

	it("races, and prints the histogram with the same outcomes", { timeout: 60_000 }, () => {
		const file = join(folder, "close.iommu");
		writeFileSync(
			file,
			"setup {\n f = mem memfd 4k\n}\nthread a {\n file close $f\n}\nthread b {\n file read $f 4\n file read $f 4\n}\nfinally {\n file close $f\n}\n",
		);
		const ran = spawnSync(compiled(exported(file, "close")), ["2000"], { encoding: "utf8" });
		expect(ran.status).toBe(0);
		const rows = ran.stdout
			.trimEnd()
			.split("\n")
			.map((line) => /^ *\d+ +(\d+) {2}(.*)$/.exec(line) as RegExpExecArray);
		const here = iommuctl(["litmus", "--kernel", "sim", file])
			.stdout.split("\n")
			.slice(2, -1)
			.map((line) => line.replace(/^ *\d+ */, ""));
		expect(rows.map(([, , outcome]) => outcome)).toEqual(here);
		expect(rows.reduce((sum, [, rounds]) => sum + Number(rounds), 0)).toBe(2000);
	});

	it("forks processes, which have memory of their own", { timeout: 60_000 }, () => {
		const file = join(folder, "process.iommu");
		const setup = "setup {\n f = mem memfd 4k\n m = mem alloc 4k\n s = mem alloc 4k --memfd $f\n}\n";
		const threads =
			"thread a {\n mem read $s 1\n}\nprocess b {\n mem write $m 22\n mem write $s 33\n file close $f\n}\nprocess c {\n mem read $m 1\n}\n";
		writeFileSync(file, `${setup}${threads}finally {\n mem read $m 1\n file read $f 1\n}\n`);
		const ran = spawnSync(compiled(exported(file, "process")), ["300"], { encoding: "utf8" });
		expect(ran.stdout.replaceAll(/^ *(\d+) +\d+ {2}/gm, "$1 ")).toBe(
			["00", "33"]
				.map(
					(seen, at) =>
						`${at + 1} a.1 ok data=${seen}; b.1 ok; b.2 ok; b.3 ok; c.1 ok data=00; finally.1 ok data=00; finally.2 ok ret=1 data=33\n`,
				)
				.join(""),
		);
		expect(ran.status).toBe(0);
	});

	it("says which outcome no order gives, and exits with 1", { timeout: 60_000 }, () => {
		const file = join(folder, "read.iommu");
		writeFileSync(file, "setup {\n f = mem memfd 4k\n}\nthread a {\n file read $f 2\n}\nthread b {\n file read $f 4\n}\n");
		const path = exported(file, "read");
		// As if the kernel read something else than the specification says.
		writeFileSync(path, readFileSync(path, "utf8").replaceAll("data=0000", "data=1111"));
		const ran = spawnSync(compiled(path), ["10"], { encoding: "utf8" });
		expect(ran.stdout).toMatch(/ 10 {2}a\.1 ok ret=2 data=0000; b\.1 ok ret=4 data=00000000 {2}<- NOT EXPLAINED by any order$/m);
		expect(ran.status).toBe(1);
	});
});
