/** What bin/iommuctl.js runs: the bundle's entry. */
import { writeSync } from "node:fs";
import type { InSession } from "./forwarder.js";
import type { Io } from "./frame/io.js";
import { version } from "./frame/version.js";

/**
 * Runs one command line (the words after `iommuctl`) and sets the exit code. Loads what it names and nothing else.
 * @param found what the shell's session answered, where it did not run the command
 */
export async function main(argv: readonly string[], found?: InSession): Promise<void> {
	if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
		// process.stdout takes its time to load.
		writeSync(1, `${version}\n`);
		return;
	}
	if (argv[0] === "--serve-session") {
		const { serveSession } = await import("./session-process.js");
		return await serveSession(argv[1]);
	}
	if (argv[0] === "--kernel-process") {
		const { openRealKernel, serveKernel } = await import("../kernel/real/index.js");
		return serveKernel(openRealKernel(), [Number(argv[1]), Number(argv[2])]);
	}
	if (argv[0] === "--litmus-process") return (await import("./litmus-process.js")).runProcess(Number(argv[1]), Number(argv[2]));
	if (argv[0] === "--script-thread") return await (await import("./script-thread.js")).runScriptThread();
	if (argv[0] === "--litmus-thread") return (await import("./litmus-thread.js")).runThread();
	if (argv[0] === "--case-thread") return await (await import("./case-thread.js")).runCaseThread();
	const { processIo } = await import("./frame/process-io.js");
	const io = processIo();
	const exit = await command(argv, io, await sessionProblem(found));
	try {
		io.flush();
	} catch (error) {
		const { reportProblem } = await import("./frame/report.js");
		const { palette } = await import("./frame/colour.js");
		process.exitCode = reportProblem(error, io, await palette(0), false);
		return;
	}
	// Everything is written. What Node would do before it ends by itself takes a while, and nothing of it is needed.
	process.exit(exit);
}

/**
 * Runs one command line that reads and writes where the caller says, and leaves the process as it is. The tests' way in.
 * @returns the exit code
 */
export async function command(argv: readonly string[], io: Io, sessionProblem?: Error): Promise<number> {
	const { execute } = await import("./execute.js");
	return (await execute(argv, { io, sessionProblem })).exit;
}

/** What is wrong with the shell's session, if anything is. */
async function sessionProblem(found: InSession | undefined): Promise<Error | undefined> {
	if (typeof found !== "object") return undefined;
	const { SessionError } = await import("../session/paths.js");
	if ("error" in found) return new SessionError(found.error.message, found.error.hint);
	const { goneError } = await import("../session/gone.js");
	return goneError(process.env, process.env.IOMMUCTL_SESSION ?? "", found.gone);
}
