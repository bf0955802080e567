/** Shards: which cases are in one. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { inShard, parseShard } from "../../../src/cli/commands/tools/cases/shard.js";
import { worst } from "../../../src/cli/commands/tools/cases/worst.js";
import { iommuctl } from "../cli.js";

describe("--shard", () => {
	it("puts every case into exactly one of n shards", () => {
		fc.assert(
			fc.property(fc.string(), fc.integer({ min: 1, max: 20 }), (name, of) => {
				const of1 = Array.from({ length: of }, (_, at) => ({ index: at + 1, of }));
				expect(of1.filter((shard) => inShard(name, shard))).toHaveLength(1);
			}),
		);
	});

	// The rule is documented, so that other tools can follow it.
	test.each([
		["a.iommu", "1/3"],
		["b.iommu", "1/3"],
		["tests/map.iommu", "1/3"],
	])("%s is in %s", (name, shard) => {
		const found = [1, 2, 3].filter((index) => inShard(name, { index, of: 3 }));
		expect(found.map((index) => `${index}/3`)).toEqual([shard]);
	});

	test.each(["0/3", "4/3", "x", "1", "1/0", "-1/3", "1/3/5", "01/3", ""])("%s is not a shard", (text) => {
		expect(() => parseShard(text)).toThrow(`--shard: "${text}" is not a shard`);
	});

	it("is wrong usage as a command, in one line and its remedy", () => {
		const { status, stdout, stderr } = iommuctl(["litmus", "scripts/litmus/map-map.iommu", "--kernel", "sim", "--shard", "4/3"]);
		expect({ status, stdout, stderr }).toEqual({
			status: 2,
			stdout: "",
			stderr: 'error: --shard: "4/3" is not a shard\n  give I/N with I from 1 to N, for example 2/5\n',
		});
	});

	it("without a case says so and is done", () => {
		const name = "scripts/litmus/map-map.iommu";
		const empty = [1, 2, 3].find((index) => !inShard(name, { index, of: 3 }));
		const { status, stdout, stderr } = iommuctl(["litmus", name, "--kernel", "sim", "--shard", `${empty}/3`, "--format", "ktap"]);
		expect(status).toBe(0);
		expect(stdout).toMatch(new RegExp(`^# shard: ${empty}/3; cases of 1; list [0-9a-f]{8}\n1\\.\\.0\n`, "m"));
		expect(stderr).toContain(`note: shard ${empty}/3 has none of the cases (1 in all)\n`);
	});
});

test("several exit codes: the gravest, and 77 only if nothing ran", () => {
	expect(worst([])).toBe(0);
	expect(worst([77, 77])).toBe(77);
	expect(worst([77, 0])).toBe(0);
	expect(worst([0, 3, 77])).toBe(3);
	expect(worst([3, 1, 0])).toBe(1);
	expect(worst([1, 2])).toBe(2);
	fc.assert(
		fc.property(fc.array(fc.array(fc.constantFrom(0, 1, 2, 3, 4, 77))), (parts) => {
			const some = parts.filter((part) => part.length > 0);
			expect(worst(some.map(worst))).toBe(worst(parts.flat()));
		}),
	);
});
