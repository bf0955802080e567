/** The programs of a seed, and the folder that keeps the ones that showed something new. */
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BLOCK, Campaign, Corpus } from "../../src/fuzz/index.js";
import { leavesOf, type Step, wholeStruct } from "../../src/trace/index.js";
import { readPrograms } from "../../src/trace/tools/index.js";

const texts = (campaign: Campaign, numbers: readonly number[]): string[] =>
	numbers.map((number) => JSON.stringify(campaign.program(number).steps));

describe("programs of a seed", () => {
	test("are always the same, in whatever order they are asked for", () => {
		const inOrder = texts(new Campaign({ seed: 7 }), [0, 3, BLOCK, BLOCK + 2]);
		const backwards = texts(new Campaign({ seed: 7 }), [BLOCK + 2, BLOCK, 3, 0]).reverse();
		expect(backwards).toEqual(inOrder);
		expect(texts(new Campaign({ seed: 8 }), [0, 3, BLOCK, BLOCK + 2])).not.toEqual(inOrder);
	});

	test("cover the calls, their errnos and many checks", () => {
		const campaign = new Campaign({ seed: 1 });
		const seen = new Set<string>();
		for (let number = 0; number < 60; number++) for (const one of campaign.program(number).behaviour) seen.add(one);
		for (const one of ["IOMMU_IOAS_MAP ok", "IOMMU_HWPT_ALLOC ok", "IOMMU_TEST_MOCK_DOMAIN ok", "ioas-unmap.nothing-mapped", "mprotect ok"])
			expect([...seen]).toContain(one);
		expect(seen.size).toBeGreaterThan(300);
	});

	test("have memory and files only where every process answers alike", () => {
		const campaign = new Campaign({ seed: 2 });
		const steps = Array.from({ length: 40 }, (_, number) => campaign.program(number).steps).flat();
		const mapped = steps.flatMap((step) => (step.op === "mmap" ? [BigInt(step.addr)] : []));
		expect(mapped.length).toBeGreaterThan(40);
		for (const addr of mapped) expect(addr >= 1n << 44n && addr < 1n << 45n).toBe(true);
		for (const step of steps) {
			if (step.op !== "ioctl" || step.arg === undefined) continue;
			const whole = wholeStruct(step, step.arg);
			for (const { field, value } of whole ? leavesOf(whole.type, whole.values) : []) {
				const addr = field.role === "ptr" ? (value as bigint) : 0n;
				expect(addr < 1n << 16n || (addr >= 1n << 44n && addr < 1n << 45n) || addr >= 0x7fff_ffff_f000n).toBe(true);
				// File numbers are names of the program's files, or none.
				if (field.role === "fd" && field.dir !== "out" && step.fd_in?.[field.offset] === undefined)
					expect(value).toBeOneOf([-1, 0xffff_ffff]);
			}
			if (step.request === "IOMMU_HW_QUEUE_ALLOC" && whole) {
				const { length } = whole.values as { length: bigint };
				expect(length <= 1n || length > 1n << 22n).toBe(true);
			}
		}
	});

	test("with forks have child processes", () => {
		const campaign = new Campaign({ seed: 1, forks: true });
		const ops = new Set<Step["op"]>();
		for (let number = 0; number < 20; number++) for (const { op } of campaign.program(number).steps) ops.add(op);
		expect([...ops]).toEqual(expect.arrayContaining(["fork", "exit"]));
	});
});

test("a corpus keeps what showed something new, and is where a later run begins", async () => {
	const folder = mkdtempSync(join(tmpdir(), "corpus-"));
	const first = new Corpus({ name: folder, cwd: "/", option: "--corpus" }, {});
	await first.read();
	expect(first.programs).toEqual([]);
	const campaign = new Campaign({ seed: 3 });
	for (let number = 0; number < 12; number++) first.take(campaign.program(number));
	const files = readdirSync(folder);
	expect(files.length).toBe(first.added);
	expect(files.length).toBeGreaterThan(3);
	const { programs } = await readPrograms(join(folder, "3-0.jsonl"));
	expect(programs[0].steps).toEqual(campaign.program(0).steps);

	const second = new Corpus({ name: folder, cwd: "/", option: "--corpus" }, {});
	await second.read();
	expect(second.programs.length).toBe(files.length);
	for (let number = 0; number < 12; number++) second.take(campaign.program(number));
	expect(second.added).toBe(0);
	const other = new Campaign({ seed: 3, corpus: second.programs });
	expect(texts(other, [0, 1, 2])).not.toEqual(texts(campaign, [0, 1, 2]));
});
