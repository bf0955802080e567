/** Queues of records: nothing is read twice or out of order, and nothing beyond the room is kept. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { RecordQueue } from "../../../../src/sim/vendors/common/records.js";

const describe = ([word]: readonly bigint[]) => ({ name: "n", fields: {}, text: String(word) });

test("what was written is read once, in order; what found no room is counted as lost", () => {
	const step = fc.oneof(fc.constant("write"), fc.constant("kept"), fc.constant("hold"), fc.constant("release"));
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
			let interrupts = 0;
			const queue = new RecordQueue("q", capacity, () => interrupts++);
			const read: number[] = [];
			const accepted: number[] = [];
			const later: number[] = [];
			let held = false;
			let lost = 0;
			steps.forEach((what, i) => {
				if (what === "hold") held = true;
				else if (what === "release") {
					held = false;
					queue.drain();
				} else {
					const full = queue.unread >= capacity;
					const written = queue.write([BigInt(i)], held, () => read.push(i), what === "kept");
					expect(written).toBe(!full || what === "kept");
					if (!written) lost++;
					else if (full) later.push(i);
					else accepted.push(i);
				}
				expect(queue.unread).toBeLessThanOrEqual(capacity);
				if (!held) expect(queue.unread).toBe(0);
			});
			queue.drain();
			expect([...read].sort((a, b) => a - b)).toEqual([...accepted, ...later].sort((a, b) => a - b));
			expect(new Set(read).size).toBe(read.length);
			const view = queue.view(describe);
			expect(view).toMatchObject({ capacity, unread: 0, lost });
			expect(view.records.map(({ index }) => index)).toEqual(view.records.map((_, at) => queue.written - view.records.length + at));
			expect(view.records.every((record) => record.read)).toBe(true);
			expect(interrupts).toBeLessThanOrEqual(steps.length + 1);
		}),
	);
});

test("only the latest records are kept", () => {
	const queue = new RecordQueue("q", 4, () => undefined);
	for (let i = 0; i < 1000; i++) queue.write([BigInt(i)], false, () => undefined);
	const { records } = queue.view(describe);
	expect([records.length, records[0].text, records.at(-1)?.text]).toEqual([256, "744", "999"]);
});

test("the driver finds the overflow, and then it is over", () => {
	const found: boolean[] = [];
	const queue: RecordQueue = new RecordQueue("q", 1, () => found.push(queue.overflowed));
	queue.write([0n], true, () => undefined);
	expect(queue.write([1n], true, () => undefined)).toBe(false);
	queue.drain();
	expect([found, queue.overflowed, queue.lost]).toEqual([[true], false, 1]);
	// nothing to read, no interrupt
	queue.drain();
	expect(found).toHaveLength(1);
});
