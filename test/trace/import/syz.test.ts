/** Tests of the export to and the import from syzkaller. */
import { describe, expect, it } from "vitest";
import { exportSyz } from "../../../src/trace/export/syz.js";
import { syzCalls } from "../../../src/trace/export/syz-calls.js";
import type { Step } from "../../../src/trace/format.js";
import { importSyz } from "../../../src/trace/import/syz.js";
import { parseSyz } from "../../../src/trace/import/syz-parse.js";
import { recording, TraceWriter } from "../../../src/trace/index.js";
import { readPrograms } from "../../../src/trace/tools/programs.js";
import { stepLine } from "../../../src/trace/tools/show.js";
import { HEADER, temporaryFolder } from "../files.js";
import { destroy, ioasAlloc, ioasMap, mmap, newSim, open } from "../tools/fixtures.js";

const exported = (steps: readonly Step[]) => exportSyz({ name: "made", line: 2, steps, lines: [] });

/** Runs text on the simulated kernel, recorded. */
async function imported(text: string) {
	const file = `${temporaryFolder()}/recorded.jsonl`;
	const writer = new TraceWriter(file, HEADER);
	const { skipped, notes } = importSyz(text, "a.syz", recording(newSim(), writer));
	writer.close();
	const { programs } = await readPrograms(file);
	return { skipped, notes, program: programs[0], ioctls: programs[0].steps.filter((step) => step.op === "ioctl") };
}

describe("trace export --syz", () => {
	it("names calls as syzkaller does, with results as variables and pages by address", () => {
		const { text, skipped } = exported([open(), mmap(), ioasAlloc(), ioasMap({ flags: 7 }), destroy(1)]);
		expect(skipped).toEqual([]);
		expect(text.split("\n")).toEqual([
			"# made",
			"r0 = openat$iommufd(0xffffffffffffff9c, &AUTO='/dev/iommu\\x00', 0x2, 0x0)",
			"ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &AUTO={0xc, 0x0, <r1=>0x0})",
			"ioctl$IOMMU_IOAS_MAP$PAGES(r0, 0x3b85, &AUTO={0x28, 0x7, r1, 0x0, &(0x7f0000000000/0x1000)=nil, 0x1000, 0x10000})",
			"ioctl$IOMMU_DESTROY$ioas(r0, 0x3b80, &AUTO={0x8, r1})",
			"",
		]);
	});

	it("says which calls have no description, and keeps them as comments", () => {
		const fault: Step = {
			op: "ioctl",
			fd: "iommu1",
			request: "IOMMU_FAULT_QUEUE_ALLOC",
			arg: "10000000000000000000000000000000",
			ret: -1,
			errno: "EFAULT",
		};
		const { text, skipped } = exported([open(), fault, ioasMap({ user_va: 0x123000n })]);
		expect(skipped).toEqual([
			"step 2: IOMMU_FAULT_QUEUE_ALLOC: has no description",
			"step 3: IOMMU_IOAS_MAP: user_va points to 0x123000, where the program has no such memory",
		]);
		expect(text).toContain("# left out: ioctl(iommu1, IOMMU_FAULT_QUEUE_ALLOC");
	});
});

