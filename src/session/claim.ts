/** Gives a session's socket its name, which only one session can have. */
import { linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { connect } from "node:net";

/** A running session already has this name. */
export class TakenError extends Error {
	override readonly name = "TakenError";
}

/**
 * Moves the socket made at `from` to `path`. The socket left by a killed session is replaced. Of two sessions that start
 * at once, only one gets the name, and the other cannot take it away.
 * @throws TakenError
 */
export async function claim(from: string, path: string): Promise<void> {
	try {
		for (let attempt = 0; attempt < 10; attempt++) {
			if (link(from, path)) return;
			const found = lstatSync(path, { throwIfNoEntry: false });
			if (!found) continue;
			if (await answers(path)) break;
			removeIf(path, found.ino, `${from}.old`);
		}
		throw new TakenError(path);
	} finally {
		unlinkSync(from);
	}
}

/** Whether a process listens on this socket. */
export function answers(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(path);
		const end = (alive: boolean) => {
			socket.destroy();
			resolve(alive);
		};
		socket.once("connect", () => end(true));
		// A full backlog also means that a process listens.
		socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code !== "ECONNREFUSED" && code !== "ENOENT"));
	});
}

/** Removes the file at `path` if it still has this inode number; a file that has replaced it is put back. */
export function removeIf(path: string, inode: number, aside: string): void {
	try {
		renameSync(path, aside);
		if (lstatSync(aside).ino !== inode) link(aside, path);
		unlinkSync(aside);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
}

/** @returns false if the name is taken */
function link(from: string, to: string): boolean {
	try {
		linkSync(from, to);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
		throw error;
	}
}
