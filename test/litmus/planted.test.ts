/** A planted race is found. */
import { describe, expect, it } from "vitest";
import { ENOENT } from "../../src/kernel/errno.js";
import type { IoctlArg, Kernel } from "../../src/kernel/kernel.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { type Call, explain, explore, type LitmusTest, outcomeKey, type Part, type Stage } from "../../src/litmus/index.js";
import { createSim } from "../../src/sim/index.js";
import { ioctls } from "../../structs/index.js";
import { destroy, litmusOf, stage, withIoas } from "./record.js";

const DESTROY = ioctls.IOMMU_DESTROY.request;
/** The first half of a destroy that is not atomic: it looks the object up. The bytes are the destroy's, with room for what was found. */
const LOOK_UP = 0xf001;
/** The second half uses what was found, whatever became of it meanwhile. */
const USE = 0xf002;

/** A kernel with the bug: between looking up and using, others may come. */
function racy(kernel: Kernel): Kernel {
	const idOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
	return wrapKernel(kernel, {
		ioctl(fd: number, request: number, arg: IoctlArg) {
			if (typeof arg === "bigint" || (request !== LOOK_UP && request !== USE)) return kernel.ioctl(fd, request, arg);
			const { request: ranges, struct } = ioctls.IOMMU_IOAS_IOVA_RANGES;
			if (request === LOOK_UP) {
				const found = kernel.ioctl(fd, ranges, struct.encode({ size: struct.size, ioas_id: idOf(arg) })) !== -ENOENT;
				return found ? 0 : -ENOENT;
			}
			kernel.ioctl(fd, DESTROY, arg.slice());
			return 0;
		},
	});
}

/** The same test with every destroy in two halves, between which the other thread may run. */
function inHalves(test: LitmusTest): LitmusTest {
	const halves = (call: Call): Call[] =>
		call.request === DESTROY ? [LOOK_UP, USE].map((request) => ({ ...call, request, name: "0x0" })) : [call];
	return { ...test, threads: test.threads.map((part: Part) => ({ ...part, calls: part.calls.flatMap(halves) })) };
}

describe("a kernel that looks up and uses in two steps", () => {
	const test = litmusOf(
		withIoas,
		[0, 1].map(
			() =>
				(kernel: Kernel, { fd, ioas }: ReturnType<typeof withIoas>): void =>
					void destroy(kernel, fd, ioas),
		),
	);
	const racyStage = (): Stage => ({ kernel: racy(createSim().newProcess()) });

	it("shows an outcome that no order of the calls explains, and only that", () => {
		const shown = explore(inHalves(test), { stage: racyStage, limit: 100, seed: 1 });
		const unexplained = shown.allowed.filter(({ outcome }) => explain(test, outcome, stage, 100) === undefined);
		expect(shown.allowed).toHaveLength(3);
		expect(unexplained.map(({ outcome }) => outcomeKey(outcome))).toEqual(["a.1 ok; b.1 ok"]);
		// Both looked it up before either destroyed it.
		expect(unexplained[0].order.slice(0, 2).toSorted()).toEqual([0, 1]);
	});

	it("shows nothing of it one call at a time", () => {
		const { allowed } = explore(test, { stage: racyStage, limit: 100, seed: 1 });
		for (const { outcome } of allowed) expect(explain(test, outcome, stage, 100)).toMatchObject({ held: [] });
	});
});
