/** Runs a script round by round, each time with another allocation that fails. */

import type { Block, Statement } from "../../../../script/index.js";
import type { Palette } from "../../../frame/colour.js";
import type { CommandLine } from "../../../frame/command.js";
import type { Context } from "../../../frame/context.js";
import { errnoName } from "../../../frame/errnos.js";
import { exitCode } from "../../../frame/exit.js";
import { BufferSink, type Io } from "../../../frame/io.js";
import type { Ended } from "../script/options.js";
import { runStatements } from "../script/runner.js";

/** The n of a round in which nothing fails: more than any script allocates, and the most that the real kernel's counter takes. */
export const NEVER = 0x7fff_ffff;

/** A fresh kernel for one round. */
export interface Stage {
	readonly context: Context;
	/** errnos that a call may answer if something was made to fail beneath it; the first is the usual one */
	readonly answers: readonly number[];
	/** from now on the nth allocation fails */
	arm(n: number): void;
	/** whether it did */
	failed(): boolean;
	/** ends the program; what is left of it, in words */
	end(): Promise<readonly string[]>;
}

export interface Round {
	readonly n: number;
	/** the allocation was made to fail; false: the script has fewer */
	readonly hit: boolean;
	/** the line that failed because of it, if one did */
	readonly line?: number;
	readonly command?: string;
	/** the line in which the allocation failed, and which was done all the same */
	readonly survivor?: Statement;
	/** what is wrong, one line each */
	readonly problems: readonly string[];
}

export interface RoundOptions {
	readonly commandLine: CommandLine;
	readonly io: Io;
	readonly out: Palette;
	readonly err: Palette;
	/** the script's full path: what it runs is looked for beside it */
	readonly within: readonly string[];
}

/**
 * One round: a command that fails must say so with one of the stage's errnos, then work when it is repeated, and so
 * must all that follow; at the end nothing may be left over.
 */
export async function round(n: number, statements: Block, stage: Stage, options: RoundOptions): Promise<Round> {
	const problems: string[] = [];
	let failedAt: Statement | undefined;
	let survivor: Statement | undefined;
	/** Runs a line with its output captured, and again where it is the one that was made to fail. */
	const attempt = async (statement: Statement, run: (io: Io) => Promise<Ended>): Promise<Ended> => {
		const once = async () => {
			const stderr = new BufferSink();
			const ended = await run({ ...options.io, stdout: new BufferSink(), stderr });
			const outcome = typeof ended === "string" ? undefined : ended;
			const said = stderr.text().trim().split("\n", 1)[0];
			return { ended, exit: outcome?.exit ?? exitCode.done, errno: outcome?.errno ?? 0, said };
		};
		const before = stage.failed();
		let { ended, exit, errno, said } = await once();
		if (typeof ended === "string") return ended;
		const hitHere = !before && stage.failed();
		if (exit === exitCode.done && hitHere) survivor = statement;
		if (exit !== exitCode.done && hitHere) {
			failedAt = statement;
			if (exit === exitCode.internal) problems.push(`line ${statement.line}: ${said}`);
			else if (errno !== 0 && !stage.answers.includes(errno))
				problems.push(`line ${statement.line}: ${errnoName(errno)} instead of ${stage.answers.map(errnoName).join(" or ")}`);
			({ ended, exit, errno, said } = await once());
			if (exit !== exitCode.done) problems.push(`line ${statement.line} does not work when it is repeated: ${said}`);
		} else if (exit !== exitCode.done) problems.push(`line ${statement.line}: ${said}`);
		return ended;
	};
	// The kernel was announced once, before all rounds.
	stage.context.announced = true;
	stage.arm(n);
	const stderr = new BufferSink();
	const { failed } = await runStatements(statements, {
		...options,
		io: { ...options.io, stdout: new BufferSink(), stderr },
		context: stage.context,
		keepGoing: false,
		json: false,
		quiet: false,
		bare: true,
		color: "never",
		attempt,
	});
	// What is wrong outside of any command: a condition, a loop.
	if (failed.length > 0 && problems.length === 0)
		problems.push(`line ${failed[0].statement.line}: ${stderr.text().trim().split("\n", 1)[0]}`);
	const hit = stage.failed();
	problems.push(...(await stage.end()));
	return { n, hit, line: failedAt?.line, command: failedAt?.source, survivor, problems };
}
