import { writeSync } from "node:fs";
import type { InSession } from "./forwarder.js";
import { version } from "./frame/version.js";

/** The bundle's entry. Loads what the command line names and nothing else. */
async function main(argv: readonly string[]): Promise<void> {
	if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
		// process.stdout takes its time to load.
		writeSync(1, `${version}\n`);
		return;
	}
	if (argv[0] === "--serve-session") {
		const { serveSession } = await import("./session-process.js");
		return await serveSession(argv[1]);
	}
	const { execute } = await import("./execute.js");
	const { processIo } = await import("./frame/process-io.js");
	const io = processIo();
	const outcome = await execute(argv, { io, sessionProblem: await sessionProblem() });
	try {
		io.flush();
	} catch (error) {
		const { reportProblem } = await import("./frame/report.js");
		const { palette } = await import("./frame/colour.js");
		process.exitCode = reportProblem(error, io, await palette(0), false);
		return;
	}
	process.exitCode = outcome.exit;
}

/** What bin/iommuctl.js found wrong with the shell's session, if it looked for one. */
async function sessionProblem(): Promise<Error | undefined> {
	const found = (globalThis as { iommuctlSession?: InSession }).iommuctlSession;
	if (typeof found !== "object") return undefined;
	const { SessionError } = await import("../session/paths.js");
	if ("error" in found) return new SessionError(found.error.message, found.error.hint);
	const { goneError } = await import("../session/gone.js");
	return goneError(process.env, process.env.IOMMUCTL_SESSION ?? "", found.gone);
}

void main(process.argv.slice(2));
