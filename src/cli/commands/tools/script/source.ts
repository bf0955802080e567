/** Where a script comes from: a file, stdin, or the scripts that iommuctl comes with. */
import { existsSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { type Block, type Node, parseScript, plain, walk } from "../../../../script/index.js";
import { parseDuration } from "../../../../session/duration.js";
import { UsageError } from "../../../frame/exit.js";
import { checkExpectation } from "../../../frame/expectation.js";
import { type Io, readInputOrStdin } from "../../../frame/io.js";
import { shippedPath } from "../../../frame/shipped.js";

export interface Script {
	/** as messages name it */
	readonly file: string;
	/** at least one */
	readonly statements: Block;
}

/**
 * The full path of what `run` and `fail-nth` take: a file, `-`, `example:NAME` or `repro:NAME`. A file that a script names is
 * looked for beside that script, then where the command was started.
 * @param by the script that names it, a full path @throws UsageError
 */
export function scriptPath({ cwd }: Pick<Io, "cwd">, named: string, by?: string): string {
	if (named === "-") return named;
	const shipped = shippedPath(named);
	if (shipped !== undefined || by === undefined || by === "-" || isAbsolute(named)) return shipped ?? resolve(cwd, named);
	const beside = resolve(dirname(by), named);
	return existsSync(beside) ? beside : resolve(cwd, named);
}

/**
 * Reads and parses a script.
 * @param by the script that names it, a full path
 * @throws UsageError for a file that cannot be read or nothing to run, ScriptError for a line that is not a statement
 */
export async function readScript(io: Io, named: string, by?: string): Promise<Script> {
	refuseTrace(named);
	const path = scriptPath(io, named, by);
	const shown = path === resolve(io.cwd, named) || path === shippedPath(named) ? named : relative(io.cwd, path);
	const file = named === "-" ? "stdin" : shown.startsWith("../") ? path : shown;
	const bytes = await readInputOrStdin(io, named === "-" || shown === named ? (shippedPath(named) ?? named) : path);
	const statements = parseScript(Buffer.from(bytes).toString(), file);
	for (const node of walk(statements)) checkStatement(node);
	if (statements.length === 0) throw new UsageError(`${file}: nothing to run`, "the script is empty");
	return { file, statements };
}

/** Refuses a trace where a script belongs. @throws UsageError */
export function refuseTrace(file: string): void {
	if (/\.jsonl(?:\.gz)?$/.test(file))
		throw new UsageError(`${file} is a trace, not a script`, "iommuctl replay runs it, and trace export --script makes a script of it");
}

/** What can be seen to be wrong before anything runs, though it is no mistake in the grammar. @throws UsageError with file, line and column */
function checkStatement(node: Node): void {
	try {
		if (node.kind === "command" && node.expect !== undefined) checkExpectation(node.expect);
		const time = node.kind === "sleep" ? plain(node.time) : undefined;
		if (time !== undefined) parseDuration(time, "sleep");
	} catch (error) {
		const { message, hint } = error as UsageError;
		throw new UsageError(`${node.file}:${node.line}:${node.column}: ${message}`, hint);
	}
}
