/** Why a program cannot be started, in words. */
import { statSync } from "node:fs";
import { resolve } from "node:path";

/** How env(1) and shells say that a program is not there, or cannot be executed. */
const NOT_FOUND = 127;
const NOT_RUNNABLE = 126;

/** The message and the exit code. `failed`: the errno's name. */
export function cannotStart(program: string, failed: string, cwd: string): { readonly message: string; readonly exit: number } {
	const stat = program.includes("/") ? statSync(resolve(cwd, program), { throwIfNoEntry: false }) : undefined;
	const missing = failed === "ENOENT" && stat === undefined;
	return { message: `${program} cannot be started: ${reason(failed, stat)}`, exit: missing ? NOT_FOUND : NOT_RUNNABLE };
}

function reason(failed: string, stat: { isDirectory(): boolean } | undefined): string {
	if (failed === "ENOENT")
		return stat === undefined ? "not found" : "the interpreter that its first line or its ELF header names is not found";
	if (failed === "EACCES" && stat?.isDirectory()) return "it is a folder";
	if (failed === "EACCES") return "it is not executable (chmod +x), or a folder of its path cannot be searched";
	if (failed === "ENOEXEC") return "it is not a program of this machine";
	return failed;
}
