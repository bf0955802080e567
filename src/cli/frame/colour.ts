/** Whether and how output is coloured. */
import type { Io, Sink } from "./io.js";

export type ColourWhen = "auto" | "always" | "never";

type Paint = (text: string) => string;

export interface Palette {
	readonly level: 0 | 1;
	readonly good: Paint;
	readonly bad: Paint;
	readonly name: Paint;
	readonly faint: Paint;
	readonly strong: Paint;
	readonly note: Paint;
}

/** 0 or 1, for one end: `--color`, then NO_COLOR, then FORCE_COLOR, then whether it is a terminal. */
export function colourLevel(when: ColourWhen, sink: Sink, env: Io["env"]): 0 | 1 {
	if (when !== "auto") return when === "always" ? 1 : 0;
	// no-color.org: any value but the empty one
	if (env.NO_COLOR) return 0;
	const force = env.FORCE_COLOR;
	if (force !== undefined) return force === "0" || force === "false" ? 0 : 1;
	return sink.isTTY && env.TERM !== "dumb" ? 1 : 0;
}

const same: Paint = (text) => text;
const plain: Palette = { level: 0, good: same, bad: same, name: same, faint: same, strong: same, note: same };
let coloured: Palette | undefined;

/** Chalk with the level decided here (it looks neither at NO_COLOR nor at which end is written to), if it is needed. */
export async function palette(level: 0 | 1): Promise<Palette> {
	if (level === 0) return plain;
	if (coloured) return coloured;
	const { Chalk } = await import("chalk");
	const chalk = new Chalk({ level });
	coloured = { level, good: chalk.green, bad: chalk.red, name: chalk.cyan, faint: chalk.dim, strong: chalk.bold, note: chalk.yellow };
	return coloured;
}
