/** Output on a terminal. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Sink } from "../../../src/cli/frame/io.js";
import { progress } from "../../../src/cli/frame/progress.js";
import { table } from "../../../src/cli/frame/text.js";
import { wrapText } from "../../../src/cli/frame/wrap-text.js";
import { root, temporaryFolder } from "../cli.js";

describe("text in a column", () => {
	test("is broken at spaces, loses nothing, and is only wider where a word is", () => {
		fc.assert(
			fc.property(fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { maxLength: 30 }), fc.integer({ min: 1, max: 100 }), (words, width) => {
				const text = words.join(" ");
				const lines = wrapText(text, width);
				expect(lines.join(" ")).toBe(text);
				if (width >= 20) for (const line of lines) expect(line.length <= width || !line.includes(" ")).toBe(true);
			}),
		);
	});

	test("stays one line where it goes to no terminal", () => {
		const long = "word ".repeat(100).trim();
		expect(wrapText(long, undefined)).toEqual([long]);
		expect(table([["a", long]])).toEqual([`a  ${long}`]);
	});

	test("of a table hangs below its first line", () => {
		expect(
			table(
				[
					["name", "one two three four five six"],
					["b", "short"],
				],
				26,
			),
		).toEqual(["name  one two three four", "      five six", "b     short"]);
	});
});

describe("progress", () => {
	const sinkOf = (isTTY: boolean): { sink: Sink; written: string[] } => {
		const written: string[] = [];
		return { sink: { isTTY, columns: 40, write: (text) => written.push(String(text)) }, written };
	};

	test("is told only after a second, not too often, and goes away", () => {
		const { sink, written } = sinkOf(true);
		let time = 0;
		const bar = progress(sink, () => time);
		for (const [at, text] of [
			[500, "early"],
			[1100, "first"],
			[1150, "too soon"],
			[1300, "x".repeat(100)],
		] as const) {
			time = at;
			bar.tell(text);
		}
		bar.end();
		expect(written).toEqual(["\r\u001b[Kfirst", `\r\u001b[K${"x".repeat(39)}`, "\r\u001b[K"]);
	});

	test("is nothing for short work, and nothing but for a terminal", () => {
		for (const [isTTY, at] of [
			[true, 900],
			[false, 5000],
		] as const) {
			const { sink, written } = sinkOf(isTTY);
			let time = 0;
			const bar = progress(sink, () => time);
			time = at;
			bar.tell("here");
			bar.end();
			expect(written).toEqual([]);
		}
	});
});

describe("as a process", () => {
	const run = (command: string) =>
		spawnSync("bash", ["--norc", "-c", `set -o pipefail; iommuctl() { "$NODE" "$BIN" "$@"; }; ${command}`], {
			encoding: "utf8",
			cwd: root,
			env: { PATH: process.env.PATH, NODE: process.execPath, BIN: join(root, "bin/iommuctl.js") },
		});

	test.each(["struct list --json", "struct list", "help", "doctor --json"])("%s | head ends quietly", (command) => {
		const ran = run(`iommuctl ${command} | head -c 1`);
		expect(ran.stderr).toBe("");
		expect(ran.stdout).toHaveLength(1);
	});

	test("a script's loop ends when nobody reads it any more, through finally", () => {
		const trace = join(temporaryFolder(), "t.jsonl");
		const loop = "ioas = ioas alloc\nrepeat 100000000 {\n\tioas unmap $ioas --all\n}\nfinally {\n\tdestroy $ioas\n}\n";
		const ran = run(`printf %s '${loop}' | iommuctl run --kernel sim --record ${trace} - | head -n 3`);
		expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 3, stderr: "kernel: simulated\n" });
		expect(ran.stdout.split("\n")).toHaveLength(4);
		expect(readFileSync(trace, "utf8")).toMatch(/IOMMU_DESTROY.*\n\{"op":"end"\}\n$/);
	});

	test("a pipe gets neither colours nor progress", () => {
		const ran = run("iommuctl replay test/fixtures/golden/iova.jsonl.gz test/fixtures/golden/viommu.jsonl.gz");
		expect(ran.status).toBe(0);
		expect(`${ran.stdout}${ran.stderr}`).not.toContain("\u001b");
	});

	const terminal = (columns: number, command: string): string =>
		run(`script -qec 'stty cols ${columns}; "$NODE" "$BIN" ${command}' /dev/null`).stdout.replaceAll("\r", "");

	test.skipIf(spawnSync("script", ["--version"]).status !== 0)("a terminal gets colours, and lines no longer than it is wide", () => {
		const plain = (text: string) => text.replace(/\u001b\[[0-9;]*m/g, "");
		for (const command of ["doctor", "struct list ioas", "ioas map --help"]) {
			const text = terminal(70, command);
			expect(text).toContain("\u001b[");
			// Examples stay as they can be typed.
			const lines = plain(text)
				.split("\n")
				.filter((line) => !/^ {2}(?:iommuctl|#) /.test(line));
			expect(lines.length).toBeGreaterThan(5);
			for (const line of lines) expect(line.length <= 70 ? "fits" : line).toBe("fits");
		}
	});
});
