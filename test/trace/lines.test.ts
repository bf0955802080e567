/** Tests of reading the lines of plain and gzip files. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readLines } from "../../src/trace/lines.js";
import { gzipped, temporaryFile } from "./files.js";

async function all(file: string): Promise<{ lines: string[]; firsts: number[]; error?: Error }> {
	const lines: string[] = [];
	const firsts: number[] = [];
	try {
		for await (const batch of readLines(file)) {
			firsts.push(batch.first);
			expect(batch.first).toBe(lines.length + 1);
			lines.push(...batch.ends.map((end, i) => batch.bytes.toString("utf8", i === 0 ? 0 : batch.ends[i - 1] + 1, end)));
		}
	} catch (error) {
		return { lines, firsts, error: error as Error };
	}
	return { lines, firsts };
}

/** Text that does not compress well. */
function noise(lines: number): string[] {
	let seed = 1;
	return Array.from({ length: lines }, (_, i) => {
		seed = (seed * 48271) % 2147483647;
		return `line ${i} ${seed.toString(16).repeat((seed % 30) + 1)} é`;
	});
}

describe("readLines", () => {
	test.each([false, true])("gives every line with its number (gzip: %s)", async (gzip) => {
		const lines = noise(20_000);
		const text = `${lines.join("\n")}\n`;
		const read = await all(temporaryFile("a", gzip ? gzipped(text) : text));
		expect(read.lines).toEqual(lines);
		expect(read.firsts.length).toBeGreaterThan(3);
	});

	test("accepts a last line without its newline, and an empty file", async () => {
		expect((await all(temporaryFile("a", "x\ny"))).lines).toEqual(["x", "y"]);
		expect(await all(temporaryFile("a", ""))).toEqual({ lines: [], firsts: [] });
		expect((await all(temporaryFile("a", "z"))).lines).toEqual(["z"]);
	});

	test("reads a line longer than any chunk", async () => {
		const long = "x".repeat(300_000);
		expect((await all(temporaryFile("a", `a\n${long}\nb\n`))).lines).toEqual(["a", long, "b"]);
	});

	test("gives everything before the point where gzip data was cut off", async () => {
		const lines = noise(5000);
		const whole = gzipped(`${lines.join("\n")}\n`);
		for (const part of [0.25, 0.5, 0.99]) {
			const read = await all(temporaryFile("a.gz", whole.subarray(0, Math.floor(whole.length * part))));
			expect(read.error?.message).toMatch(/a\.gz:\d+: the gzip data ends here: the file was cut short/);
			expect(read.lines.length).toBeGreaterThan(5000 * part * 0.8);
			expect(lines.slice(0, read.lines.length)).toEqual(read.lines);
		}
	});

	test("gives everything if only the checksum is wrong", async () => {
		const whole = gzipped("one\ntwo\n");
		whole[whole.length - 6] ^= 1;
		const read = await all(temporaryFile("a.gz", whole));
		expect(read.lines).toEqual(["one", "two"]);
		expect(read.error?.message).toMatch(/a\.gz:3: damaged gzip data from about here \(incorrect data check\)/);
	});

	test("says what is wrong with a file that cannot be read", async () => {
		expect((await all("/nowhere/x.jsonl")).error?.message).toBe("/nowhere/x.jsonl: no such file");
		expect((await all("/")).error?.message).toBe("/: is a directory");
	});

	test("reads concatenated gzip members", async () => {
		const read = await all(temporaryFile("a.gz", Buffer.concat([gzipped("a\nb\n"), gzipped("c\n")])));
		expect(read.lines).toEqual(["a", "b", "c"]);
	});

	test("never loses or changes a line", async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(fc.string().filter((line) => !line.includes("\n"))), fc.boolean(), async (lines, gzip) => {
				const text = lines.map((line) => `${line}\n`).join("");
				const read = await all(temporaryFile("a", gzip ? gzipped(text) : text));
				// a file that begins with gzip's two bytes is gzip
				if (!gzip && text.startsWith("\x1f\x8b")) return;
				expect(read.lines).toEqual(lines);
			}),
			{ numRuns: 40 },
		);
	});
});
