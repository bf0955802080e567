/** Lines whose calls wait until another block serves a page of their memory (userfaultfd). */
import { EFAULT } from "../../../../kernel/errno.js";
import { tellsWaits } from "../../../../kernel/kernel.js";
import type { Statement } from "../../../../script/index.js";
import { done, exitCode } from "../../../frame/exit.js";
import { BufferSink } from "../../../frame/io.js";
import { runLine } from "./line.js";
import type { Ended, RunOptions } from "./options.js";

/**
 * Runs a line. On the simulated kernel, a call that waits for a page has no effect and is made again when other blocks (or the other
 * users of a session) had their turn. Where nobody can serve it any more, the line fails, whatever it expects.
 */
export async function runServed(statement: Statement, options: RunOptions): Promise<Ended> {
	const { io, context } = options;
	const kernel = context.live?.kernel;
	if (kernel === undefined || !tellsWaits(kernel) || !kernel.mayWait()) return await runLine(statement, options);
	for (;;) {
		// What is printed of a call that has to be made again is not shown.
		const [stdout, stderr] = io.sharing ? [new BufferSink(), new BufferSink()] : [io.stdout, io.stderr];
		const ended = await runLine(statement, { ...options, io: { ...io, stdout, stderr } });
		const page = typeof ended === "object" && ended.errno === EFAULT ? kernel.waits() : undefined;
		if (page !== undefined && (await othersServe(options))) continue;
		if (stdout instanceof BufferSink) io.stdout.write(stdout.text());
		if (stderr instanceof BufferSink) io.stderr.write(stderr.text());
		if (page === undefined) return ended;
		io.stderr.write(
			`${options.err.bad("failed")}  ${where(statement)}: the call would wait for ever: nobody serves page 0x${page.toString(16)}\n`,
		);
		io.stderr.write("    serve it before (mem serve), or in another block of `parallel`\n");
		return { ...done, exit: exitCode.failed, errno: EFAULT };
	}
}

/** Lets the others have their turn. @returns whether there are any that do not wait themselves */
async function othersServe({ io }: RunOptions): Promise<boolean> {
	if (!io.sharing) return false;
	try {
		await io.sharing.pause(1);
		return true;
	} catch (error) {
		if ((error as { kind?: unknown }).kind === "usage") return false;
		throw error;
	}
}

const where = ({ file, line }: Statement): string => `${file}:${line}`;
