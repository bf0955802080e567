/** Tests of replaying whole files, and of the report. */
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Kernel } from "../../src/kernel/kernel.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { formatReport, replayExitCode, replayFiles, reportToJson } from "../../src/trace/index.js";
import { InputError } from "../../structs/index.js";
import { FakeKernel } from "./fake-kernel.js";
import { gzipped, HEADER, temporaryFile, traceFile, traceText } from "./files.js";

const OPEN = { op: "open", path: "/dev/iommu", fd: "iommu1" };
const GOOD = { op: "ioctl", fd: "iommu1", request: "IOMMU_DESTROY", arg: "0800000001000000", ret: 0 };
const BAD = {
	op: "ioctl",
	fd: "iommu1",
	request: "IOMMU_IOAS_ALLOC",
	arg: "0c0000000000000000000000",
	ret: 0,
	out: "0c0000000000000005000000",
};
const PROGRAMS = { one: [OPEN, GOOD, BAD, GOOD], two: [OPEN, BAD], three: [OPEN, GOOD] };

function kernels(): { factory: () => () => FakeKernel; made: FakeKernel[] } {
	const made: FakeKernel[] = [];
	const factory = () => () => {
		const kernel = new FakeKernel();
		made.push(kernel);
		return kernel;
	};
	return { factory, made };
}

const fake = () => () => new FakeKernel();

describe("replayFiles", () => {
	test("counts programs, answers and differences, on a kernel of its own for each program", async () => {
		const { factory, made } = kernels();
		const file = traceFile(PROGRAMS);
		const report = await replayFiles([file, file], { kernel: factory, max: 3 });
		expect(report).toMatchObject({ programs: 6, steps: 10, differing: 4 });
		expect(report.files).toEqual(Array(2).fill({ file, programs: 3, steps: 5, differing: 2 }));
		expect(report.differences.map(({ line, program, number }) => [line, program, number])).toEqual([
			[5, "one", 3],
			[10, "two", 2],
			[5, "one", 3],
		]);
		expect(made.map((kernel) => kernel.ended)).toEqual([1, 1, 1, 1, 1, 1]);
		expect(replayExitCode(report)).toBe(1);
	});

	test("a program whose memory this process has itself is not run any further, and the report says so", async () => {
		const taken = (kind: Kernel["kind"]): Kernel => wrapKernel(Object.assign(new FakeKernel(), { kind }), { mmap: () => -17n });
		const map = { op: "mmap", addr: "0x100000000", length: 4096, prot: "rw" };
		const file = traceFile({ one: [OPEN, GOOD, map, GOOD, GOOD], two: [OPEN, GOOD] });
		const report = await replayFiles([file], { kernel: () => () => taken("real") });
		expect(report).toMatchObject({ programs: 2, steps: 2, differing: 0 });
		expect(report.blocked).toMatchObject([{ file, line: 5, program: "one", number: 3, steps: 2 }]);
		expect(replayExitCode(report)).toBe(3);
		expect(formatReport(report)).toContain(
			`${file}:5: program one, step 3: not run from here on (2 steps with an answer): iommuctl's own memory is where the program maps 4096 bytes at 0x100000000\n` +
				`  every start places it elsewhere, so try again: iommuctl replay ${file} --program one --kernel real\n`,
		);
		expect(reportToJson(report)).toMatchObject({ blocked: [{ line: 5, program: "one", step: 3, steps: 2 }] });
		// where the process is no real one, memory that is taken is a difference
		const simulated = await replayFiles([file], { kernel: () => () => taken("sim") });
		expect(simulated).toMatchObject({ steps: 4, differing: 1, blocked: [] });
	});

	test("passes the header to the function that makes the machine", async () => {
		const headers: unknown[] = [];
		const header = { ...HEADER, iommu: { kind: "vtd" } };
		const kernel = (given: object) => {
			headers.push(given);
			return () => new FakeKernel();
		};
		const report = await replayFiles([traceFile({ one: [OPEN, GOOD] }, header)], { kernel });
		expect(headers).toEqual([header]);
		expect(replayExitCode(report)).toBe(0);
	});

	test("says so if the machine cannot be made", async () => {
		const file = traceFile(PROGRAMS);
		const report = await replayFiles([file], {
			kernel: () => {
				throw new InputError("no machine of kind z80");
			},
		});
		expect(report.files[0].error?.message).toBe(`${file}:1: no machine of kind z80`);
		expect(replayExitCode(report)).toBe(2);
	});

	test("runs only one program, and reports if there is none of that name", async () => {
		const file = traceFile(PROGRAMS);
		expect(await replayFiles([file], { kernel: fake, program: "three" })).toMatchObject({ programs: 1, steps: 1, differing: 0 });
		const none = await replayFiles([file], { kernel: fake, program: "four" });
		expect(replayExitCode(none)).toBe(2);
		expect(formatReport(none)).toContain("no program is called four");
	});

	test("counts the good part of a file that is cut short or malformed, and goes on with the next", async () => {
		const text = traceText(PROGRAMS);
		const lines = text.split("\n");
		const cut = temporaryFile("cut.jsonl", lines.slice(0, 5).join("\n"));
		const torn = temporaryFile("torn.jsonl", text.slice(0, text.indexOf('"two"') + 80));
		const bad = temporaryFile("bad.jsonl", [...lines.slice(0, 8), '{"op":"ioctl","fd":"nobody"}', ...lines.slice(9)].join("\n"));
		const unknown = temporaryFile("unknown.jsonl", text.replace("IOMMU_DESTROY", "IOMMU_DESTROI"));
		const gz = temporaryFile("cut.gz", gzipped(text).subarray(0, -4));
		const good = traceFile(PROGRAMS);
		const report = await replayFiles([cut, torn, bad, unknown, gz, "/nowhere", good], { kernel: fake });
		expect(report.files.map(({ programs, steps, differing }) => [programs, steps, differing])).toEqual([
			[1, 2, 1],
			[2, 3, 1],
			[2, 3, 1],
			[1, 0, 0],
			[3, 5, 2],
			[0, 0, 0],
			[3, 5, 2],
		]);
		expect(report.files.map(({ error }) => error?.message)).toEqual([
			`${cut}:5: the file ends inside program one (no {"op":"end"}): it was cut short`,
			expect.stringMatching(/torn\.jsonl:10:\d+: not JSON: /),
			`${bad}:9: ioctl: "request" is missing`,
			`${unknown}:4:29: ioctl: no request is called "IOMMU_DESTROI"`,
			expect.stringMatching(/cut\.gz:16: the gzip data ends here/),
			"/nowhere: no such file",
			undefined,
		]);
		expect(replayExitCode(report)).toBe(2);
	});

	test("ends the kernel of a program that the file cuts short", async () => {
		const { factory, made } = kernels();
		const file = traceFile({});
		writeFileSync(file, `${JSON.stringify(HEADER)}\n{"program":"p"}\n${JSON.stringify(OPEN)}\n`);
		await replayFiles([file], { kernel: factory });
		expect(made[0].ended).toBe(1);
	});
});

