/** How long a race goes on: --rounds and --time. */
import { parseDuration } from "../../../../session/duration.js";
import { UsageError } from "../../../frame/exit.js";
import { smallNumber } from "../../../frame/small-number.js";

const ROUNDS = 10_000;

/**
 * Rounds and time (ms), whichever ends first; one of them is infinite.
 * @throws UsageError, SessionError for a text that is not a length of time
 */
export function howLong({ rounds, time }: Readonly<Record<string, unknown>>): { readonly rounds: number; readonly time: number } {
	if (rounds !== undefined && time !== undefined) throw new UsageError("--rounds and --time cannot both be given");
	if (time !== undefined) return { rounds: Number.POSITIVE_INFINITY, time: parseDuration(time as string, "--time") };
	const most = rounds === undefined ? ROUNDS : smallNumber(rounds as string, "--rounds");
	if (most === 0) throw new UsageError("--rounds 0: at least one round is needed");
	return { rounds: most, time: Number.POSITIVE_INFINITY };
}
