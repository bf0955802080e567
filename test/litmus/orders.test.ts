/** The outcomes that orders of calls give. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EBUSY, ENOENT } from "../../src/kernel/errno.js";
import type { Kernel } from "../../src/kernel/kernel.js";
import {
	countOrders,
	type Entry,
	type Explanation,
	explain,
	explore,
	type Outcome,
	outcomeKey,
	Round,
	SetupFailed,
} from "../../src/litmus/index.js";
import { createSim } from "../../src/sim/index.js";
import { alloc, changeProcess, destroy, litmusOf, map, stage, unmap, withIoas } from "./record.js";

const memory = 0x10_0000_0000n;

/** A context, an IOAS and 64 KiB of memory. */
function setup(kernel: Kernel) {
	const made = withIoas(kernel);
	kernel.mmap({ addr: memory, length: 0x10000n, prot: 3 });
	return made;
}
type Given = ReturnType<typeof setup>;

describe("the number of orders", () => {
	it("is the multinomial coefficient", () => {
		expect(countOrders([1, 1])).toBe(2n);
		expect(countOrders([5, 5])).toBe(252n);
		expect(countOrders([4, 4, 4])).toBe(34650n);
		expect(countOrders([3])).toBe(1n);
		expect(countOrders([40, 40])).toBe(107507208733336176461620n);
	});
});

describe("every order", () => {
	const twoDestroys = litmusOf(
		setup,
		[0, 1].map(
			() =>
				(kernel: Kernel, { fd, ioas }: Given): void =>
					void destroy(kernel, fd, ioas),
		),
	);

	it("of two destroys: one of them finds nothing", () => {
		const { allowed, orders, run, complete } = explore(twoDestroys, { stage, limit: 100, seed: 1 });
		expect(allowed.map(({ outcome }) => outcomeKey(outcome))).toEqual(["a.1 ok; b.1 ENOENT", "a.1 ENOENT; b.1 ok"]);
		expect(allowed.map(({ order }) => order)).toEqual([
			[0, 1],
			[1, 0],
		]);
		expect({ orders, run, complete }).toEqual({ orders: 2n, run: 2, complete: true });
	});

	it("of two threads of five calls takes less than a second", () => {
		const five =
			(at: bigint) =>
			(kernel: Kernel, { fd, ioas }: Given) => {
				map(kernel, fd, ioas, memory, at, 0x4000n);
				map(kernel, fd, ioas, memory, at + 0x2000n, 0x4000n);
				unmap(kernel, fd, ioas, at, 0x4000n);
				map(kernel, fd, ioas, memory, 0x9000n, 0x1000n);
				unmap(kernel, fd, ioas, 0n, 0xffff_ffff_ffff_ffffn);
			};
		const test = litmusOf(setup, [five(0x1000n), five(0x3000n)]);
		// Of this process: others may be busy.
		const before = process.cpuUsage();
		const { orders, run, cut, complete, allowed } = explore(test, { stage, limit: 20_000, seed: 1 });
		const { user, system } = process.cpuUsage(before);
		expect((user + system) / 1000).toBeLessThan(1000);
		expect({ orders, complete }).toEqual({ orders: 252n, complete: true });
		expect(run + cut).toBeLessThanOrEqual(252);
		expect(allowed.length).toBeGreaterThan(10);
	});

	it("an object's ID comes from the call that made it", () => {
		const test = litmusOf(setup, [
			(kernel, { fd }) => {
				const own = alloc(kernel, fd);
				destroy(kernel, fd, own);
			},
			(kernel, { fd }) => {
				const own = alloc(kernel, fd);
				map(kernel, fd, own, memory, 0x1000n, 0x1000n);
			},
		]);
		const { allowed } = explore(test, { stage, limit: 100, seed: 1 });
		// Whichever is first gets ID 2; recorded alone, both did.
		expect(allowed.map(({ outcome }) => outcomeKey(outcome))).toEqual(["a.1 ok; a.2 ok; b.1 ok; b.2 ok"]);
	});

	it("a setup that fails says where", () => {
		const test = litmusOf(setup, [() => {}, () => {}]);
		const broken = {
			...test,
			setup: { ...test.setup, calls: [...test.setup.calls, ...twoDestroys.threads[0].calls, ...twoDestroys.threads[0].calls] },
		};
		expect(() => new Round(broken, stage())).toThrow(SetupFailed);
	});
});

