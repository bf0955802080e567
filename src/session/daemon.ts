/** The process that a session runs in. */
import { closeSync, lstatSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { exitCode, type Problem, type ProblemKind } from "../../structs/errors.js";
import { stackOf } from "../../structs/stack.js";
import { claim, removeIf, TakenError } from "./claim.js";
import type { RunCommand } from "./connection.js";
import { newSocketPath, processTitle, SessionError, sessionFolder, socketPath } from "./paths.js";
import type { SessionStatus } from "./protocol.js";
import { SessionServer } from "./server.js";

/** What `session start` asks for, as JSON. */
export interface DaemonRequest {
	/** absent: the first of s1, s2, ... that is free */
	readonly name?: string;
	/** ms; 0: never */
	readonly idle: number;
	/** which kernel to open; only the command line interprets this */
	readonly setup: Readonly<Record<string, unknown>>;
}

/** The kernel that the session keeps. */
export interface Kept {
	/** for people */
	readonly kernel: string;
	readonly record?: string;
	/** @param name of the session */
	runner(name: string): RunCommand;
	dispose(): void;
}

/** The first line that the daemon says, on stderr. */
export type StartReport =
	| { readonly started: SessionStatus & { readonly socket: string } }
	| { readonly failed: { readonly kind: ProblemKind; readonly message: string; readonly hint?: string } };

const namesTried = 1000;

/** Runs a session in this process until it ends. Errors at the start are reported, never thrown. */
export async function runDaemon(request: DaemonRequest, version: string, open: () => Promise<Kept>): Promise<void> {
	let kept: Kept | undefined;
	try {
		const folder = sessionFolder(process.env, true) as string;
		kept = await open();
		const { server, path } = await listen(request, version, folder, kept);
		crashesAreWritten(path);
		process.title = processTitle(path);
		for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void server.stop());
		// The working directory must not keep a file system from being unmounted; report() closes stderr, so that no shell waits for it.
		process.chdir("/");
		report({ started: { ...server.status(), socket: path } });
		await server.ended;
		// Do not wait for callers that do not hang up.
		setTimeout(() => process.exit(exitCode.done), 500).unref();
	} catch (error) {
		kept?.dispose();
		const { kind = "internal", message, hint } = error as Partial<Problem> & Error;
		report({ failed: { kind, message, hint } });
		process.exit(exitCode.failed);
	}
}

/** Opens a session's socket in this process. @throws SessionError if the name is taken */
export async function listen(
	request: Pick<DaemonRequest, "name" | "idle">,
	version: string,
	folder: string,
	kept: Kept,
): Promise<{ server: SessionServer; path: string }> {
	for (let number = 1; ; number++) {
		const name = request.name ?? `s${number}`;
		const path = socketPath(folder, name);
		const from = newSocketPath(folder);
		const server: SessionServer = new SessionServer({
			name,
			version,
			kernel: kept.kernel,
			record: kept.record,
			idle: request.idle,
			run: kept.runner(name),
			dispose: () => {
				removeIf(path, inode, `${from}.old`);
				kept.dispose();
			},
		});
		rmSync(from, { force: true });
		await server.listen(from);
		const inode = lstatSync(from).ino;
		try {
			await claim(from, path);
			rmSync(crashFile(path), { force: true });
			return { server, path };
		} catch (error) {
			server.abandon();
			if (!(error instanceof TakenError)) throw error;
			if (request.name === undefined && number < namesTried) continue;
			throw new SessionError(
				`session ${name} is running already`,
				`export IOMMUCTL_SESSION=${name} uses it, iommuctl session stop ${name} ends it`,
				"usage",
			);
		}
	}
}

/** The file in which a session that ends because of a bug says why. */
export const crashFile = (socket: string): string => socket.replace(/\.sock$/, ".crash");

function crashesAreWritten(socket: string): void {
	const last = (error: unknown) => {
		writeFileSync(crashFile(socket), `${stackOf(error)}\n`, { mode: 0o600 });
		process.exit(exitCode.internal);
	};
	process.on("uncaughtException", last);
	process.on("unhandledRejection", last);
}

/** Reports how the start went and releases stderr, which is the starter's pipe: /dev/null takes its number. */
function report(start: StartReport): void {
	try {
		writeSync(2, `${JSON.stringify(start)}\n`);
	} catch {
		// The starter was interrupted; the session exists all the same, and `session list` shows it.
	}
	closeSync(2);
	openSync("/dev/null", "w");
}
