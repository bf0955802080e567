/** Folders that are named on the command line, and files that are added to them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addFiles, makeFolder } from "../../src/trace/folder.js";

const cwd = mkdtempSync(join(tmpdir(), "folder-"));
const named = (name: string) => ({ name, cwd, option: "--out" });

test("a folder is made with those above it, and found again", () => {
	expect(makeFolder(named("a/b/c"))).toBe(join(cwd, "a/b/c"));
	expect(makeFolder(named("a/b/c"))).toBe(join(cwd, "a/b/c"));
	expect(makeFolder(named("."))).toBe(cwd);
});

test("what cannot be a folder is the user's mistake or this machine's, in one line", () => {
	writeFileSync(join(cwd, "file"), "");
	for (const name of ["", "file", "file/in"]) expect(() => makeFolder(named(name))).toThrow(`--out: ${name || '""'} is not a folder`);
	// mkdirSync's own `recursive` does not come back from here.
	expect(() => makeFolder(named("/proc/none/x"))).toThrow(/^--out: \/proc\/none\/x cannot be written: E/);
});

test("files are never overwritten, and what is there already is not written twice", () => {
	const folder = makeFolder(named("kept"));
	const files = (text: string) => [
		{ ending: ".jsonl", text },
		{ ending: ".c", text: "the same" },
	];
	expect(addFiles(folder, "1-2", files("one"), "--out")).toEqual(["1-2.jsonl", "1-2.c"]);
	expect(addFiles(folder, "1-2", files("other"), "--out")).toEqual(["1-2.2.jsonl", "1-2.2.c"]);
	expect(addFiles(folder, "1-2", files("other"), "--out")).toEqual(["1-2.2.jsonl", "1-2.2.c"]);
	expect(addFiles(folder, "1-2", files("one"), "--out")).toEqual(["1-2.jsonl", "1-2.c"]);
	mkdirSync(join(folder, "1-3.c"));
	expect(addFiles(folder, "1-3", files("one"), "--out")).toEqual(["1-3.2.jsonl", "1-3.2.c"]);
	expect(readFileSync(join(folder, "1-2.jsonl"), "utf8")).toBe("one");
	expect(readdirSync(folder).length).toBe(7);
	expect(() => addFiles(join(folder, "1-2.c"), "1", files(""), "--out")).toThrow(/cannot be written: ENOTDIR/);
});
