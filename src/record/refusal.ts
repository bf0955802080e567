/** Why programs cannot be recorded here, and what to do about it. */
import { EnvironmentError } from "../kernel/environment-error.js";
import { EPERM, errnoName } from "../kernel/errno.js";

const OUTSIDE = "run it outside of this sandbox";

/** The error for a program that cannot be traced. `scope`: of Yama; undefined: there is no Yama. */
export function traceRefusal(errno: number, scope: number | undefined): EnvironmentError {
	if (errno !== EPERM) return new EnvironmentError(`programs cannot be traced here: ptrace answers ${errnoName(errno)}`, OUTSIDE);
	if (scope === 3)
		return new EnvironmentError(
			"kernel.yama.ptrace_scope is 3: nobody may trace a program until the next boot",
			"set kernel.yama.ptrace_scope=1 in /etc/sysctl.d and boot again",
		);
	if (scope === 2)
		return new EnvironmentError(
			"kernel.yama.ptrace_scope is 2: only root may trace a program",
			"run it as root, or sysctl kernel.yama.ptrace_scope=1",
		);
	return new EnvironmentError(
		"this container or sandbox forbids ptrace",
		"allow it, for example docker run --cap-add=SYS_PTRACE --security-opt seccomp=unconfined",
	);
}

/** The error for a filter that could not be made. */
export function filterRefusal(errno: number): EnvironmentError {
	if (errno === EPERM)
		return new EnvironmentError(
			"the seccomp profile of this container forbids seccomp filters",
			"allow the call seccomp, for example docker run --security-opt seccomp=unconfined",
		);
	return new EnvironmentError(
		`this kernel, or the sandbox around it, has no seccomp filters: ${errnoName(errno)}`,
		"use Linux 5.3 or later, built with CONFIG_SECCOMP_FILTER; gVisor does not have them",
	);
}
