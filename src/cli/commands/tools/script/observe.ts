/** Runs a statement with everything captured that it prints, for reports. */
import type { Node } from "../../../../script/index.js";
import type { Outcome } from "../../../frame/exit.js";
import { BufferSink, type Io } from "../../../frame/io.js";

/** A statement at the top of a script that ran, with what it printed. */
export interface ObservedResult {
	readonly statement: Node;
	readonly outcome: Outcome;
	readonly seconds: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** What is kept of one output; of a loop's the end would be lost, and the beginning tells what happened. */
const most = 1 << 20;

class Kept extends BufferSink {
	#length = 0;

	override write(text: string | Uint8Array): void {
		if (this.#length < most) super.write(text);
		this.#length += text.length;
	}
}

/** @param run runs it with these outputs */
export async function observed<T>(
	io: Io,
	run: (io: Io) => Promise<T>,
): Promise<{ ended: T; seconds: number; stdout: string; stderr: string }> {
	const stdout = new Kept();
	const stderr = new Kept();
	const before = performance.now();
	const ended = await run({ ...io, stdout, stderr });
	return { ended, seconds: (performance.now() - before) / 1000, stdout: stdout.text(), stderr: stderr.text() };
}
