import { Chalk, type ChalkInstance } from "chalk";
import type { Io, Sink } from "./io.js";

export type ColourWhen = "auto" | "always" | "never";

export interface Palette {
	readonly level: 0 | 1 | 2 | 3;
	readonly good: ChalkInstance;
	readonly bad: ChalkInstance;
	readonly name: ChalkInstance;
	readonly value: ChalkInstance;
	readonly faint: ChalkInstance;
	readonly strong: ChalkInstance;
	readonly note: ChalkInstance;
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

const palettes = new Map<number, Palette>();

/** Chalk with the level decided here: it looks neither at NO_COLOR nor at which end is written to. */
export function palette(level: 0 | 1): Palette {
	const known = palettes.get(level);
	if (known) return known;
	const chalk = new Chalk({ level });
	const made: Palette = {
		level,
		good: chalk.green,
		bad: chalk.red,
		name: chalk.cyan,
		value: chalk,
		faint: chalk.dim,
		strong: chalk.bold,
		note: chalk.yellow,
	};
	palettes.set(level, made);
	return made;
}