describe("trace import --syz", () => {
	const text = [
		"# a comment",
		"r0 = openat$iommufd(0xffffffffffffff9c, &AUTO='/dev/iommu\\x00', 0x0, 0x0)",
		"ioctl$IOMMU_IOAS_ALLOC(r0, 0x3b81, &(0x7f0000000040)={0xc, 0x0, <r1=>0x0})",
		"ioctl$IOMMU_IOAS_ALLOW_IOVAS(r0, 0x3b82, &AUTO={0x18, r1, 0x1, 0x0, &AUTO=[{0x100000, 0x1fffff}]})",
		"ioctl$IOMMU_IOAS_MAP$PAGES(r0, 0x3b85, &AUTO={0x28, 0x6, r1, 0x0, &(0x7f0000ffc000/0x1000)=nil, 0x1000, 0x0})",
		"ioctl$IOMMU_TEST_OP_CREATE_ACCESS(r0, 0x3ba0, &AUTO={0x48, 0x5, r1, 0x0, <r2=>0xffffffffffffffff, 0x0})",
		`ioctl$IOMMU_TEST_OP_ACCESS_RW(r0, 0x3ba0, &AUTO={0x48, 0x8, r2, 0x0, 0x100000, 0x4, &AUTO="deadbeef", 0x1})`,
		"ioctl$IOMMU_IOAS_UNMAP$ALL(r0, 0x3b86, &AUTO={0x18, r1, 0x0, 0xffffffffffffffff}) (fail_nth: 3)",
		"ioctl$KVM_CREATE_VM(r0, 0xae01, 0x0)",
		"close(r2)",
		"ioctl$IOMMU_VFIO_CHECK_EXTENSION(r0, 0x3b65, 0x1)",
	].join("\n");

	it("runs the described calls, files and objects by their variables, data in memory", async () => {
		const { program, skipped, notes } = await imported(text);
		expect(program.steps.map((step) => stepLine(step)).filter((line) => !line.startsWith("mmap"))).toEqual([
			'open("/dev/iommu") = iommu1',
			"ioctl(iommu1, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=1}",
			"poke(0x200000c00000, 0000100000000000ffff1f0000000000)",
			"ioctl(iommu1, IOMMU_IOAS_ALLOW_IOVAS, {ioas_id=1 num_iovas=1 allowed_iovas=0x200000c00000}) = 0",
			"ioctl(iommu1, IOMMU_IOAS_MAP, {flags=WRITEABLE|READABLE ioas_id=1 user_va=0x200000ffc000 length=0x1000}) = 0 {iova=0x100000}",
			"ioctl(iommu1, IOMMU_TEST_CMD, {op=CREATE_ACCESS id=1 create_access.out_access_fd=4294967295}) = 0 {create_access.out_access_fd=access1}",
			"poke(0x200000c00010, deadbeef)",
			"ioctl(iommu1, IOMMU_TEST_CMD, {op=ACCESS_RW access_rw.iova=0x100000 access_rw.length=0x4 access_rw.uptr=0x200000c00010 access_rw.flags=WRITE id=access1}) = 0",
			"ioctl(iommu1, IOMMU_IOAS_UNMAP, {ioas_id=1 length=0xffffffffffffffff}, fail_nth 3) = 0 {length=0x1000}",
			"close(access1)",
			"ioctl(iommu1, VFIO_CHECK_EXTENSION, 1) = 1",
		]);
		expect(skipped).toEqual([{ line: 9, what: "ioctl$KVM_CREATE_VM", why: "is not a known call" }]);
		expect(notes).toEqual([{ line: 8, what: "ioctl$IOMMU_IOAS_UNMAP$ALL", why: "(fail_nth: 3): it makes fewer than 3 allocations here" }]);
	});

	it("says where the text is wrong", () => {
		const wrong = (line: string) => () => parseSyz(`\n${line}`, "a.syz");
		expect(wrong("close(r0")).toThrow('a.syz:2:9: "," or ")" expected');
		expect(wrong("r0 = ")).toThrow("a.syz:2:6: a call expected");
		expect(wrong("f(&(0x12)={0x1, <r1>0x0})")).toThrow('"=>" expected');
		expect(wrong('f("abc")')).toThrow("bytes in hex expected");
		expect(wrong("f('abc)")).toThrow("a closing ' expected");
		expect(wrong("f() x")).toThrow("the end of the line expected");
	});
});

describe("both ways", () => {
	const requests = new Set(syzCalls.map(({ ioctl }) => ioctl.name));
	const described = (step: Step) =>
		step.op === "ioctl" ? requests.has(step.request) : ["open", "close", "mmap", "munmap", "poke"].includes(step.op);

	it.each(["iova", "access", "contexts"])(
		"gives the answers that were recorded, in programs of %s with described calls only",
		async (suite) => {
			const { programs } = await readPrograms(`test/fixtures/golden/${suite}.jsonl.gz`);
			const able = programs
				.filter(({ steps }) => steps.every((step) => described(step) || step.op === "peek"))
				.map(({ steps }) => ({ steps, ...exported(steps.filter((step) => step.op !== "peek")) }))
				.filter(({ skipped }) => skipped.length === 0);
			expect(able.length).toBeGreaterThan(0);
			for (const { steps, text } of able.slice(0, 10)) {
				const answers = (all: readonly Step[]) =>
					all.flatMap((step) => (step.op === "ioctl" ? [`${step.request} ${step.ret} ${step.errno ?? ""}`] : []));
				expect(answers((await imported(text)).ioctls)).toEqual(answers(steps));
			}
		},
	);
});
