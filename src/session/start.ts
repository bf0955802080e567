/** Starts a session's process and waits for its report. */
import { spawn } from "node:child_process";
import type { DaemonRequest, StartReport } from "./daemon.js";
import { SessionError } from "./paths.js";
import type { SessionStatus } from "./protocol.js";

export type Started = SessionStatus & { readonly socket: string };

const titleLength = 200;

/**
 * Starts a session in a process of its own, which outlives this one, and waits until it listens.
 * @param command the program that runs `runDaemon`; the request is appended as its last argument
 * @param fd an open file that it gets as descriptor 3
 * @throws SessionError with the session's own message
 */
export async function startSession(command: readonly string[], request: DaemonRequest, fd?: number): Promise<Started> {
	// Padded to make room for the process title, which cannot be longer than the command line.
	const text = JSON.stringify(request).padEnd(titleLength);
	const { IOMMUCTL_SESSION: _, ...env } = process.env;
	const child = spawn(command[0], [...command.slice(1), text], {
		detached: true,
		env,
		stdio: ["ignore", "ignore", "pipe", ...(fd === undefined ? [] : [fd])],
	});
	child.unref();
	let said = "";
	child.stderr?.setEncoding("utf8");
	await new Promise<void>((resolve, reject) => {
		child.once("error", reject);
		child.stderr?.on("data", (text: string) => {
			said += text;
		});
		// stderr closes as soon as the report is written or the process has died.
		child.stderr?.once("close", resolve);
	});
	return reported(said);
}

function reported(said: string): Started {
	for (const line of said.split("\n")) {
		if (!/^\{"(?:started|failed)":/.test(line)) continue;
		const report = JSON.parse(line) as StartReport;
		if ("started" in report) return report.started;
		const { message, hint, kind } = report.failed;
		throw new SessionError(message, hint, kind);
	}
	throw new SessionError(`the session ended while starting${said.trim() ? `: ${said.trim()}` : ""}`);
}
