/** Runs programs that are not ours on a simulated kernel. */
import { native } from "./native.js";
import { obstacle, type Refusal } from "./refusal.js";

export { type Ended, type ProgramOptions, type Running, runProgram } from "./run.js";

/** Why programs cannot be run here, as far as that can be told before one is started. @throws EnvironmentError without FFI */
export function whyNot(release: string, read: (path: string) => string | undefined): Refusal | undefined {
	return obstacle(native(), release, read);
}
