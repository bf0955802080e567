/** How a script is run, and what came of it. */
import type { Statement } from "../../../../script/index.js";
import type { ColourWhen, Palette } from "../../../frame/colour.js";
import type { CommandLine } from "../../../frame/command.js";
import type { Context } from "../../../frame/context.js";
import type { Outcome } from "../../../frame/exit.js";
import type { Io } from "../../../frame/io.js";
import type { ObservedResult } from "./observe.js";

/** What a line came to: undefined if it is not a command, text if the rest is to be skipped. */
export type Ended = Outcome | string | undefined;

export interface RunOptions {
	/** what runs each line */
	readonly commandLine: CommandLine;
	readonly io: Io;
	readonly context: Context;
	readonly keepGoing: boolean;
	readonly json: boolean;
	/** only what fails is printed */
	readonly quiet: boolean;
	readonly color?: ColourWhen;
	readonly out: Palette;
	readonly err: Palette;
	/** called for every statement at the top as it ends; then nothing is printed here */
	readonly observe?: (result: ObservedResult) => void;
	/** the scripts that are running, this one last: full paths */
	readonly within?: readonly string[];
	/** on a kernel where the blocks of `parallel` take turns: whose turn it is, at random; undefined: one after another */
	readonly seed?: number;
	/** of a block that runs beside others: stands before what its commands print */
	readonly label?: string;
	/** what commands print is left as it is, and the lines themselves are not shown */
	readonly bare?: boolean;
	/** runs a line in place of the runner, by calling `once`: perhaps twice, perhaps with its output elsewhere */
	readonly attempt?: (statement: Statement, once: (io: Io) => Promise<Ended>) => Promise<Ended>;
}

export interface StatementResult {
	readonly statement: Pick<Statement, "line" | "source">;
	readonly outcome: Outcome;
}

export interface RunResult {
	/** commands that ran; of a line in a loop, every time */
	readonly commands: number;
	readonly ok: number;
	/** what failed: commands, and blocks that could not begin or go on */
	readonly failed: readonly StatementResult[];
	/** lines that are commands and were not reached */
	readonly left: number;
	/** why a `require` was not met: the rest was skipped */
	readonly skipped?: string;
	readonly exit: number;
}
