/** The leading thread of a race, alone and on a simulated kernel. */
import { describe, expect, it } from "vitest";
import { type Led, type LitmusTest, lead, setupMemory, sharedSize, watchRace } from "../../src/litmus/index.js";
import { atWord, LEADING, ROUND, STARTED, shared } from "../../src/litmus/shared.js";
import { createSim } from "../../src/sim/index.js";
import { destroy, litmusOf, withIoas } from "./record.js";

const signal = { wait() {}, wake() {} };

/** The test with its first thread only. */
const alone = (test: LitmusTest): LitmusTest => ({ ...test, threads: test.threads.slice(0, 1) });

const destroyed = alone(
	litmusOf(
		withIoas,
		[0, 1].map(() => (kernel, { fd, ioas }) => {
			destroy(kernel, fd, ioas);
			destroy(kernel, fd, ioas);
		}),
		(kernel, { fd, ioas }) => void destroy(kernel, fd, ioas),
	),
);

function led(test: LitmusTest, rounds: number) {
	const memory = new Uint8Array(sharedSize(test));
	const kernel = createSim().newProcess();
	const novel: number[] = [];
	const options = { rounds, time: Number.POSITIVE_INFINITY, seed: 1, thread: 0, crowded: false };
	return { ...lead(test, memory, signal, kernel, { ...options, novel: (round) => novel.push(round) }), novel, kernel };
}

describe("every round", () => {
	it("begins with the setup, and ends with everything closed", () => {
		const { rounds, outcomes, stuck, novel } = led(destroyed, 50);
		expect({ rounds, stuck, novel }).toEqual({ rounds: 50, stuck: undefined, novel: [1] });
		expect(outcomes).toMatchObject([{ rounds: 50, first: 1 }]);
		expect(outcomes[0].outcome.entries.map(({ label, text }) => `${label} ${text}`)).toEqual(["a.1 ok", "a.2 ENOENT", "finally.1 ENOENT"]);
	});

	it("stops the race if its setup fails, and says which line", () => {
		const calls = destroyed.setup.calls.map((call) => (call.op === "open" ? { ...call, path: "/dev/none" } : call));
		const { rounds, stuck } = led({ ...destroyed, setup: { ...destroyed.setup, calls } }, 50);
		expect({ rounds, stuck }).toEqual({ rounds: 0, stuck: "round 1: line 1 of the setup answers ENOENT" });
	});
});

describe("from outside", () => {
	const both = litmusOf(
		withIoas,
		[0, 1].map(
			() =>
				(kernel, { fd, ioas }) =>
					void destroy(kernel, fd, ioas),
		),
	);
	const never = new Promise<Led>(() => {});
	const sofar = () => ({ outcomes: [], rounds: 41 });

	it("names the calls that do not return", async () => {
		const memory = new Uint8Array(sharedSize(both));
		const { control } = shared(both, memory);
		control[ROUND] = 42;
		control[atWord(1)] = 1;
		const raced = await watchRace(both, memory, never, { patience: 5, sofar });
		expect(raced).toMatchObject({ hanging: true, rounds: 41, stuck: "round 42: b.1 (ioctl) does not return" });
	});

	it("names a line of the setup too, and says if not all have started", async () => {
		const memory = new Uint8Array(sharedSize(both));
		const { control } = shared(both, memory);
		control[STARTED] = 1;
		expect((await watchRace(both, memory, never, { patience: 5, sofar })).stuck).toBe("round 0: only 1 of the test's threads started");
		control[LEADING] = 2;
		expect((await watchRace(both, memory, never, { patience: 5, sofar })).stuck).toBe("round 0: setup.2 (ioctl) does not return");
	});

	it("is what the leading thread came to", async () => {
		const done: Led = { rounds: 3, seconds: 1, outcomes: [] };
		const options = { patience: 10_000, sofar };
		expect(await watchRace(both, new Uint8Array(sharedSize(both)), Promise.resolve(done), options)).toEqual({ ...done, hanging: false });
	});
});

describe("the setup's memory", () => {
	const part = (calls: LitmusTest["setup"]["calls"]) => ({ setup: { name: "setup", lines: [], calls } });
	const none = { line: 0, puts: [], takes: [] };

	it("is what it maps and does not unmap, and whether something wrote to it", () => {
		const found = setupMemory(
			part([
				{ op: "mmap", addr: 0x10000n, length: 0x1800, prot: 3, ...none },
				{ op: "mmap", addr: 0x20000n, length: 0x1000, prot: 1, file: 4, offset: 0x2000n, ...none },
				{ op: "mmap", addr: 0x30000n, length: 0x1000, prot: 3, ...none },
				{ op: "poke", addr: 0x11000n, bytes: Uint8Array.of(1), ...none },
				{ op: "munmap", addr: 0x30000n, length: 0x1000, ...none },
			]),
		);
		expect(found).toEqual([
			{ addr: 0x10000n, length: 0x2000n, prot: 3, written: true },
			{ addr: 0x20000n, length: 0x1000n, prot: 1, file: { slot: 4, offset: 0x2000n }, written: false },
		]);
	});
});
