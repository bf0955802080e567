/** Objects and actions by the beginning of their names. */
import { UsageError } from "./exit.js";

interface Named {
	readonly name: string;
}

/**
 * The one that is called so, or the only one whose name begins so.
 * @param what what is looked for, in words @throws UsageError where several are meant
 * @returns undefined where none is
 */
export function byName<T extends Named>(all: readonly T[], typed: string, what: string): T | undefined {
	const exact = all.find(({ name }) => name === typed);
	if (exact || typed === "") return exact;
	const found = all.filter(({ name }) => name.startsWith(typed));
	if (found.length <= 1) return found[0];
	throw new UsageError(`${what} "${typed}" is ambiguous`, `it may be ${found.map(({ name }) => name).join(", ")}`);
}
