/** The error for a session that does not answer. */
import { readFileSync } from "node:fs";
import { crashFile } from "./daemon.js";
import { SessionError, sessionFolder, socketPath } from "./paths.js";

/** Why a session does not answer, and how to go on, in one line. `why` is the `gone` of `forward`. */
export function goneError(env: Readonly<Record<string, string | undefined>>, name: string, why: string): SessionError {
	const what =
		lastWords(env, name) ??
		(why === "absent"
			? "is not running (stopped, or idle for too long)"
			: why === "killed"
				? "was killed"
				: why === "ended"
					? "ended while the command ran"
					: `cannot be reached (${why})`);
	const anew = `eval "$(iommuctl session start --name ${name})" starts it again`;
	const otherwise = env.IOMMUCTL_SESSION === name ? "`unset IOMMUCTL_SESSION` goes on without it" : "session list shows what is running";
	return new SessionError(`session ${name} ${what}; ${anew}, ${otherwise}`);
}

/** How a session ended, if a bug ended it. */
function lastWords(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
	try {
		const file = crashFile(socketPath(sessionFolder(env) ?? "", name));
		return `ended by an internal error, a bug in iommuctl (${readFileSync(file, "utf8").split("\n")[0]}; more in ${file})`;
	} catch {
		return undefined;
	}
}
