/** All that bin/iommuctl.js loads in a session: built as one small file, dist/forwarder.cjs. */
import { forward, requestOf } from "../session/forward.js";
import { checkName, sessionFolder, socketPath } from "../session/paths.js";
import { version } from "./frame/version.js";

/** A session's answer for bin/iommuctl.js: an exit code, or what main.ts has to know. */
export type InSession =
	| number
	| "local"
	| { readonly gone: string }
	| { readonly error: { readonly message: string; readonly hint?: string } };

/** Has the session run this process' command line. */
export function runInSession(name: string, argv: readonly string[], done: (result: InSession) => void): void {
	try {
		const folder = sessionFolder(process.env);
		const path = socketPath(folder ?? "", checkName(name));
		if (folder === undefined) done({ gone: "absent" });
		else
			forward(path, requestOf(argv, version), (result) => {
				done("exit" in result ? result.exit : "local" in result ? "local" : result);
			});
	} catch (error) {
		done({ error: error as Error });
	}
}