describe("more orders than the limit", () => {
	const one = (kernel: Kernel, { fd, ioas }: Given) => {
		for (let at = 0; at < 5; at++) map(kernel, fd, ioas, memory, BigInt(at % 3) * 0x1000n, 0x1000n);
	};
	const test = litmusOf(setup, [one, one]);

	it("are sampled, and the seed repeats it", () => {
		const first = explore(test, { stage, limit: 50, seed: 7 });
		expect({ run: first.run, complete: first.complete, orders: first.orders }).toEqual({ run: 50, complete: false, orders: 252n });
		const again = explore(test, { stage, limit: 50, seed: 7 });
		expect(again.allowed.map(({ order }) => order)).toEqual(first.allowed.map(({ order }) => order));
		const other = explore(test, { stage, limit: 50, seed: 8 });
		expect(other.allowed.map(({ order }) => order)).not.toEqual(first.allowed.map(({ order }) => order));
	});

	it("an order is found all the same for an outcome that has one", () => {
		const all = explore(test, { stage, limit: 1000, seed: 1 });
		for (const { outcome } of all.allowed) {
			const { order } = explain(test, outcome, stage, 300) as Explanation;
			const round = new Round(test, stage());
			for (const thread of order) round.step(thread);
			expect(outcomeKey(round.end().outcome())).toBe(outcomeKey(outcome));
		}
	});
});

describe("a destroy that answers EBUSY", () => {
	const test = litmusOf(setup, [
		(kernel, { fd, ioas }) => void map(kernel, fd, ioas, memory, 0x1000n, 0x1000n),
		(kernel, { fd, ioas }) => void destroy(kernel, fd, ioas),
	]);
	const outcome = (a: Partial<Entry>, b: Partial<Entry>): Outcome => ({
		entries: [
			{ label: "a.1", text: "ok", errno: 0, fields: {}, ...a },
			{ label: "b.1", text: "ok", errno: 0, fields: {}, ...b },
		],
	});
	const busy = { text: "EBUSY", errno: EBUSY };

	it("is explained by a call that held the object", () => {
		expect(explain(test, outcome({}, busy), stage, 100)).toEqual({ order: [0, 1], held: ["b.1"] });
	});

	it("or an unmap, by one that was mapping", () => {
		const unmaps = litmusOf(setup, [
			(kernel, { fd, ioas }) => void map(kernel, fd, ioas, memory, 0x1000n, 0x1000n),
			(kernel, { fd, ioas }) => void unmap(kernel, fd, ioas, 0x1000n, 0x1000n),
		]);
		expect(explain(unmaps, outcome({}, busy), stage, 100)).toEqual({ order: [0, 1], held: ["b.1"] });
	});

	it("or a change of process, by one that maps in any IOAS; not by one that touches no area", () => {
		const beside = (other: (kernel: Kernel, given: Given) => void) =>
			litmusOf(setup, [other, (kernel, { fd }) => void changeProcess(kernel, fd)]);
		const maps = beside((kernel, { fd, ioas }) => void map(kernel, fd, ioas, memory, 0x1000n, 0x1000n));
		expect(explain(maps, outcome({}, busy), stage, 100)).toEqual({ order: [0, 1], held: ["b.1"] });
		const destroys = beside((kernel, { fd, ioas }) => void destroy(kernel, fd, ioas));
		expect(explain(destroys, outcome({}, busy), stage, 100)).toBeUndefined();
	});

	const destroysBeside = (other: (kernel: Kernel, given: Given) => void) =>
		litmusOf(setup, [other, (kernel, { fd, ioas }) => void destroy(kernel, fd, ioas)]);

	it("is not explained by a call on another object, or by another destroy", () => {
		expect(
			explain(
				destroysBeside((kernel, { fd }) => void alloc(kernel, fd)),
				outcome({}, busy),
				stage,
				100,
			),
		).toBeUndefined();
		expect(
			explain(
				destroysBeside((kernel, { fd, ioas }) => void destroy(kernel, fd, ioas)),
				outcome({}, busy),
				stage,
				100,
			),
		).toBeUndefined();
	});

	it("or an unmap, by a mapping elsewhere, or in another IOAS", () => {
		const beside = (of: (given: Given) => number, at: bigint) =>
			litmusOf(
				(kernel) => ({ ...setup(kernel), other: alloc(kernel, 3) }),
				[
					(kernel, given) => void map(kernel, given.fd, of(given), memory, at, 0x1000n),
					(kernel, { fd, ioas }) => void unmap(kernel, fd, ioas, 0x1000n, 0x2000n),
				],
			);
		expect(
			explain(
				beside(({ ioas }) => ioas, 0x2000n),
				outcome({}, busy),
				stage,
				100,
			),
		).toEqual({ order: [0, 1], held: ["b.1"] });
		expect(
			explain(
				beside(({ ioas }) => ioas, 0x3000n),
				outcome({}, busy),
				stage,
				100,
			),
		).toBeUndefined();
		expect(
			explain(
				beside(({ ioas }) => ioas + 1, 0x2000n),
				outcome({}, busy),
				stage,
				100,
			),
		).toBeUndefined();
	});

	it("is explained only while the call that names the object can be at work", () => {
		// Both threads go through an IOVA, which says in what order the calls were: the naming one was over.
		const test = litmusOf(
			(kernel) => ({ ...setup(kernel), other: alloc(kernel, 3) }),
			[
				(kernel, { fd, ioas }) => {
					map(kernel, fd, ioas, memory, 0x1000n, 0x1000n);
					map(kernel, fd, ioas + 1, memory, 0x1000n, 0x1000n);
					alloc(kernel, fd);
				},
				(kernel, { fd, ioas }) => {
					unmap(kernel, fd, ioas + 1, 0x1000n, 0x1000n);
					destroy(kernel, fd, ioas);
				},
			],
		);
		const ok = (label: string, text = "ok"): Entry => ({ label, text, errno: 0, fields: {} });
		const entries = (unmapped: Entry) => [ok("a.1"), ok("a.2"), ok("a.3"), unmapped, { ...ok("b.2"), ...busy }];
		const found = { label: "b.1", text: "ok", errno: 0, fields: {} };
		const missing = { label: "b.1", text: "ENOENT", errno: ENOENT, fields: {} };
		expect(explain(test, { entries: entries(found) }, stage, 100)).toBeUndefined();
		expect(explain(test, { entries: entries(missing) }, stage, 100)).toMatchObject({ held: ["b.2"] });
	});

	it("explains nothing else", () => {
		expect(explain(test, outcome({ text: "ENOENT", errno: ENOENT }, busy), stage, 100)).toBeUndefined();
		expect(explain(test, outcome(busy, {}), stage, 100)).toBeUndefined();
		expect(explain(test, outcome({}, {}), stage, 100)).toEqual({ order: [0, 1], held: [] });
	});
});

