/** Tests of the reader: what it visits, and what it says about malformed traces. */
import { describe, expect, test } from "vitest";
import type { Step } from "../../src/trace/format.js";
import { readTrace } from "../../src/trace/reader.js";
import { HEADER, temporaryFile, traceText } from "./files.js";

const OPEN = { op: "open", path: "/dev/iommu", fd: "iommu1" };

/** What a visitor saw, and the error that ended it. */
async function read(content: string, wanted: (name: string) => boolean = () => true): Promise<{ seen: string[]; error?: string }> {
	const seen: string[] = [];
	const visitor = {
		header: () => void seen.push("header"),
		program(name: string, line: number) {
			seen.push(`${line} program ${name}`);
			return wanted(name);
		},
		step: (step: Step, line: number) => void seen.push(`${line} ${step.op}`),
		end: (line: number) => void seen.push(`${line} end`),
	};
	try {
		await readTrace(temporaryFile("t.jsonl", content), visitor);
		return { seen };
	} catch (error) {
		return { seen, error: (error as Error).message.replace(/^.*\/t\.jsonl/, "t.jsonl") };
	}
}

describe("readTrace", () => {
	test("visits every program and step with its line", async () => {
		const text = traceText({ one: [OPEN], two: [OPEN, { op: "close", fd: "iommu1" }] });
		expect(await read(text)).toEqual({
			seen: ["header", "2 program one", "3 open", "4 end", "5 program two", "6 open", "7 close", "8 end"],
		});
	});

	test("skips unwanted programs and empty lines", async () => {
		const text = traceText({ one: [OPEN], two: [OPEN] }).replaceAll("\n", "\n\n");
		expect((await read(text, (name) => name === "two")).seen).toEqual(["header", "3 program one", "9 program two", "11 open", "13 end"]);
	});

	test("nothing follows a call that never returned, not even a line that was there before", async () => {
		const known = JSON.stringify({ op: "close", fd: "iommu1" });
		const lines = [JSON.stringify(HEADER), '{"program":"one"}', known, '{"op":"close","fd":"iommu1"', known, ""];
		const { error } = await read(lines.join("\n"));
		expect(error).toContain("not JSON: the line ends");
	});

	const header = `${JSON.stringify(HEADER)}\n`;
	const begin = `${header}{"program":"p"}\n`;
	test.each([
		["", "t.jsonl:1: an empty file, without even a header line"],
		["hello\n", "t.jsonl:1:1: not JSON: a value expected"],
		["[]\n", "t.jsonl:1: not a JSON object"],
		['{"trace":"other"}\n', "t.jsonl:1: not an iommufd trace"],
		['{"trace":"iommufd","version":2}\n', "t.jsonl:1:20: trace version 2; this iommuctl reads version 1"],
		[`${header}{"op":"end"}\n`, "t.jsonl:2:2: a step outside of a program"],
		[`${header}{"program":7}\n`, 't.jsonl:2:2: "program" is not a name'],
		[`${begin}{"program":"q"}\n`, "t.jsonl:3:2: program q begins before p has ended"],
		[begin, "t.jsonl:2: the file ends inside program p"],
		[`${begin}{"op":"open","pa`, "t.jsonl:3:14: not JSON: a string without its closing quote"],
		[`${begin}{}\n`, 't.jsonl:3: neither a step ("op") nor a program'],
		[`${begin}{"op":"spoon"}\n`, 't.jsonl:3:2: unknown op "spoon"'],
		[`${begin}{"op":"toString"}\n`, 't.jsonl:3:2: unknown op "toString"'],
	])("%j", async (content, error) => {
		const result = await read(content);
		expect(result.error).toContain(error);
	});

	const IOCTL = { op: "ioctl", fd: "a", request: "IOMMU_DESTROY", arg: "00ff", ret: 0 };
	test.each([
		[{ op: "open", fd: "x" }, '"path" is missing'],
		[{ op: "open", path: "/dev/iommu" }, '"fd" is missing'],
		[{ op: "open", path: "/dev/iommu", ret: -1, errno: "EBUSY", fd: "x" }, '"fd" must be present if and only if the open succeeded'],
		[{ op: "close", fd: 3 }, '"fd" is not a name'],
		[{ op: "memfd", fd: "m", length: -1 }, '"length" is not an integer'],
		[{ op: "mmap", addr: "4k", length: 1, prot: "rw" }, '"addr" is not a 64-bit number'],
		[{ op: "mmap", addr: "0x10000000000000000", length: 1, prot: "rw" }, '"addr" is not a 64-bit number'],
		[{ op: "mmap", addr: -1, length: 1, prot: "rw" }, '"addr" is not a 64-bit number'],
		[{ op: "mmap", addr: 0, length: 1, prot: "x" }, '"prot" is not "r", "w", "rw" or "none"'],
		[{ op: "munmap", addr: 0 }, '"length" is missing'],
		[{ op: "poke", addr: 0, data: "0" }, '"data" has an odd number of hex digits'],
		[{ op: "poke", addr: 0, data: "0g" }, '"data" is not hex'],
		[{ op: "poke", addr: 0 }, '"data" is missing'],
		[{ op: "peek", addr: 0, length: 2, data: "00" }, '"data" does not hold "length" bytes'],
		[{ ...IOCTL, arg: undefined }, '"arg" is missing'],
		[{ ...IOCTL, ret: undefined }, '"ret" is missing'],
		[{ ...IOCTL, ret: -1 }, '"errno" is missing'],
		[{ ...IOCTL, ret: -2 }, '"ret" is not an integer'],
		[{ ...IOCTL, errno: "EINVAL" }, '"errno" goes with ret -1 only'],
		[{ ...IOCTL, out: "00" }, '"out" is not as long as "arg"'],
		[{ ...IOCTL, fd_in: { 0: "a" } }, '"fd_in" names offset 0, outside of "arg"'],
		[{ ...IOCTL, fd_in: { x: "a" } }, '"fd_in" names offset x'],
		[{ ...IOCTL, fd_out: [] }, '"fd_out" is not an object'],
		[{ ...IOCTL, masked: "x" }, '"masked" is not a list'],
		[{ op: "read", fd: "a", length: 4, ret: 2, data: "00" }, '"data" does not hold "ret" bytes'],
		[{ op: "read", fd: "a", length: 4, ret: -1, errno: "EINVAL", data: "00" }, '"data" does not belong in this step'],
		[{ op: "pread", fd: "a", length: 4, ret: 0, data: "" }, '"offset" is missing'],
		[{ op: "write", fd: "a", ret: 0 }, '"data" is missing'],
		[{ op: "poll", fd: "a", revents: ["pri"] }, '"revents" contains "pri"'],
		[{ op: "dma", fd: "a", dir: "up", iova: 0, length: 1 }, '"dir" is not "read" or "write"'],
		[{ op: "dma", fd: "a", dir: "read", iova: 0, length: 1, events: [3] }, '"events" contains 3'],
	])("a step like %j", async (step, problem) => {
		const result = await read(`${begin}${JSON.stringify(step)}\n`);
		expect(result.error).toMatch(/^t\.jsonl:3(:\d+)?: /);
		expect(result.error).toContain(problem);
		expect(result.seen).toEqual(["header", "2 program p"]);
	});
});
