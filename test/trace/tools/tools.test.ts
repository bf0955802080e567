/** Tests of showing, diffing and comparing traces. */
import { describe, expect, it } from "vitest";
import type { Step } from "../../../src/trace/format.js";
import {
	compareFile,
	countDifferences,
	diffTraces,
	formatComparison,
	formatDiff,
	readPrograms,
	showTrace,
	showTraceJson,
	stepLine,
} from "../../../src/trace/tools/index.js";
import { FakeKernel } from "../fake-kernel.js";
import { temporaryFile, traceFile, traceText } from "../files.js";
import { destroy, ioasAlloc, ioasMap, mmap, newSim, open } from "./fixtures.js";

const golden = "test/fixtures/golden/access.jsonl.gz";

describe("trace show", () => {
	it("prints a call by its names, with what it returned", () => {
		expect(stepLine(ioasAlloc())).toBe("ioctl(iommu1, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=1}");
		expect(stepLine(ioasMap({ flags: 1 }, { ret: -1, errno: "EEXIST" }))).toBe(
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=FIXED_IOVA ioas_id=1 user_va=0x200000000 length=0x1000 iova=0x10000}) = -1 EEXIST",
		);
	});

	it("shows what is odd about the bytes: a size that is not the struct's, bytes after it, missing bytes", () => {
		const odd = (arg: string): string => stepLine({ op: "ioctl", fd: "f", request: "0x3b80", arg, ret: 0 });
		expect(odd("0900000002000000")).toBe("ioctl(f, IOMMU_DESTROY, {size=9 id=2}) = 0");
		expect(odd("0800000002000000ff")).toBe("ioctl(f, IOMMU_DESTROY, {id=2 (9 of 8 bytes, then ff)}) = 0");
		expect(odd("08000000")).toContain("(4 of 8 bytes)");
	});

	it("colours by verdict", () => {
		const paint = (mark: string) => (text: string) => `<${mark}>${text}</>`;
		const paints = { good: paint("good"), bad: paint("bad"), name: (t: string) => t, faint: paint("faint"), strong: (t: string) => t };
		expect(stepLine(destroy(1), paints)).toContain("<good>0</>");
		expect(stepLine(destroy(1, { ret: -1, errno: "EBUSY" }), paints)).toContain("<bad>-1 EBUSY</>");
		expect(stepLine(mmap(), paints)).toMatch(/^<faint>mmap/);
	});

	it("has a line for every step of real traces, and one JSON document for all", async () => {
		let text = "";
		const programs = await showTrace(golden, { write: (more) => (text += more), program: "access-0" });
		const { programs: read } = await readPrograms(golden, "access-0");
		expect(programs).toBe(1);
		expect(text.trimEnd().split("\n")).toHaveLength(2 + read[0].steps.length);
		let json = "";
		await showTraceJson(golden, "x", { write: (more) => (json += more), program: "access-0" });
		const document = JSON.parse(json);
		expect(document.schema).toBe("iommuctl.trace");
		expect(document.programs[0].steps).toHaveLength(read[0].steps.length);
		expect(
			document.programs[0].steps.find((step: { request?: string }) => step.request === "IOMMU_IOAS_ALLOC").decoded.out.out_ioas_id,
		).toBe(1);
	});

	it("keeps the JSON complete if the file is cut short", async () => {
		const cut = temporaryFile("cut.jsonl", `${traceText({ one: [open()] })}{"program":"two"}\n`);
		let json = "";
		await expect(showTraceJson(cut, "cut", { write: (more) => (json += more) })).rejects.toThrow("cut short");
		expect(JSON.parse(json)).toMatchObject({ programs: [{ program: "one" }], error: { message: expect.stringContaining("cut short") } });
	});
});

describe("trace diff", () => {
	const diff = async (a: readonly Step[], b: readonly Step[]) =>
		diffTraces(await readPrograms(traceFile({ p: a })), await readPrograms(traceFile({ q: b })));

	it("ignores the names of files, the addresses of memory, and the way numbers are written", async () => {
		const rewritten = (step: Step): Step => (step.op === "ioctl" ? { ...step, request: "0x3b85", arg: step.arg?.toUpperCase() } : step);
		const a = [open(), mmap(), ioasAlloc(), ioasMap({}, { ret: -1, errno: "ENOTSUP" })];
		const b = [
			open("x"),
			mmap("0x700000000"),
			ioasAlloc(1, "x"),
			rewritten(ioasMap({ user_va: 0x700000000n }, { ret: -1, errno: "EOPNOTSUPP" }, "x")),
		];
		expect(countDifferences(await diff(a, b))).toBe(0);
	});

	it("notices a pointer to another place in the same memory, and another file", async () => {
		const a = [open("a"), open("b"), mmap(), ioasMap({}, {}, "a")];
		const b = [open("a"), open("b"), mmap("0x700000000"), ioasMap({ user_va: 0x700001000n }, {}, "b")];
		const { differences } = await diff(a, b);
		expect(differences).toHaveLength(1);
		expect(differences[0].fields.map(({ field }) => field)).toEqual(["file", "user_va"]);
	});

	it("names the fields and the answers that differ, before and after the call", async () => {
		const { differences } = await diff([open(), ioasAlloc(1), destroy(1)], [open(), ioasAlloc(2), destroy(2, { ret: -1, errno: "EBUSY" })]);
		expect(differences.map(({ fields }) => fields)).toEqual([
			[{ field: "after: out_ioas_id", a: "1", b: "2" }],
			[
				{ field: "id", a: "1", b: "2" },
				{ field: "ret", a: "0", b: "-1 EBUSY" },
			],
		]);
	});

	it("aligns corresponding steps around a step that only one trace has", async () => {
		const found = await diff(
			[open(), mmap(), ioasAlloc(), destroy(1)],
			[open(), ioasAlloc(), destroy(1), destroy(1, { ret: -1, errno: "ENOENT" })],
		);
		expect(found.differences.map(({ a, b }) => [a?.number, b?.number])).toEqual([
			[2, undefined],
			[undefined, 4],
		]);
		expect(formatDiff(found)).toContain("- step 2 (line 4): mmap(0x200000000, length 65536, rw)");
	});
});

describe("compare", () => {
	it("finds nothing between a kernel and itself", async () => {
		const side = (name: string) => ({ name, kernel: () => newSim });
		const found = await compareFile(golden, { left: side("sim"), right: side("sim") });
		expect(found).toMatchObject({ differing: 0, differences: [] });
		expect(found.programs).toBeGreaterThan(10);
		expect(formatComparison(found)).toContain("sim and sim agree");
	});

	it("shows the first step that two kernels answer differently, whatever was recorded", async () => {
		const file = traceFile({ p: [open(), ioasAlloc(), destroy(1)] });
		const found = await compareFile(file, {
			left: { name: "sim", kernel: () => newSim },
			right: { name: "fake", kernel: () => () => new FakeKernel() },
		});
		expect(found.differing).toBe(1);
		expect(found.differences[0]).toMatchObject({ number: 2, line: 4 });
		expect(formatComparison(found)).toMatch(
			/step 2: ioctl\(iommu1, IOMMU_IOAS_ALLOC.*\n(?:.*\n)*\s+sim {3}out_ioas_id = 1\n\s+fake {2}out_ioas_id = 0\n/,
		);
	});
});
