/** What counts as a failure of a race. */
import { describe, expect, it } from "vitest";
import { judged, type Ran, rowsOf, type Seen } from "../../../src/cli/commands/tools/litmus/judge.js";
import type { Kernel } from "../../../src/kernel/kernel.js";
import { explore, type Outcome, outcomeKey, type Verdict } from "../../../src/litmus/index.js";
import { destroy, litmusOf, stage, withIoas } from "../../litmus/record.js";

const once = (kernel: Kernel, { fd, ioas }: ReturnType<typeof withIoas>): void => void destroy(kernel, fd, ioas);
const test = litmusOf(withIoas, [once, once]);
const exploration = explore(test, { stage, limit: 10, seed: 1 });
const [first, second] = exploration.allowed.map(({ outcome }) => outcome);
/** What a kernel with a bug answers. */
const both: Outcome = { entries: [first.entries[0], second.entries[1]] };

const ran = (seen: Partial<Seen> = {}, verdicts: readonly Verdict[] = []): Ran => ({
	test,
	verdicts,
	exploration,
	seen: { rounds: 10, seconds: 1, outcomes: [{ outcome: first, explained: "yes", rounds: 10 }], log: [], hanging: false, ...seen },
});

describe("a race", () => {
	it("is good where every outcome has an order, and allowed ones that were never seen are listed", () => {
		expect(judged(ran())).toEqual([]);
		expect(rowsOf(ran()).map(({ outcome, rounds }) => [outcomeKey(outcome), rounds])).toEqual([
			["a.1 ok; b.1 ENOENT", 10],
			["a.1 ENOENT; b.1 ok", 0],
		]);
	});

	it("fails for an outcome that no order gives", () => {
		const odd = ran({ outcomes: [{ outcome: both, explained: "no", rounds: 3 }] });
		expect(judged(odd)).toEqual(["outcome 3 is not explained by any order of the calls (3 rounds)"]);
		expect(rowsOf(odd).map(({ rounds, explained }) => [rounds, explained])).toEqual([
			[0, "yes"],
			[0, "yes"],
			[3, "no"],
		]);
	});

	it("fails for what the test rejects, if it was seen", () => {
		const forbid: Verdict = { kind: "forbid", line: 9, source: "forbid x", holds: ({ entries }) => entries[0].errno !== 0 };
		expect(judged(ran({}, [forbid]))).toEqual([]);
		const shown = ran({ outcomes: [{ outcome: second, explained: "yes", rounds: 1 }] }, [forbid]);
		expect(judged(shown)).toEqual(["outcome 2 breaks line 9: forbid x (1 round)"]);
		expect(judged({ ...ran({}, [forbid]), seen: undefined })).toEqual(["outcome 2 breaks line 9: forbid x"]);
	});

	it("fails for a warning in the kernel's log, and for a call that does not return", () => {
		expect(judged(ran({ log: ["WARNING: CPU: 0"] }))).toEqual(["kernel log: WARNING: CPU: 0"]);
		expect(judged(ran({ stuck: "round 3: b.1 (destroy $ioas) does not return" }))).toEqual([
			"round 3: b.1 (destroy $ioas) does not return",
		]);
	});
});
