/** --wait and --timeout of commands that read a queue. */
import { POLLIN } from "../../../kernel/kernel.js";
import { durationText, parseDuration } from "../../../session/duration.js";
import type { Invocation, OptionSpec } from "../../frame/command.js";
import { UsageError } from "../../frame/exit.js";

/** Options of a read that may wait. */
export const waitOptions: readonly OptionSpec[] = [
	{ flags: "--wait", doc: "wait until something is queued; in a session other commands go on meanwhile" },
	{ flags: "--timeout <time>", doc: "with --wait: give up after this time (500ms, 30s, 2m)" },
];

/** Time between two polls, ms: short at first, then longer. */
const shortest = 2;
const longest = 50;

/**
 * With --wait: waits until the file has something to read. Other commands of the session go first meanwhile.
 * @returns why there is nothing; undefined if there is, or if the command does not wait
 * @throws UsageError
 */
export async function waitToRead(inv: Invocation, fd: number): Promise<string | undefined> {
	const { io, context, options } = inv;
	const timeout = options.timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.timeout as string, "--timeout");
	if (options.wait !== true) {
		if (options.timeout !== undefined) throw new UsageError("--timeout limits how long --wait waits, and --wait is not given");
		return undefined;
	}
	const handle = await context.handle();
	// Polls that find nothing stay out of the trace.
	const kernel = handle.unrecorded ?? handle.kernel;
	const end = performance.now() + timeout;
	for (let interval = shortest; ; interval = Math.min(interval * 2, longest)) {
		const file = { fd, events: POLLIN, revents: 0 };
		if (kernel.poll([file], 0) !== 0) return undefined;
		if (kernel.kind === "sim" && !io.sharing) return "nothing is queued, and nothing will be: no other command uses this simulated kernel";
		const left = end - performance.now();
		if (left <= 0) return `nothing was queued within ${durationText(timeout)}`;
		await pause(inv, Math.min(interval, left));
	}
}

async function pause({ io }: Invocation, ms: number): Promise<void> {
	if (io.sharing) await io.sharing.pause(ms);
	else await new Promise((resolve) => setTimeout(resolve, ms));
}
