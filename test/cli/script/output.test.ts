/** Output comes when it happens: a signal loses nothing that was printed. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root, temporaryFolder } from "../cli.js";

const folder = temporaryFolder();

/** Runs a script with stdout in a file, waits until the file has `until`, kills it by `signal`; what the file has then. */
async function killed(
	name: string,
	lines: readonly string[],
	args: readonly string[],
	until: string,
	signal: NodeJS.Signals,
): Promise<string> {
	const file = join(folder, name);
	const out = openSync(file, "w");
	const child = spawn(process.execPath, [join(root, "bin/iommuctl.js"), "run", "-", "--kernel", "sim", ...args], {
		stdio: ["pipe", out, "ignore"],
	});
	const ended = new Promise((resolve) => child.on("exit", (_, by) => resolve(by)));
	child.stdin?.end(lines.join("\n"));
	closeSync(out);
	const end = performance.now() + 20_000;
	while (!readFileSync(file, "utf8").includes(until) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
	child.kill(signal);
	expect(await ended).toBe(signal);
	return readFileSync(file, "utf8");
}

describe("a killed script", () => {
	const lines = ["ioas alloc", "repeat 3 { fault alloc }", "sleep 1h", "ioas alloc"];

	test.each(["SIGTERM", "SIGKILL"] as const)("by %s has printed every line, and the one that it was in", async (signal) => {
		const text = await killed(`text-${signal}`, lines, [], "sleep", signal);
		expect(text).toMatch(/^> ioas alloc\n {2}ok .*\n(?:> fault alloc\n {2}ok .*\n){3}> sleep 1h\n$/);
	});

	test("has printed its JSON documents", async () => {
		const text = await killed("json", lines, ["--json"], 'out_fault_fd":6', "SIGTERM");
		expect(
			text
				.trim()
				.split("\n")
				.map((line) => JSON.parse(line) as object),
		).toHaveLength(4);
	});

	test("has printed its KTAP lines", async () => {
		const text = await killed("ktap", lines, ["--format", "ktap"], "ok 2", "SIGTERM");
		expect(text).toContain("1..4\nok 1 line 1: ioas alloc\nok 2 line 2: repeat 3 { ... }\n");
	});

	test("has recorded its calls", async () => {
		const trace = join(folder, "killed.jsonl");
		await killed("recorded", lines, ["--record", trace], "sleep", "SIGKILL");
		expect(readFileSync(trace, "utf8").match(/"op":"ioctl"/g)).toHaveLength(4);
	});
});
