/** Puts together what threads that worked on copies have changed. */
import { isDeepStrictEqual } from "node:util";

/** Changes `target` as `before` was changed to become `after`. */
export function mergeMap<K, V>(target: Map<K, V>, before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): void {
	for (const [key, value] of after) if (!before.has(key) || !isDeepStrictEqual(before.get(key), value)) target.set(key, value);
	for (const key of before.keys()) if (!after.has(key)) target.delete(key);
}
