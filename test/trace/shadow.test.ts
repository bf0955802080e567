/** Tests a second kernel that makes the same calls and tells why they fail. */
import { describe, expect, test } from "vitest";
import { EEXIST } from "../../src/kernel/errno.js";
import type { Kernel } from "../../src/kernel/kernel.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { createSim } from "../../src/sim/index.js";
import type { Step } from "../../src/trace/index.js";
import { shadowed } from "../../src/trace/shadow.js";
import { ioctls, iommu_destroy, iommu_ioas_alloc } from "../../structs/index.js";

/** A kernel that does not know why, like the real one. */
function silent(change: Partial<Pick<Kernel, "ioctl">> = {}): Kernel {
	const { why: _, notes: __, ...kernel } = wrapKernel(createSim().newProcess(), change) as Kernel & { why?: unknown; notes?: unknown };
	return kernel;
}

function run(first: Kernel) {
	const steps: Step[] = [];
	let ended = 0;
	const sink = { step: (step: Step) => steps.push(step), end: () => ended++ };
	const both = shadowed(first, createSim().newProcess(), { sink, kept: "/tmp/calls.jsonl" });
	const { kernel } = both;
	const fd = kernel.open("/dev/iommu");
	kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, iommu_ioas_alloc.encode({ size: 12 }));
	const ret = kernel.ioctl(fd, ioctls.IOMMU_DESTROY.request, iommu_destroy.encode({ size: 8, id: 7 }));
	return { ...both, fd, ret, steps, ended: () => ended };
}

describe("a kernel with a shadow", () => {
	test("has the shadow's reason for what fails on both alike", () => {
		const { kernel, ret, alike, steps } = run(silent());
		expect(kernel.why(ret)).toMatchObject({ check: "destroy.no-object", values: { id: 7 }, seenBy: "simulated" });
		expect(kernel.why(-EEXIST)).toBeUndefined();
		expect(alike()).toBe(true);
		expect(steps.map(({ op }) => op)).toEqual(["open", "ioctl", "ioctl"]);
	});

	test("names both answers where they differ, and what the shadow's reason is", () => {
		const inner = createSim().newProcess();
		const odd = silent({
			ioctl: (fd, request, arg) => (request === ioctls.IOMMU_DESTROY.request ? -EEXIST : inner.ioctl(fd, request, arg)),
		});
		const { kernel, ret, alike } = run(odd);
		expect(ret).toBe(-EEXIST);
		expect(kernel.why(ret)).toMatchObject({
			check: "why.surprise",
			text: "this kernel answers EEXIST, and the simulated one ENOENT",
			values: { own: "EEXIST", simulated: "ENOENT", kept: "/tmp/calls.jsonl" },
			because: { check: "destroy.no-object" },
		});
		expect(alike()).toBe(false);
	});

	test("has no reason for the call before the last one", () => {
		const { kernel, fd, ret } = run(silent());
		kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, iommu_ioas_alloc.encode({ size: 12 }));
		expect(kernel.why(ret)).toBeUndefined();
	});

	test("ends both programs", () => {
		const { kernel, ended } = run(silent());
		kernel.exit();
		expect(ended()).toBe(1);
	});
});
