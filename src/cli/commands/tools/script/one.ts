/** Runs one script for `run`, and prints or reports what came of it. */
import type { Invocation } from "../../../frame/command.js";
import { UsageError } from "../../../frame/exit.js";
import { smallNumber } from "../../../frame/small-number.js";
import { plural } from "../../../frame/text.js";
import type { Reported } from "../formats/report.js";
import { expectsNoWarning, variableGiven } from "./control.js";
import { runStatements } from "./runner.js";
import { readScript, scriptPath } from "./source.js";

/** @returns the exit code @throws UsageError, ScriptError */
export async function runOne(inv: Invocation, file: string, reported?: Reported): Promise<number> {
	const { commandLine, common, context, io, options, out, err } = inv;
	const { announce } = await import("../../../frame/announce.js");
	// Stdin can be read only once, so only files can run themselves.
	const running = inv.place?.within ?? [];
	const by = running.at(-1);
	const path = scriptPath(io, file, by);
	if (file !== "-" && running.includes(path)) throw new UsageError(`${file} runs itself`, "a script cannot contain itself");
	const { file: shown, statements } = await readScript(io, file, by);
	for (const given of (options.var as string[] | undefined) ?? []) context.variables.set(...variableGiven(given));
	await announce(inv);
	// What the log had before is not this script's.
	if (running.length === 0 && expectsNoWarning(statements)) (await context.handle()).beginLog?.();
	const how = {
		commandLine,
		io,
		context,
		keepGoing: options.keepGoing === true,
		json: common.json,
		quiet: common.quiet,
		color: options.color as "auto" | undefined,
		out,
		err,
		within: [...running, path],
		seed: options.seed === undefined ? undefined : smallNumber(options.seed as string, "--seed"),
	};
	if (reported !== undefined) return await (await import("../formats/report.js")).reportRun(reported, statements, shown, how);
	const result = await runStatements(statements, how);
	const { failed, ok, commands: count } = result;
	if (common.json) {
		const { which, kernel } = await context.handle();
		const document = {
			schema: "iommuctl.run",
			version: 1,
			file,
			kernel: kernel.kind,
			kernelDetail: which,
			commands: count,
			failed: failed.map(({ statement, outcome }) => ({ line: statement.line, command: statement.source, exit: outcome.exit })),
			notReached: result.left,
			skipped: result.skipped ?? null,
			exit: result.exit,
		};
		io.stdout.write(`${JSON.stringify(document)}\n`);
	} else if (!common.quiet) {
		const parts = [
			`${ok} ok`,
			...(failed.length > 0 ? [`${failed.length} failed`] : []),
			...(result.left > 0 ? [`${plural(result.left, "line")} ${result.skipped === undefined ? "not reached" : "skipped"}`] : []),
		];
		io.stdout.write(`${(failed.length > 0 ? out.bad : out.good)(`${plural(count, "command")}: ${parts.join(", ")}`)}\n`);
	}
	return result.exit;
}