describe("the report", () => {
	test("as JSON has the counts of each file and of all", async () => {
		const file = traceFile(PROGRAMS);
		const report = await replayFiles([file], { kernel: fake, max: 1 });
		expect(reportToJson(report)).toEqual({
			schema: "iommuctl.replay",
			version: 1,
			files: [{ file, programs: 3, steps: 5, differing: 2 }],
			programs: 3,
			steps: 5,
			differing: 2,
			differences: [
				{ file, line: 5, program: "one", step: 3, call: BAD, expected: { ret: 0, bytes: BAD.out }, got: { ret: 0, bytes: BAD.arg } },
			],
		});
	});

	test("as text shows the call with its fields, and where the answers differ", async () => {
		const file = traceFile(PROGRAMS);
		const lines = formatReport(await replayFiles([file], { kernel: fake, max: 1 })).split("\n");
		expect(lines[0]).toBe(`${file}: 3 programs, 5 steps, 2 differing`);
		expect(lines[2]).toBe(`${file}:5: program one, step 3: ioctl iommu1 IOMMU_IOAS_ALLOC`);
		expect(lines.find((line) => line.startsWith("  expected"))).toMatch(/out_ioas_id\W+(0x)?5/);
		expect(lines.find((line) => line.startsWith("  got"))).toMatch(/out_ioas_id\W+(0x)?0/);
		expect(lines.join("\n")).toContain("(1 more; --max N shows more)");
	});

	test("shows where long answers differ", async () => {
		const data = "00".repeat(4096);
		const other = `${data.slice(0, 6000)}11${data.slice(6002)}`;
		const steps = [{ op: "peek", addr: "0x1000", length: 4096, data: other }];
		const text = formatReport(await replayFiles([traceFile({ one: steps })], { kernel: fake }));
		expect(text).toContain(`  expected  0ba0: ${"00".repeat(24)}11${"00".repeat(7)}\n  got       0ba0: ${"00".repeat(32)}\n`);
		expect(text.split("\n").length).toBeLessThan(8);
	});

	test("names errnos, and answers other than structs", async () => {
		const steps = [
			OPEN,
			{ op: "ioctl", fd: "iommu1", request: "0x3b99", arg_value: 1, ret: -1, errno: "ENOTTY" },
			{ op: "poll", fd: "iommu1", revents: ["in", "err"] },
			{ op: "peek", addr: "0x1000", length: 2, data: "0102" },
		];
		const text = formatReport(await replayFiles([traceFile({ one: steps })], { kernel: fake }));
		expect(text).toContain("ioctl iommu1 0x3b99 value 1\n  expected  ret -1 ENOTTY\n  got       ret 0\n");
		expect(text).toContain("poll iommu1\n  expected  in|err\n  got       no events\n");
		expect(text).toContain("peek at 0x1000 length 2\n  expected  0102\n  got       0000\n");
	});
});
