/** Tests why recorded calls failed, as the simulated kernel tells it. */
import { describe, expect, test } from "vitest";
import { createSim } from "../../../src/sim/index.js";
import type { Step } from "../../../src/trace/index.js";
import { explainSteps, explanationLines } from "../../../src/trace/tools/index.js";
import { ioctls, iommu_destroy, iommu_ioas_alloc } from "../../../structs/index.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const destroy = (id: number, answer: object): Step =>
	({ op: "ioctl", fd: "a", request: ioctls.IOMMU_DESTROY.name, arg: hex(iommu_destroy.encode({ size: 8, id })), ...answer }) as Step;
const open: Step = { op: "open", path: "/dev/iommu", fd: "a" };
const alloc: Step = {
	op: "ioctl",
	fd: "a",
	request: "IOMMU_IOAS_ALLOC",
	arg: hex(iommu_ioas_alloc.encode({ size: 12 })),
	ret: 0,
	out: hex(iommu_ioas_alloc.encode({ size: 12, out_ioas_id: 1 })),
} as Step;

const explain = (steps: readonly Step[]) => explainSteps(steps, createSim().newProcess());

describe("the steps of a program", () => {
	test("that succeeded need no explanation; one that failed names its check", () => {
		const explained = explain([open, alloc, destroy(9, { ret: -1, errno: "ENOENT" })]);
		expect(explained.slice(0, 2)).toEqual([undefined, undefined]);
		expect(explained[2]).toMatchObject({ why: { check: "destroy.no-object", values: { id: 9 } }, notes: [] });
		expect(explanationLines(explained[2] ?? { notes: [] })).toEqual([
			"why: destroy.no-object: no object has the ID 9",
			"     id must be that of an object of this context",
		]);
	});

	test("that the simulated kernel answers otherwise get its own answer and reason", () => {
		const [, , other] = explain([open, alloc, destroy(9, { ret: -1, errno: "EBUSY" })]);
		expect(other).toMatchObject({ differs: { ret: -2, why: { check: "destroy.no-object" } } });
		expect(explanationLines(other ?? { notes: [] })[0]).toBe("the simulated kernel answers otherwise: ENOENT");
		const [, , fine] = explain([open, alloc, destroy(1, { ret: -1, errno: "EBUSY" })]);
		expect(explanationLines(fine ?? { notes: [] })).toEqual(["the simulated kernel answers otherwise: 0"]);
	});
});
