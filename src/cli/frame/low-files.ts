/** File numbers as a new program has them: a command's replayed programs get the lowest ones, and Node's own files are above. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { EnvironmentError } from "../../kernel/environment-error.js";
import { isForkCapable, type Kernel } from "../../kernel/kernel.js";
import { wrapKernel } from "../../kernel/wrap.js";

/** The numbers that are kept for programs. */
const FIRST = 3;
const LAST = 63;
const MARK = "IOMMUCTL_LOW_FILES";
/** whether this is the process where they are kept, and how many programs run there just now */
const here = { kept: false, programs: 0 };

/**
 * Runs this process's command line again in a process where the low file numbers were taken when Node started, so that Node's
 * own files have others. A trace may name files by their plain numbers: those that its program opened, those of whoever recorded it, or none.
 * @returns the exit code; undefined: this is that process, and the command should go on
 * @throws EnvironmentError if the process cannot be started
 */
export function inProcessWithLowFiles(): number | undefined {
	if (process.env[MARK] !== undefined) {
		delete process.env[MARK];
		here.kept = true;
		return undefined;
	}
	const none = openSync("/dev/null", "r");
	const { status, signal, error } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
		stdio: ["inherit", "inherit", "inherit", ...Array.from({ length: LAST - FIRST + 1 }, () => none)],
		env: { ...process.env, [MARK]: "1" },
	});
	closeSync(none);
	if (error)
		throw new EnvironmentError(`a process for the replay cannot be started: ${error.message}`, `it needs ${LAST} open files (ulimit -n)`);
	return status ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/**
 * A program's kernel. In the process of `inProcessWithLowFiles` the low numbers are free until the program ends, except for the
 * first `taken`, from 0 on; elsewhere nothing changes. Of programs that run at the same time the first one gets them.
 */
export function withLowFiles(make: () => Kernel, taken: number): Kernel {
	const kernel = make();
	if (!here.kept) return kernel;
	if (here.programs++ === 0) for (let fd = Math.max(FIRST, taken); fd <= LAST; fd++) closeSync(fd);
	return wrapKernel(kernel, {
		...(isForkCapable(kernel) && { fork: (name: string) => kernel.fork(name) }),
		exit() {
			kernel.exit();
			if (--here.programs > 0) return;
			let fd = 0;
			while (fd <= LAST) fd = openSync("/dev/null", "r");
			closeSync(fd);
		},
	});
}
