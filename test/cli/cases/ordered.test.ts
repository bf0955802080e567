/** Work by several at once: order, errors, and what may be ahead. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ordered } from "../../../src/cli/commands/tools/cases/ordered.js";

/** Ends after as many turns of the event loop as its item says. */
async function work({ turns, fails }: { turns: number; fails: boolean }): Promise<number> {
	for (let left = turns; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
	if (fails) throw new Error(`after ${turns}`);
	return turns;
}

const item = fc.record({ turns: fc.nat(5), fails: fc.constant(false) });

describe("ordered", () => {
	it("gives every result in order, whatever the workers, the sizes and how long each takes", async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(item), fc.integer({ min: 1, max: 5 }), fc.boolean(), async (items, count, sized) => {
				let busy = 0;
				let most = 0;
				const worker = async (one: (typeof items)[number]): Promise<number> => {
					most = Math.max(most, ++busy);
					const result = await work(one);
					busy--;
					return result;
				};
				const found: number[] = [];
				const size = sized ? ({ turns }: { turns: number }): number => turns : undefined;
				for await (const one of ordered(items, Array<typeof worker>(count).fill(worker), { size })) found.push(one);
				expect(found).toEqual(items.map(({ turns }) => turns));
				expect(most).toBeLessThanOrEqual(count);
				if (items.length >= count) expect(most).toBe(count);
			}),
			{ numRuns: 50 },
		);
	});

	it("throws what a case throws in its turn, after the results before it", async () => {
		const items = [3, 0, 2, 1, 4].map((turns, at) => ({ turns, fails: at === 2 }));
		const found: number[] = [];
		const all = async () => {
			for await (const one of ordered(items, [work, work, work])) found.push(one);
		};
		await expect(all).rejects.toThrow("after 2");
		expect(found).toEqual([3, 0]);
	});

	it("begins nothing new when it is to stop, and gives what had begun", async () => {
		const found: number[] = [];
		const items = Array.from({ length: 10 }, () => ({ turns: 1, fails: false }));
		let begun = 0;
		const counted = (one: (typeof items)[number]): Promise<number> => {
			begun++;
			return work(one);
		};
		for await (const one of ordered(items, [counted, counted, counted], { stop: () => begun >= 5 })) found.push(one);
		expect(begun).toBe(5);
		expect(found).toHaveLength(5);
	});

	it("does not run far ahead of a case that takes long", async () => {
		let begun = 0;
		let finish = (): void => {};
		const slow = async (at: number): Promise<number> => {
			begun++;
			if (at === 0)
				await new Promise<void>((resolve) => {
					finish = resolve;
				});
			return at;
		};
		const items = Array.from({ length: 1000 }, (_, at) => at);
		const results = ordered(items, [slow, slow]);
		const first = results.next();
		await new Promise((resolve) => setTimeout(resolve, 20));
		expect(begun).toBe(256);
		finish();
		expect((await first).value).toBe(0);
		let count = 1;
		for await (const _ of results) count++;
		expect(count).toBe(1000);
	});
});
