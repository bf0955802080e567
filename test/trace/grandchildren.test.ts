/** Traces of programs whose children have children and threads. */
import { describe, expect, it } from "vitest";
import { createSim } from "../../src/sim/index.js";
import type { Step } from "../../src/trace/index.js";
import { ProgramReplay } from "../../src/trace/index.js";
import { stepLine } from "../../src/trace/tools/show.js";

const STEPS: readonly Step[] = [
	{ op: "open", path: "/dev/iommu", fd: "iommu1" },
	{ op: "fork", process: "child1" },
	{ op: "open", path: "/dev/iommu", fd: "iommu2", process: "child1" },
	{ op: "fork", process: "child2", parent: "child1" },
	{
		op: "ioctl",
		fd: "iommu2",
		request: "IOMMU_IOAS_ALLOC",
		arg: "0c0000000000000000000000",
		ret: 0,
		out: "0c0000000000000001000000",
		process: "child2",
		thread: 2,
	},
	{ op: "exit", process: "child2" },
	{ op: "ioctl", fd: "iommu2", request: "IOMMU_DESTROY", arg: "0800000001000000", ret: 0, process: "child1" },
];

const replay = (): ProgramReplay => new ProgramReplay(createSim({ header: { trace: "iommufd", version: 1 } }).newProcess());

describe("a child of a child", () => {
	it("has the files of its parent, which stay open when it ends", () => {
		const program = replay();
		expect(STEPS.map((step) => program.run(step)).filter((answer) => answer !== undefined)).toEqual([]);
		expect([program.steps, program.differing]).toEqual([2, 0]);
	});

	it("needs a parent that is there", () => {
		expect(() => replay().run({ op: "fork", process: "child2", parent: "child1" })).toThrow(
			/no earlier step made a process called "child1"/,
		);
	});

	it("is shown with its parent, and calls with their threads", () => {
		expect(STEPS.slice(3, 6).map((step) => stepLine(step))).toEqual([
			"[child1] fork(child2)",
			"[child2 thread 2] ioctl(iommu2, IOMMU_IOAS_ALLOC, {}) = 0 {out_ioas_id=1}",
			"exit(child2)",
		]);
	});
});
