/** Names, folder and sockets of sessions. */
import { lstatSync, mkdirSync } from "node:fs";
import { Problem, type ProblemKind } from "../../structs/errors.js";

/** Why a session cannot be started or used, in one line for people: the machine's state, or the user's mistake. */
export class SessionError extends Problem {
	constructor(message: string, hint?: string, kind: ProblemKind = "environment") {
		super(kind, message, hint);
	}
}

type Env = Readonly<Record<string, string | undefined>>;

/** The longest path of a Unix socket in bytes, without the final 0 (struct sockaddr_un). */
const longestSocketPath = 107;

/** Checks a session's name, which is also a file's name. @throws SessionError */
export function checkName(name: string): string {
	if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return name;
	throw new SessionError(
		`${JSON.stringify(name)} cannot be a session's name`,
		"use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or a digit",
		"usage",
	);
}

/** Where the sockets are: below XDG_RUNTIME_DIR if that is a folder of ours, else in the folder for temporary files. */
export function folderPath(env: Env): string {
	const runtime = env.XDG_RUNTIME_DIR;
	if (runtime?.startsWith("/")) {
		const stat = lstatSync(runtime, { throwIfNoEntry: false });
		if (stat?.isDirectory() && stat.uid === process.getuid?.()) return `${runtime.replace(/\/+$/, "")}/iommuctl`;
	}
	// Like os.tmpdir(), without loading node:os.
	const temporary = (env.TMPDIR || env.TMP || env.TEMP || "/tmp").replace(/(.)\/+$/, "$1");
	return `${temporary}/iommuctl-${process.getuid?.()}`;
}

/**
 * The folder of the sockets, if nobody else has access to it. Links are not followed, as others may write to its parent.
 * @param make create it if it does not exist
 * @returns undefined if it does not exist
 * @throws SessionError if it belongs to another user or is open to others
 */
export function sessionFolder(env: Env, make = false): string | undefined {
	const folder = folderPath(env);
	if (make) {
		try {
			mkdirSync(folder, { mode: 0o700 });
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (code !== "EEXIST") throw new SessionError(`${folder} cannot be made: ${code}`, "set XDG_RUNTIME_DIR to a folder of yours");
		}
	}
	const stat = lstatSync(folder, { throwIfNoEntry: false });
	if (!stat) return undefined;
	const wrong = !stat.isDirectory()
		? "is not a folder"
		: stat.uid !== process.getuid?.()
			? "belongs to another user"
			: stat.mode & 0o077
				? `is open to others (mode ${(stat.mode & 0o777).toString(8)})`
				: undefined;
	if (wrong === undefined) return folder;
	throw new SessionError(
		`sessions need a folder of their own, and ${folder} ${wrong}`,
		"remove it, or set XDG_RUNTIME_DIR to a folder of yours",
	);
}

export const socketPath = (folder: string, name: string): string => fitting(`${folder}/${name}.sock`);

/** The title of a session's process in /proc and ps. */
export const processTitle = (socket: string): string => `iommuctl session ${socket}`;

/** Where a session's socket is made, before it gets its name. */
export const newSocketPath = (folder: string): string => fitting(`${folder}/.${process.pid}`);

/** @throws SessionError if the path is too long for a socket */
function fitting(path: string): string {
	if (Buffer.byteLength(path) <= longestSocketPath) return path;
	throw new SessionError(
		`${path} is longer than a socket's path may be (${longestSocketPath} bytes)`,
		"take a shorter name, or set XDG_RUNTIME_DIR to a folder with a shorter path",
	);
}
