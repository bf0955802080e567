/** The exit code of several cases. */
import { exitCode } from "../../../frame/exit.js";

/** The gravest first; what none of them is does not count. */
const gravity: readonly number[] = [exitCode.internal, exitCode.usage, exitCode.failed, exitCode.environment, exitCode.done];

/** Of several cases: the gravest one; 77 if all were skipped, 0 if there are none. */
export function worst(exits: readonly number[]): number {
	const found = gravity.find((one) => exits.includes(one));
	return found ?? (exits.length > 0 ? exitCode.skipped : exitCode.done);
}
