/** Names, folder and sockets of sessions. */
import { lstatSync, mkdirSync } from "node:fs";
import { Problem, type ProblemKind } from "../../structs/errors.js";

/** What stands in the way of a session, in one line for people: the machine's state, or the user's mistake. */
export class SessionError extends Problem {
	constructor(message: string, hint?: string, kind: ProblemKind = "environment") {
		super(kind, message, hint);
	}
}

type Env = Readonly<Record<string, string | undefined>>;

/** Bytes of a Unix socket's path, without the 0 behind it (struct sockaddr_un). */
const longestSocketPath = 107;

/** A session's name is a file's name too. @throws SessionError */
export function checkName(name: string): string {
	if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return name;
	throw new SessionError(
		`${JSON.stringify(name)} can not be a session's name`,
		"letters, digits, dots, dashes and underscores, a letter or a digit first, 64 at most",
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
	// As os.tmpdir(), which would have to be loaded.
	const temporary = (env.TMPDIR || env.TMP || env.TEMP || "/tmp").replace(/(.)\/+$/, "$1");
	return `${temporary}/iommuctl-${process.getuid?.()}`;
}

/**
 * The folder of the sockets, if nobody else can get at it. Links are not followed: others may write where it stands.
 * @param make create it if it is not there
 * @returns undefined if it is not there
 * @throws SessionError if it is another user's, or open to others
 */
export function sessionFolder(env: Env, make = false): string | undefined {
	const folder = folderPath(env);
	if (make) {
		try {
			mkdirSync(folder, { mode: 0o700 });
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (code !== "EEXIST") throw new SessionError(`${folder} can not be made: ${code}`, "set XDG_RUNTIME_DIR to a folder of yours");
		}
	}
	const stat = lstatSync(folder, { throwIfNoEntry: false });
	if (!stat) return undefined;
	const wrong = !stat.isDirectory()
		? "is no folder"
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

/** What a session's process is called in /proc and by ps. */
export const processTitle = (socket: string): string => `iommuctl session ${socket}`;

/** Where a session's socket is made, before it gets its name. */
export const newSocketPath = (folder: string): string => fitting(`${folder}/.${process.pid}`);

/** @throws SessionError where the path is longer than a socket's may be */
function fitting(path: string): string {
	if (Buffer.byteLength(path) <= longestSocketPath) return path;
	throw new SessionError(
		`${path} is longer than a socket's path may be (${longestSocketPath} bytes)`,
		"take a shorter name, or set XDG_RUNTIME_DIR to a folder with a shorter path",
	);
}
