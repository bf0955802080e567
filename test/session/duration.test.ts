/** Tests of lengths of time as people write them. */
import { describe, expect, it } from "vitest";
import { durationText, parseDuration } from "../../src/session/duration.js";

describe("lengths of time", () => {
	it("are read with their unit, or as seconds without one", () => {
		for (const [text, ms] of [
			["250ms", 250],
			["30", 30_000],
			["1.5h", 5_400_000],
			["2m", 120_000],
			["0", 0],
			["24d", 2_073_600_000],
		] as const) {
			expect(parseDuration(text, "--idle")).toBe(ms);
		}
	});

	it("that make no sense are the user's mistake", () => {
		for (const text of ["", "-1", "1w", "1 h", "h", "25d", "1e3", "0x10"]) {
			expect(() => parseDuration(text, "--idle")).toThrow(
				expect.objectContaining({ kind: "usage", message: expect.stringContaining("--idle") }),
			);
		}
	});

	it("are shown in the largest unit that is round", () => {
		expect([3_600_000, 900_000, 90_000, 1500, 200, 0, 172_800_000].map(durationText)).toEqual([
			"1 h",
			"15 min",
			"90 s",
			"1.5 s",
			"200 ms",
			"0 s",
			"2 d",
		]);
	});
});
