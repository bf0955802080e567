/** Records programs that are not ours on this machine's kernel. */
import { native } from "../exec/native.js";
import { obstacle, type Refusal } from "./refusal.js";

export { type Ended, type RecordOptions, recordProgram } from "./run.js";

/** Why programs cannot be recorded here; undefined: they can. `read` reads a file of the system. @throws EnvironmentError without FFI */
export function whyNot(release: string, read: (path: string) => string | undefined): Refusal | undefined {
	return obstacle(native(), release, read);
}
