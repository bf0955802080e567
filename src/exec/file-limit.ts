/** Gives a program back the limit of open files that Node has raised. */
import { readFileSync } from "node:fs";
import { AT, type Native } from "./native.js";

const RLIMIT_NOFILE = 7;
/** what most systems begin with */
export const USUAL_FILES = 1024n;

/**
 * Node raises the soft limit of open files to the hard one, and programs that close all numbers up to it would take long: the
 * process gets what this one was started with, but not less than `least`.
 */
export function restoreFileLimit(calls: Native, pid: number, least = 0n): void {
	const { view } = calls;
	let before = USUAL_FILES;
	try {
		const match = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${process.ppid}/limits`, "latin1"));
		if (match !== null) before = BigInt(match[1]);
	} catch {}
	if (calls.call("prlimit64", pid, RLIMIT_NOFILE, 0, calls.at(AT.limits)) < 0) return;
	const hard = view.getBigUint64(AT.limits + 8, true);
	const soft = before < least ? least : before;
	view.setBigUint64(AT.limits, soft < hard ? soft : hard, true);
	calls.call("prlimit64", pid, RLIMIT_NOFILE, calls.at(AT.limits), 0);
}
