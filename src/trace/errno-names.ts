import * as table from "../kernel/errno.js";
import { FieldError } from "./check.js";

const byName = new Map<string, number>();
const byNumber = new Map<number, string>();
for (const [name, value] of Object.entries(table)) {
	if (typeof value !== "number" || !/^E[A-Z0-9]+$/.test(name)) continue;
	byName.set(name, value);
	if (!byNumber.has(value)) byNumber.set(value, name);
}
// One number under two names; the traces say ENOTSUP.
byName.set("ENOTSUP", table.EOPNOTSUPP);

/** The number of an errno as a trace names it; throws FieldError for a name that is none. */
export function errnoNumber(name: string): number {
	const number = byName.get(name) ?? (/^[0-9]+$/.test(name) ? Number(name) : undefined);
	if (number === undefined) throw new FieldError("errno", `no errno is called ${JSON.stringify(name)}`);
	return number;
}

/** The name under which a trace records an errno; its number where it has none. */
export function errnoName(errno: number): string {
	return errno === table.EOPNOTSUPP ? "ENOTSUP" : (byNumber.get(errno) ?? String(errno));
}
