/** `fuzz` as a process. */
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctl } from "./cli.js";

const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
const known = join(folder, "known.json");

describe("fuzz", () => {
	test("reports what two kernels answer differently, once each, and writes it", () => {
		const out = join(folder, "out");
		const words = ["fuzz", "--right", "sim:uapi=6.18", "--programs", "12", "--out", out, "--json"];
		const { status, stdout } = iommuctl(words);
		expect(status).toBe(1);
		const document = JSON.parse(stdout);
		expect(document).toMatchObject({
			schema: "iommuctl.fuzz",
			version: 1,
			left: "sim",
			right: "sim:uapi=6.18",
			seed: 1,
			from: 0,
			programs: 12,
		});
		expect(document.findings.length).toBeGreaterThan(0);
		for (const { steps, left, right, files } of document.findings) {
			expect(steps.length).toBeLessThan(12);
			expect(left).not.toEqual(right);
			expect(files.length).toBe(3);
		}
		expect(readdirSync(out).length).toBe(new Set(document.findings.flatMap(({ files }: { files: string[] }) => files)).size);

		const entries = document.findings.map(({ signature }: { signature: object }) => ({ ...signature, why: "Linux 6.18 is older" }));
		writeFileSync(known, JSON.stringify({ schema: "iommuctl.fuzz-known", version: 1, known: entries }));
		const again = iommuctl(["fuzz", "--right", "sim:uapi=6.18", "--programs", "12", "--known", known]);
		expect(again.stdout).toMatch(/^sim and sim:uapi=6\.18 agree: 12 programs, /m);
		expect(again.stdout).toContain("Linux 6.18 is older");
		expect(again.status).toBe(0);
	});

	test("has the time for programs, and not for finding out which are in the shard", () => {
		const { status, stdout } = iommuctl(["fuzz", "--right", "sim", "--time", "200ms", "--jobs", "1", "--shard", "1/1", "--json"]);
		expect(JSON.parse(stdout).programs).toBeGreaterThan(0);
		expect(status).toBe(0);
	});

	test("says what is wrong with its options", () => {
		writeFileSync(known, "[]");
		for (const [words, message] of [
			[["--right", "simm"], '--right: "simm" is not a kernel'],
			[["--right", "sim:uapi=9.9"], 'error: --right: "9.9" is not a release with iommufd'],
			[["--right", "sim", "--left", "sim:machine=nowhere"], "error: --left: nowhere: no such file, and no built-in machine"],
			[["--right", "sim", "--programs", "0"], "--programs 0: at least one program is needed"],
			[["--right", "sim", "--programs", "1", "--time", "1s"], "--time and --programs cannot both be given"],
			[["--right", "sim", "--known", known], "does not name known differences"],
			[["--right", "sim", "--from", "4294967296"], '--from: "4294967296" is not a number\n  give 0 to 999999999, in decimal digits'],
			[["--right", "sim", "--time", "0"], "--time 0: no program would run"],
			[["--right", "sim", "--json", "--format", "kcidb"], "--json and --format kcidb cannot both be given"],
			[["--right", "sim", "--out", known], `--out: ${known} is not a folder`],
			[["--right", "sim", "--out", ""], '--out: "" is not a folder'],
			[["--right", "sim", "--corpus", join(known, "in")], "is not a folder"],
			[["--right", "sim", "--resume", known], "is not a folder"],
		] as const) {
			const { status, stderr } = iommuctl(["fuzz", ...words]);
			expect(stderr).toContain(message);
			expect(status).toBe(2);
		}
	});
});
