/** Tests of the table that finds values by the bytes of lines. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LineTable } from "../../src/trace/line-table.js";

test("finds exactly the lines that were added, as a Map of texts does", () => {
	const line = fc.string({ maxLength: 12, unit: fc.constantFrom("a", "b", "\u00e9", "0") });
	fc.assert(
		fc.property(fc.array(line, { maxLength: 300 }), (lines) => {
			const table = new LineTable<number>();
			const map = new Map<string, number>();
			lines.forEach((text, i) => {
				const bytes = Buffer.from(`..${text}.`);
				const end = bytes.length - 1;
				expect(table.find(bytes, 2, end)).toBe(map.get(text));
				if (map.has(text)) return;
				table.add(bytes, 2, end, i);
				map.set(text, i);
			});
		}),
	);
});

test("keeps at most some MiB of lines, and none that is very long", () => {
	const table = new LineTable<number>();
	const bytes = Buffer.alloc(70_000, "x");
	expect(table.find(bytes, 0, 70_000)).toBeUndefined();
	table.add(bytes, 0, 70_000, 1);
	expect(table.find(bytes, 0, 70_000)).toBeUndefined();
	for (let i = 0; i < 300; i++) {
		bytes.writeUInt32LE(i);
		expect(table.find(bytes, 0, 60_000)).toBeUndefined();
		table.add(bytes, 0, 60_000, i);
		expect(table.find(bytes, 0, 60_000)).toBe(i);
	}
	bytes.writeUInt32LE(0);
	expect(table.find(bytes, 0, 60_000)).toBeUndefined();
});
