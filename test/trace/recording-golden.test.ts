/** Records golden traces while they are replayed, and compares the two. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createSim } from "../../src/sim/index.js";
import { ProgramReplay, readTrace, recording, type TraceHeader, TraceWriter } from "../../src/trace/index.js";
import { temporaryFolder } from "./files.js";

const golden = fileURLToPath(new URL("../fixtures/golden", import.meta.url));

/** A trace's records, independent of the order of their fields. */
async function records(file: string): Promise<unknown[]> {
	const found: unknown[] = [];
	await readTrace(file, {
		header: (header) => found.push(header),
		program: (name) => found.push(name) > 0,
		step: (step) => found.push(step),
		end: () => found.push("end"),
	});
	return found;
}

test.each(["contexts", "vfio", "access"])("recording %s while it is replayed writes the same trace", async (suite) => {
	const file = join(golden, `${suite}.jsonl.gz`);
	const copy = join(temporaryFolder(), "copy.jsonl");
	let made: TraceHeader;
	let writer: TraceWriter;
	let replay: ProgramReplay;
	await readTrace(file, {
		header: (header) => {
			made = header;
			writer = new TraceWriter(copy, header);
		},
		program: (name) => {
			writer.program(name);
			replay = new ProgramReplay(recording(createSim({ header: made }).newProcess(), writer));
			return true;
		},
		step: (step) => void replay.run(step),
		end: () => void replay.end(),
	});
	// biome-ignore lint/style/noNonNullAssertion: the header came first
	writer!.close();
	expect(await records(copy)).toEqual(await records(file));
});
