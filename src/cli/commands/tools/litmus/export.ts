/** `litmus --c`. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { raceInC } from "../../../../litmus/index.js";
import type { Invocation } from "../../../frame/command.js";
import { done, type Outcome, UsageError } from "../../../frame/exit.js";
import { explored } from "./on-sim.js";
import type { ReadTest } from "./record.js";

/** Writes a test as a C program. @param to a file, or - for stdout @throws UsageError */
export function exportC(inv: Invocation, read: ReadTest, to: string, options: { limit: number; seed: number }): Outcome {
	const { io, err } = inv;
	const exploration = explored(inv, read, options);
	const text = raceInC(
		read.test,
		exploration.allowed.map(({ outcome }) => outcome),
	);
	if (!exploration.complete)
		io.stderr.write(`${err.note("note:")} not every order was run, so the program may reject an outcome that is allowed; raise --orders\n`);
	if (to === "-") io.stdout.write(text);
	else
		try {
			writeFileSync(resolve(io.cwd, to), text);
		} catch (error) {
			throw new UsageError(`--c: ${to} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
		}
	return done;
}
