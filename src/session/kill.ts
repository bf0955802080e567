/** Kills a session by its process. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { answers } from "./claim.js";
import { checkName, processTitle, sessionFolder, socketPath } from "./paths.js";
import { forget, inodeOf } from "./query.js";

/** Kills a session that does not answer. @returns false if its process is not found */
export async function killSession(env: Readonly<Record<string, string | undefined>>, name: string): Promise<boolean> {
	const folder = sessionFolder(env);
	if (folder === undefined) return false;
	const path = socketPath(folder, checkName(name));
	const pid = readdirSync("/proc").find((entry) => /^\d+$/.test(entry) && isTitled(entry, processTitle(path)));
	if (pid === undefined) return false;
	const inode = inodeOf(env, name);
	process.kill(Number(pid), "SIGKILL");
	while (await answers(path)) await setTimeout(5);
	forget(env, name, inode);
	return true;
}

function isTitled(pid: string, title: string): boolean {
	try {
		if (statSync(`/proc/${pid}`).uid !== process.getuid?.()) return false;
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] === title;
	} catch {
		return false;
	}
}
