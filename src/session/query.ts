/** Asks sessions for their status, or to stop. */
import { lstatSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { removeIf } from "./claim.js";
import { answer, ask, frame, frameReader } from "./frames.js";
import { checkName, sessionFolder, socketPath } from "./paths.js";
import type { SessionStatus } from "./protocol.js";

type Env = Readonly<Record<string, string | undefined>>;

/** `busy`: it is alive, but a command keeps it from answering. */
export type Found = { readonly name: string } & (
	| { readonly state: "running"; readonly status: SessionStatus }
	| { readonly state: "busy" }
	| { readonly state: "killed" }
	| { readonly state: "absent" }
);

/** How long a session that is computing may take to answer, ms. */
const patience = 2000;

/** Asks a session for its status, or to stop (which returns its last status). */
export function question(env: Env, name: string, kind: typeof ask.status | typeof ask.stop, timeout = patience): Promise<Found> {
	const folder = sessionFolder(env);
	if (folder === undefined) return Promise.resolve({ name, state: "absent" });
	const path = socketPath(folder, checkName(name));
	return new Promise((resolve) => {
		const socket = connect(path);
		const end = (found: Found) => {
			clearTimeout(timer);
			socket.destroy();
			resolve(found);
		};
		const timer = setTimeout(() => end({ name, state: "busy" }), timeout);
		const read = frameReader((reply, payload) => {
			if (reply === answer.status) end({ name, state: "running", status: JSON.parse(payload.toString()) as SessionStatus });
		});
		socket.on("connect", () => socket.write(frame(kind)));
		socket.on("data", read);
		socket.on("error", ({ code }: NodeJS.ErrnoException) => end({ name, state: code === "ENOENT" ? "absent" : "killed" }));
		socket.on("close", () => end({ name, state: "absent" }));
	});
}

/** Every session of this user. What killed sessions left behind is removed, and listed this once. */
export async function listSessions(env: Env): Promise<Found[]> {
	const folder = sessionFolder(env);
	if (folder === undefined) return [];
	const names = readdirSync(folder).flatMap((file) => (/^[^.].*\.sock$/.test(file) ? [file.slice(0, -".sock".length)] : []));
	const inodes = new Map(names.map((name) => [name, lstatSync(socketPath(folder, name), { throwIfNoEntry: false })?.ino]));
	const found = await Promise.all(names.sort(inOrder).map((name) => question(env, name, ask.status)));
	for (const { name, state } of found) if (state === "killed") forget(env, name, inodes.get(name));
	return found.filter(({ state }) => state !== "absent");
}

/** Removes the socket of a killed session, if it is still this file. */
export function forget(env: Env, name: string, inode: number | undefined): void {
	const path = socketPath(sessionFolder(env) as string, name);
	if (inode !== undefined) removeIf(path, inode, `${path}.old`);
}

/** The inode number of a session's socket, which tells it apart from a later one. */
export function inodeOf(env: Env, name: string): number | undefined {
	const folder = sessionFolder(env);
	return folder === undefined ? undefined : lstatSync(socketPath(folder, checkName(name)), { throwIfNoEntry: false })?.ino;
}

/** s2 before s10 */
const inOrder = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });
