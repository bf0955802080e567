/** Tests of what all vendors declare of their checks. */
import { describe, expect, test } from "vitest";
import { vendors } from "../../../src/sim/vendors/registry.js";
import type { Check, Group } from "../../../src/sim/why/check.js";
import { inOrder } from "../../../src/sim/why/contract.js";

const of = (group: Group): Check[] => [...inOrder(group, [])].map(({ check }) => check);

/** The hooks that one call may ask, one after another. */
const CALLS = [
	["allocPaging", "allocNested", "viommuAllocNested", "canMap"],
	["attach", "allocPaging", "canMap"],
	["viommuSupported", "initViommu"],
	["invalidate", "viommuInvalidate"],
	["hwQueueSupported", "initHwQueue"],
] as const;

describe.each(vendors.map((vendor) => [vendor.kind, vendor] as const))("%s", (_, { checks }) => {
	test("an ID means one check, whichever hook of the call made it", () => {
		for (const hooks of CALLS) {
			const texts = new Map<string, string>();
			for (const hook of hooks) {
				for (const { name, text } of of(checks[hook] ?? {})) {
					expect([name, texts.get(name) ?? text]).toEqual([name, text]);
					texts.set(name, text);
				}
			}
		}
	});

	test("every check says what was wrong, what must hold, and who says so", () => {
		for (const group of Object.values(checks)) {
			for (const { name, text, rule, source } of of(group)) {
				for (const words of [text, rule]) expect(`${name}: ${words}`).toMatch(/: \S.*[^.\s]$/);
				expect(source).not.toBe("");
				expect(rule).not.toMatch(/[{}]/);
			}
		}
	});
});

test("a driver's own checks bear its name, so that IDs differ between vendors", () => {
	const owners = new Map<string, string>();
	const shared = new Set<string>();
	for (const { kind, checks } of vendors) {
		for (const group of Object.values(checks)) {
			for (const { name } of of(group)) {
				if (owners.has(name) && owners.get(name) !== kind) shared.add(name);
				owners.set(name, kind);
			}
		}
	}
	// those of the caller's structs and arrays, of dirty tracking, and of what the hardware has in common
	expect([...shared].filter((name) => !/^(data|entry|entries)-|^(not-tracking|fault-logged|atc-kept)$/.test(name))).toEqual([]);
});
