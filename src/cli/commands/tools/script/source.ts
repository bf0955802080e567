/** Where a script comes from: a file, stdin, or the scripts that iommuctl comes with. */
import { resolve } from "node:path";
import { UsageError } from "../../../frame/exit.js";
import { type Io, readInputOrStdin } from "../../../frame/io.js";
import { shippedPath } from "../../../frame/shipped.js";
import { parseScript, type Statement } from "./statements.js";

export interface Script {
	/** as messages name it */
	readonly file: string;
	/** at least one */
	readonly statements: readonly Statement[];
}

/** The full path of what `run` and `fail-nth` take: a file, `-`, `example:NAME` or `repro:NAME`. @throws UsageError */
export const scriptPath = ({ cwd }: Io, named: string): string => (named === "-" ? named : (shippedPath(named) ?? resolve(cwd, named)));

/** Reads and parses a script. @throws UsageError for a file that cannot be read, a line that is not a statement, or nothing to run */
export async function readScript(io: Io, named: string): Promise<Script> {
	const file = named === "-" ? "stdin" : named;
	const bytes = await readInputOrStdin(io, shippedPath(named) ?? named);
	const statements = parseScript(Buffer.from(bytes).toString(), file);
	if (statements.length === 0) throw new UsageError(`${file}: nothing to run`, "the script is empty");
	return { file, statements };
}
