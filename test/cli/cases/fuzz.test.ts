/** Blocks of `fuzz` in threads and shards: the document is that of one run. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Block, type BlockResult, blocksOf, runBlock } from "../../../src/cli/commands/tools/fuzz/block.js";
import { fuzzDocument, fuzzUnit, summaryText, Tally } from "../../../src/cli/commands/tools/fuzz/report.js";
import { mergeJson } from "../../../src/cli/commands/tools/report/json.js";
import { palette } from "../../../src/cli/frame/colour.js";
import {
	BLOCK,
	type Finding,
	type Fuzzer,
	type KnownDifference,
	nameOf,
	type ProgramResult,
	signatureKey,
} from "../../../src/fuzz/index.js";

const known: readonly KnownDifference[] = [
	{ call: "K0", why: "a" },
	{ call: "K1", why: "b" },
];

/** What a program shows: some differences, of which not all come again when they are reduced, and known ones. */
interface Shows {
	readonly differences: readonly { readonly call: string; readonly comes: boolean }[];
	readonly known: readonly number[];
}

/** Answers as Fuzzer does for programs that show this. */
function fuzzerOf(programs: ReadonlyMap<number, Shows>): Fuzzer {
	const seen = new Set<string>();
	const run = async (number: number): Promise<ProgramResult> => {
		const { differences = [], known: entries = [] } = programs.get(number) ?? {};
		const program = { seed: 1, number, steps: [], behaviour: new Set<string>(), fresh: false, leftovers: [] };
		const [findings, repeated, first]: [Finding[], ProgramResult["repeated"][number][], string[]] = [[], [], []];
		for (const { call, comes } of differences) {
			const signature = { kind: "answer", call } as const;
			const key = signatureKey(signature);
			if (seen.has(key)) {
				repeated.push(signature);
				continue;
			}
			seen.add(key);
			first.push(key);
			if (comes) findings.push({ seed: 1, program: number, signature, steps: [], whole: 9 });
		}
		return { program, findings, repeated, first, covered: false, known: entries.map((at) => known[at]) };
	};
	const end = async () => ({ findings: [], repeated: [], first: [], known: [] });
	return { run, end } as unknown as Fuzzer;
}

const shows = fc.record({
	differences: fc.array(fc.record({ call: fc.constantFrom("A", "B", "C", "D"), comes: fc.boolean() }), { maxLength: 3 }),
	known: fc.array(fc.nat(1), { maxLength: 2 }),
});
const BLOCKS = 5;
const programs = fc
	.array(fc.tuple(fc.integer({ min: 150, max: 150 + BLOCKS * BLOCK - BLOCK }), shows), { maxLength: 12 })
	.map((list) => new Map(list));
const about = { left: "sim", right: "sim:uapi=6.12", seed: 1, from: 150 };
const blocks = blocksOf({ seed: 1, from: 150, count: 900 });

const results = async (fuzzer: Fuzzer, some: readonly (readonly [number, Block])[]): Promise<(readonly [number, BlockResult])[]> => {
	const all: (readonly [number, BlockResult])[] = [];
	for (const [at, block] of some) all.push([at, await runBlock(block, { fuzzer, known, after() {}, over: () => false })]);
	return all;
};

function document(list: readonly (readonly [number, BlockResult])[], note?: object): string {
	const tally = new Tally(known, (finding) => ({ finding, files: [nameOf(finding)] }));
	for (const [at, result] of list) tally.add(at, result);
	return `${JSON.stringify({ ...fuzzDocument(tally, about), ...(note && { shard: { ...note, unreduced: tally.unreduced } }) })}\n`;
}

describe("blocks of fuzz", () => {
	it("are cut at multiples of 200, and called the same wherever a run begins", () => {
		expect(blocks.map(({ from, to }) => [from, to])).toEqual([
			[150, 200],
			[200, 400],
			[400, 600],
			[600, 800],
			[800, 1000],
			[1000, 1050],
		]);
		expect(blocks[1].name).toBe("seed 1 block 1");
		expect(blocksOf({ seed: 1, from: 200, count: 1 })).toEqual([{ name: "seed 1 block 1", from: 200, to: 201 }]);
	});

	it("of an empty shard are skipped, and agree about nothing", async () => {
		const [tally, plain] = [new Tally(known, (finding) => ({ finding, files: [] })), await palette(0)];
		expect(fuzzUnit(tally, about, 0, plain)).toMatchObject({ exit: 77, cases: [{ result: "skipped", reason: "no program was run" }] });
		expect(summaryText(tally, about, plain)).toBe("sim and sim:uapi=6.12: no program was run, seed 1\n");
		tally.add(0, { programs: 1, calls: 5, fresh: 0, findings: [], first: [], repeated: 0, known: {} });
		expect(fuzzUnit(tally, about, 0, plain)).toMatchObject({ exit: 0, cases: [{ result: "ok" }] });
	});

	it("give the same document in one thread, in several, and as merged shards", async () => {
		await fc.assert(
			fc.asyncProperty(programs, fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 6, maxLength: 6 }), async (given, parts) => {
				const all = blocks.map((block, at) => [at, block] as const);
				const whole = document(await results(fuzzerOf(given), all));
				const spread = await Promise.all(
					[1, 2, 3].map((part) =>
						results(
							fuzzerOf(given),
							all.filter(([at]) => parts[at] === part),
						),
					),
				);
				expect(document(spread.flat().sort(([a], [b]) => a - b))).toBe(whole);
				const shards = spread.map((list, index) => {
					const note = { shard: `${index + 1}/3`, cases: list.map(([at]) => at + 1), of: blocks.length };
					return { from: `${index}`, text: document(list, note) };
				});
				expect(mergeJson(shards.reverse())).toBe(whole);
			}),
		);
	});
});
