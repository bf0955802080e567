/** Tests the pins of mapped pages. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL } from "../../../src/kernel/errno.js";
import { Pages } from "../../../src/sim/iova/pages.js";
import { AddressSpace } from "../../../src/sim/memory/address-space.js";
import { PhysicalMemory } from "../../../src/sim/memory/physical-memory.js";
import { Reasons } from "../../../src/sim/why/reasons.js";

const COUNT = 10;
const ADDR = 0x10000n;

function mapped() {
	const memory = new AddressSpace(new Reasons());
	const object = new PhysicalMemory().newObject(COUNT, "anonymous");
	memory.map(ADDR, COUNT, object, 0, 3);
	const pages = new Pages({ type: "user", memory, uptr: ADDR }, BigInt(COUNT) * 0x1000n, true);
	const pins = () => Array.from({ length: COUNT }, (_, i) => object.pins.at(i));
	return { memory, object, pages, pins };
}

describe("pages of a mapping", () => {
	test("are pinned once, from their first user to their last", () => {
		const range = fc
			.tuple(fc.nat(COUNT - 1), fc.integer({ min: 1, max: COUNT }))
			.map(([index, count]) => [index, Math.min(count, COUNT - index)] as [number, number]);
		const step = fc.record({ range: fc.oneof(range, fc.constant<[number, number]>([0, COUNT])), drop: fc.boolean(), pick: fc.nat() });
		fc.assert(
			fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
				const { pages, pins, object } = mapped();
				const users: [index: number, count: number][] = [];
				for (const { range, drop, pick } of steps) {
					if (drop && users.length > 0) pages.unpin(...users.splice(pick % users.length, 1)[0]);
					else if (!drop) {
						expect(pages.pin(...range)).toBe(0);
						users.push(range);
					}
					const used = Array.from({ length: COUNT }, (_, i) => Number(users.some(([index, count]) => index <= i && i < index + count)));
					expect(pins()).toEqual(used);
					used.forEach((each, i) => {
						expect(pages.pinnedPage(i)?.page).toBe(each === 1 ? i : undefined);
					});
				}
				for (const user of users) pages.unpin(...user);
				expect(object.pins.empty).toBe(true);
			}),
		);
	});

	test("stay the pinned ones, whatever is mapped there later", () => {
		const { memory, object, pages } = mapped();
		expect(pages.pin(0, 2)).toBe(0);
		memory.unmap(ADDR, 0x2000n);
		memory.map(ADDR, 2, new PhysicalMemory().newObject(2, "anonymous"), 0, 3);
		expect(pages.pinnedPage(0)?.object).toBe(object);
		expect(pages.current(0, false)?.object).not.toBe(object);
		pages.unpin(0, 2);
		expect(pages.pinnedPage(0)).toBeUndefined();
		expect(pages.current(0, false)?.object).not.toBe(object);
	});

	test("are pinned all or not at all", () => {
		const { memory, pages, pins } = mapped();
		memory.unmap(ADDR + 0x3000n, 0x1000n);
		expect(pages.pin(2, 3)).toBe(-EFAULT);
		expect(pins()).toEqual(new Array(COUNT).fill(0));
		expect(pages.pin(0, 3)).toBe(0);
	});

	test("of a file end where the file ends", () => {
		const object = new PhysicalMemory().newObject(2, "memfd");
		const pages = new Pages(
			{ type: "file", file: { memory: object, wholePages: 2, deviceMemory: undefined, get: () => {}, put: () => {} }, start: 0x1000n },
			0x2000n,
			true,
		);
		expect(pages.pin(0, 2)).toBe(-EINVAL);
		expect(pages.pin(0, 1)).toBe(0);
		expect(pages.pinnedPage(0)).toMatchObject({ object, page: 1 });
	});
});
