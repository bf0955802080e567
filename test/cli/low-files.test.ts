/** Tests of the process whose low file numbers are free for replayed programs. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { inProcessWithLowFiles } from "../../src/cli/frame/low-files.js";
import { temporaryFolder } from "./cli.js";

const argv = process.argv;
afterEach(() => {
	process.argv = argv;
});

test("the command line runs again with its own files above 63, and its exit code is the answer", () => {
	const folder = temporaryFolder();
	const [script, found] = [join(folder, "files.cjs"), join(folder, "found.json")];
	writeFileSync(
		script,
		`const fs = require("node:fs");
		const open = [];
		for (let fd = 3; fd < 200; fd++) try { open.push([fd, fs.readlinkSync("/proc/self/fd/" + fd)]); } catch {}
		fs.writeFileSync(process.argv[2], JSON.stringify(open));
		process.exitCode = process.argv.length + 4;`,
	);
	process.argv = [process.execPath, script, found];
	expect(inProcessWithLowFiles()).toBe(7);
	const open = JSON.parse(readFileSync(found, "utf8")) as [number, string][];
	const low = open.filter(([fd]) => fd <= 63);
	expect(low).toEqual(Array.from({ length: 61 }, (_, at) => [at + 3, "/dev/null"]));
	expect(open.filter(([fd, path]) => fd > 63 && path.includes("eventpoll")).length).toBeGreaterThan(0);
});

test("there it goes on, and what it starts itself is no such process any more", () => {
	process.env.IOMMUCTL_LOW_FILES = "1";
	expect(inProcessWithLowFiles()).toBeUndefined();
	expect(process.env.IOMMUCTL_LOW_FILES).toBeUndefined();
});
