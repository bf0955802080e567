/** Tests of writing and appending to traces. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TraceWriter } from "../../src/trace/index.js";
import { gzipped, temporaryFolder } from "./files.js";

const MACHINE = { kernel: "7.3.4", iommu: { kind: "vtd" } };
const OPEN = { op: "open", path: "/dev/iommu", fd: "iommu1" } as const;
const header = '{"trace":"iommufd","version":1,"kernel":"7.3.4","iommu":{"kind":"vtd"}}\n';
const open = '{"op":"open","path":"/dev/iommu","fd":"iommu1"}\n';
const end = '{"op":"end"}\n';

function write(file: string, name: string): string {
	const writer = new TraceWriter(file, MACHINE);
	writer.program(name);
	writer.step(OPEN);
	writer.close();
	return readFileSync(file, "utf8");
}

describe("TraceWriter", () => {
	test("writes a header, programs and their ends", () => {
		const file = join(temporaryFolder(), "t.jsonl");
		expect(write(file, "a")).toBe(`${header}{"program":"a"}\n${open}${end}`);
	});

	test("has every line in the file as soon as it is written", () => {
		const file = join(temporaryFolder(), "t.jsonl");
		const writer = new TraceWriter(file, MACHINE);
		writer.program("a");
		writer.step(OPEN);
		expect(readFileSync(file, "utf8")).toBe(`${header}{"program":"a"}\n${open}`);
		writer.close();
	});

	test("appends to a trace of the same machine", () => {
		const file = join(temporaryFolder(), "t.jsonl");
		const first = write(file, "a");
		expect(write(file, "b")).toBe(`${first}{"program":"b"}\n${open}${end}`);
	});

	test.each([
		["a torn line and an open program", '{"program":"b"}\n{"op":"cl', `{"program":"b"}\n${end}`],
		["an open program", '{"program":"b"}\n', `{"program":"b"}\n${end}`],
		["a torn first line of a program", '{"prog', ""],
		["a torn line longer than a block", `{"program":"b"}\n{"op":"poke","data":"${"00".repeat(100_000)}`, `{"program":"b"}\n${end}`],
	])("repairs what a crash left: %s", (_name, left, mended) => {
		const file = join(temporaryFolder(), "t.jsonl");
		const first = write(file, "a");
		appendFileSync(file, left);
		expect(write(file, "c")).toBe(`${first}${mended}{"program":"c"}\n${open}${end}`);
	});

	test.each([
		["something else", "hello\nworld\n", "not an iommufd trace"],
		["one line without an end", "hello", "not an iommufd trace"],
		["another machine's trace", '{"trace":"iommufd","version":1,"iommu":{"kind":"amd"}}\n', "a trace of another machine"],
		["a compressed trace", gzipped("x"), "is compressed"],
	])("leaves %s alone", (_name, content, problem) => {
		const file = join(temporaryFolder(), "t.jsonl");
		writeFileSync(file, content);
		expect(() => new TraceWriter(file, MACHINE)).toThrow(problem);
		expect(readFileSync(file)).toEqual(Buffer.from(content));
	});
});
