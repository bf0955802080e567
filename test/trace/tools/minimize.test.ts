/** Tests of minimizing programs. */
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { injecting, parseInjection } from "../../../src/kernel/inject.js";
import type { Step } from "../../../src/trace/format.js";
import { ddmin } from "../../../src/trace/tools/ddmin.js";
import {
	answersErrno,
	type Condition,
	commandHolds,
	commandWords,
	differsFromRecording,
	kernelsDiffer,
	minimize,
} from "../../../src/trace/tools/minimize.js";
import { HEADER } from "../files.js";
import { destroy, ioasAlloc, ioasMap, mmap, newSim, open } from "./fixtures.js";

describe("ddmin", () => {
	it("leaves a part that still holds and from which nothing can be removed", async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(fc.nat(9), { maxLength: 40 }), fc.uniqueArray(fc.nat(9), { maxLength: 4 }), async (items, needed) => {
				const holds = (part: readonly number[]) => needed.every((one) => part.includes(one));
				fc.pre(holds(items));
				const least = await ddmin(items, holds);
				expect([...least].sort()).toEqual([...needed].sort());
			}),
		);
	});

	it("is 1-minimal if parts depend on each other", async () => {
		const items = Array.from({ length: 24 }, (_, i) => i);
		const holds = (part: readonly number[]) => part.length % 3 === 0 && part.includes(5) && part.includes(17);
		const least = await ddmin(items, holds);
		expect(holds(least)).toBe(true);
		for (const one of least) expect(holds(least.filter((other) => other !== one))).toBe(false);
	});
});

const noise: Step[] = [open("other"), ioasAlloc(1, "other"), mmap("0x300000000"), destroy(1, {}, "other")];

const minimized = async (program: readonly Step[], condition: Condition) => (await minimize(program, condition))?.steps ?? [];

describe("minimize", () => {
	it("keeps what leads to an errno", async () => {
		const failing = ioasMap({}, { ret: -1, errno: "EEXIST" });
		// Memory is only looked at when a page table needs it, so the mmap is not among them.
		const needed = [open(), ioasAlloc(), ioasMap({}), failing];
		const program = [
			...noise,
			mmap(),
			...needed.slice(0, 3),
			ioasMap({ iova: 0x90000n }),
			failing,
			destroy(7, { ret: -1, errno: "ENOENT" }),
		];
		const steps = await minimized(program, answersErrno(program, newSim, "EEXIST"));
		expect(steps).toEqual(needed);
	});

	it("does not mistake the effects of a missing step for the difference in question", async () => {
		const wrong = destroy(1, { ret: -1, errno: "EBUSY" });
		const program = [...noise, open(), ioasAlloc(1), wrong, ioasAlloc(1)];
		const steps = await minimized(program, differsFromRecording(program, newSim));
		// Without the allocation destroying answers ENOENT, which differs too, but differently.
		expect(steps).toEqual([open(), ioasAlloc(1), wrong]);
	});

	it("keeps what two kernels answer differently", async () => {
		const other = () => injecting(newSim(), [parseInjection("IOMMU_DESTROY:error=ENOENT:when=2")]);
		const program = [...noise, open(), ioasAlloc(1), ioasAlloc(2), destroy(2)];
		const steps = await minimized(program, kernelsDiffer(program, newSim, other));
		expect(steps.filter((step) => step.op === "ioctl" && step.request === "IOMMU_DESTROY")).toHaveLength(2);
		expect(steps.length).toBeLessThan(program.length - 1);
	});

	it("says so if there is nothing to look for", async () => {
		const program = [open(), ioasAlloc()];
		expect(await minimize(program, differsFromRecording(program, newSim))).toBeUndefined();
		expect(() => answersErrno(program, newSim, "ENOTHING")).toThrow("there is no such errno");
	});

	it("asks a command, without a shell, about each candidate", async () => {
		const script = `process.exit(require("fs").readFileSync(process.argv.at(-1), "utf8").includes("IOMMU_DESTROY") ? 0 : 1)`;
		const condition = commandHolds([process.execPath, "-e", script], HEADER as never);
		onTestFinished(() => condition.dispose());
		const steps = await minimized([open(), ioasAlloc(), destroy(1), mmap()], condition);
		expect(steps).toEqual([open(), destroy(1)]);
		const refused = commandHolds(["!", process.execPath, "-e", "process.exit(0)"], HEADER as never);
		expect(refused([open()])).toBe(false);
		refused.dispose();
		const nowhere = commandHolds(["/no/such/command"], HEADER as never);
		expect(() => nowhere([open()])).toThrow("cannot be run (ENOENT)");
		nowhere.dispose();
	});

	it("splits a command as a shell does, and does nothing else that a shell does", () => {
		expect(commandWords(`! node 'a b' "c \\" $HOME" d\\ e;`)).toEqual(["!", "node", "a b", 'c " $HOME', "d e;"]);
		expect(() => commandWords("node 'a")).toThrow("not closed");
	});
});

describe("calls that only hold an ID", () => {
	const exists = { ret: -1, errno: "EEXIST" };
	const twice = (id: number): Step[] => [ioasMap({ ioas_id: id }), ioasMap({ ioas_id: id }, exists)];

	it("go, and the objects behind them get the IDs that they have then", async () => {
		const program = [open(), ioasAlloc(1), ioasAlloc(2), ioasAlloc(3), ...twice(3)];
		const least = [open(), ioasAlloc(1), ...twice(1)];
		const condition = answersErrno(program, newSim, "EEXIST");
		expect((await minimize(program, condition, newSim))?.steps).toEqual(least);
		expect((await minimize(program, condition))?.steps).toEqual(program);
	});

	it("go from a program whose recorded answer differs, too", async () => {
		const wrong = ioasMap({ ioas_id: 2 }, { ret: -1, errno: "ENOSPC" });
		const program = [open(), ioasAlloc(1), ioasAlloc(2), ioasMap({ ioas_id: 2 }), wrong];
		const found = await minimize(program, differsFromRecording(program, newSim), newSim);
		expect(found?.steps).toEqual([open(), ioasAlloc(1), ioasMap({ ioas_id: 1 }), ioasMap({ ioas_id: 1 }, { ret: -1, errno: "ENOSPC" })]);
	});

	it("stay where a later step uses what they make", async () => {
		const program = [open(), ioasAlloc(1), ioasAlloc(2), destroy(1), ...twice(2)];
		const asItIs: Condition = (steps) => steps.length >= program.length;
		expect((await minimize(program, asItIs, newSim))?.steps).toEqual(program);
	});
});
