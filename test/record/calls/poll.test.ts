/** Polls of recorded files, as the handler sees them. */
import { describe, expect, it } from "vitest";
import type { Native } from "../../../src/exec/native.js";
import { pollHandlers } from "../../../src/record/calls/poll.js";
import { Process } from "../../../src/record/processes.js";
import { Recorder } from "../../../src/record/recorder.js";
import type { Step } from "../../../src/trace/index.js";

const ADDRESS = 0x1000n;

/** pollfds one after another: descriptor, events, revents */
function pollfds(...each: readonly (readonly [number, number, number])[]): Buffer {
	const bytes = Buffer.alloc(each.length * 8);
	each.forEach(([fd, events, revents], i) => {
		bytes.writeInt32LE(fd, i * 8);
		bytes.writeUInt16LE(events, i * 8 + 4);
		bytes.writeUInt16LE(revents, i * 8 + 6);
	});
	return bytes;
}

/** The steps of a poll that returns `value` with `after` in memory; descriptor 7 is a recorded fault queue. */
function polled(before: Buffer, after: Buffer, value: bigint): Step[] {
	let memory = before;
	const native = { remote: (_: number, __: bigint, into: Uint8Array) => memory.copy(into) } as unknown as Native;
	const steps: Step[] = [];
	const sink = { program() {}, end() {}, step: (step: Step) => steps.push(step) };
	const recorder = new Recorder(native, { paths: [], time: false, withMemory: false, name: "x" }, sink);
	const process = new Process(1);
	process.add(7, { name: "fault1", program: recorder.memberOf(process).program, link: "", polled: true });
	expect(process.wantsPoll).toBe(true);
	const args = [ADDRESS, BigInt(before.length / 8), 0n, 0n, 0n, 0n];
	const atEnd = pollHandlers(recorder).ppoll({ process, tid: 1, args, began: 0 });
	memory = after;
	atEnd?.(value);
	return steps;
}

describe("poll", () => {
	it("is recorded for files with events, with what was asked and what came", () => {
		const steps = polled(pollfds([5, 1, 0], [7, 1, 0], [7, 5, 0]), pollfds([5, 1, 1], [7, 1, 1], [7, 5, 5]), 3n);
		expect(steps).toEqual([
			{ op: "poll", fd: "fault1", events: ["in"], revents: ["in"] },
			{ op: "poll", fd: "fault1", revents: ["in", "out"] },
		]);
	});

	it("is recorded when nothing came, and not when it failed or is about other files", () => {
		const ours = pollfds([7, 1, 0]);
		expect(polled(ours, ours, 0n)).toEqual([{ op: "poll", fd: "fault1", events: ["in"], revents: [] }]);
		expect(polled(ours, ours, -4n)).toEqual([]);
		const others = pollfds([5, 1, 0], [-1, 1, 0]);
		expect(polled(others, others, 1n)).toEqual([]);
	});
});
