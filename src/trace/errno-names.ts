/** Names of errnos as traces record them. */
import * as table from "../kernel/errno.js";
import { FieldError } from "./check.js";

/** The number of an errno as a trace names it; throws FieldError if there is no such errno. */
export function errnoNumber(name: string): number {
	const number = knownErrno(name);
	if (number === undefined) throw new FieldError("errno", `no errno is called ${JSON.stringify(name)}`);
	return number;
}

/** The number of an errno as a trace names it; undefined if there is no such errno. */
export function knownErrno(name: string): number | undefined {
	return table.errnoNumber(name) ?? (/^[0-9]+$/.test(name) ? Number(name) : undefined);
}

/** The name under which a trace records an errno (ENOTSUP, not EOPNOTSUPP); its number if it has no name. */
export function errnoName(errno: number): string {
	if (errno === table.EOPNOTSUPP) return "ENOTSUP";
	const name = table.errnoName(errno);
	return table.errnoNumber(name) === errno ? name : String(errno);
}