/** What programs may do. */
const step = fc.oneof(
	fc.record({ op: fc.constant("map" as const), page: fc.integer({ min: 1, max: 4 }), pages: fc.integer({ min: 1, max: 2 }) }),
	fc.record({ op: fc.constant("unmap" as const), page: fc.integer({ min: 1, max: 4 }), pages: fc.integer({ min: 1, max: 3 }) }),
	fc.record({ op: fc.constant("destroy" as const), page: fc.constant(0), pages: fc.constant(0) }),
	fc.record({ op: fc.constant("alloc" as const), page: fc.constant(0), pages: fc.constant(0) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function perform(kernel: Kernel, { fd, ioas }: Given, { op, page, pages }: Step): number {
	if (op === "map") return map(kernel, fd, ioas, memory, BigInt(page) * 0x1000n, BigInt(pages) * 0x1000n);
	if (op === "unmap") return unmap(kernel, fd, ioas, BigInt(page) * 0x1000n, BigInt(pages) * 0x1000n);
	return op === "destroy" ? destroy(kernel, fd, ioas) : alloc(kernel, fd) < 0 ? -1 : 0;
}

/** Every order of two threads, in the plainest way. */
function orders(a: number, b: number): number[][] {
	if (a === 0) return [Array(b).fill(1)];
	if (b === 0) return [Array(a).fill(0)];
	return [...orders(a - 1, b).map((rest) => [0, ...rest]), ...orders(a, b - 1).map((rest) => [1, ...rest])];
}

describe("any two programs", () => {
	it("have the outcomes that running every order by hand gives", () => {
		fc.assert(
			fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), fc.array(step, { minLength: 1, maxLength: 4 }), (first, second) => {
				const programs = [first, second];
				// The new IOAS may get the ID of the one before: by name, later lines mean the new one, by hand whichever has it.
				const reuses = (steps: readonly Step[]) =>
					steps.slice(steps.findIndex(({ op }) => op === "destroy")).some(({ op }) => op === "alloc") &&
					steps.some(({ op }) => op === "destroy");
				fc.pre(!programs.some(reuses));
				const test = litmusOf(
					setup,
					programs.map((program) => (kernel: Kernel, given: Given) => {
						for (const one of program) perform(kernel, given, one);
					}),
				);
				const byHand = new Set(
					orders(first.length, second.length).map((order) => {
						const kernel = createSim().newProcess();
						const given = setup(kernel);
						const next = [0, 0];
						const answers: number[][] = [[], []];
						for (const thread of order) answers[thread].push(perform(kernel, given, programs[thread][next[thread]++]));
						return answers.map((of) => of.map((ret) => (ret < 0 ? -ret : 0)).join()).join(";");
					}),
				);
				const { allowed } = explore(test, { stage, limit: 1000, seed: 1 });
				const found = new Set(
					allowed.map(({ outcome: { entries } }) =>
						["a", "b"]
							.map((name) =>
								entries
									.filter(({ label }) => label.startsWith(`${name}.`))
									.map(({ errno }) => errno)
									.join(),
							)
							.join(";"),
					),
				);
				expect(found).toEqual(byHand);
				for (const { outcome } of allowed) expect(explain(test, outcome, stage, 1000)).toMatchObject({ held: [] });
			}),
			{ numRuns: 25 },
		);
	});
});
