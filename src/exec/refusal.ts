/** Why programs cannot be run on the simulated kernel here, and what to do about it. */
import { EnvironmentError } from "../kernel/environment-error.js";
import { EACCES, EBUSY, EINVAL, ENOSYS, EPERM, errnoName } from "../kernel/errno.js";

const REASONS: Readonly<Record<number, readonly [message: string, hint: string]>> = {
	[EBUSY]: [
		"this process is itself run by iommuctl exec (or by another supervisor), and a program has only one",
		"start the inner program without iommuctl exec: it inherits the outer simulated kernel",
	],
	[EINVAL]: ["this kernel has no seccomp user notification", "use Linux 5.9 or later, built with CONFIG_SECCOMP_FILTER"],
	[ENOSYS]: [
		"this kernel, or the sandbox around it, has no seccomp",
		"use Linux 5.9 or later, built with CONFIG_SECCOMP_FILTER; gVisor does not have it",
	],
	[EPERM]: [
		"the seccomp profile of this container forbids seccomp filters",
		"allow the call seccomp, for example docker run --security-opt seccomp=unconfined",
	],
	[EACCES]: ["seccomp filters need no_new_privs, which is refused here", "run it outside of this sandbox"],
};

/** The error for a filter that could not be made. */
export function refusal(errno: number): EnvironmentError {
	const [message, hint] = REASONS[errno] ?? [`the seccomp filter cannot be made: ${errnoName(errno)}`, "run it outside of this sandbox"];
	return new EnvironmentError(message, hint);
}
