import { linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { connect } from "node:net";

/** The name is a running session's. */
export class TakenError extends Error {
	override readonly name = "TakenError";
}

/**
 * Gives the socket made at `from` its name. The socket of a session that was killed gives way; two that start at once
 * can not both have the name, nor can one take it from the other.
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

/** Whether somebody listens at this socket. */
export function answers(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(path);
		const end = (alive: boolean) => {
			socket.destroy();
			resolve(alive);
		};
		socket.once("connect", () => end(true));
		// A full backlog is somebody's too.
		socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code !== "ECONNREFUSED" && code !== "ENOENT"));
	});
}

/** Removes what is at `path` if it still is file number `inode`; what came there since goes back. */
export function removeIf(path: string, inode: number, aside: string): void {
	try {
		renameSync(path, aside);
		if (lstatSync(aside).ino !== inode) link(aside, path);
		unlinkSync(aside);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
}

/** @returns false if something has that name */
function link(from: string, to: string): boolean {
	try {
		linkSync(from, to);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
		throw error;
	}
}
