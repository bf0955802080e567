/** Tests that the garbage collector leaves the memory of calls alone. */
import { describe, expect, it } from "vitest";
import { runChild } from "./support.js";

/** Flags of V8 that make collections happen at the worst moments. */
const kinds = [
	["forced", ["--expose-gc"]],
	["forced, and every 200 allocations", ["--expose-gc", "--gc-interval=200"]],
	["forced, and each moving all objects", ["--expose-gc", "--compact-on-every-full-gc"]],
] as const;

describe("memory passed to the kernel", () => {
	it.each(kinds)("is neither moved nor collected: collections %s", async (_, options) => {
		const { status, signal, stderr, answer } = await runChild("collections", options);
		expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
		expect(answer).toEqual({ calls: 100 * 9, wrong: [] });
	});

	it("is each thread's own", async () => {
		const { status, answer } = await runChild("threads");
		expect(status).toBe(0);
		expect(answer).toEqual({ mine: 0, other: 0, after: 0 });
	});
});
