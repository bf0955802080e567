/** Why programs cannot be run on the simulated kernel here, and what to do about it. */
import { readFileSync } from "node:fs";
import { EnvironmentError } from "../kernel/environment-error.js";
import { EACCES, EBUSY, EINVAL, ENOSYS, EPERM, errnoName } from "../kernel/errno.js";
import { LAST_FD } from "./filter.js";
import { AT, type Native } from "./native.js";

/** What cannot be done, and how to mend it. */
export type Refusal = readonly [message: string, hint: string];

const UNCONFINED =
	"allow it: docker run --security-opt seccomp=unconfined, or a profile that allows seccomp, process_vm_readv and pidfd_getfd";

const FILTER: Readonly<Record<number, Refusal>> = {
	[EBUSY]: [
		"this process is itself run by iommuctl exec (or by another supervisor), and a program has only one",
		"start the inner program without iommuctl exec: it inherits the outer simulated kernel",
	],
	[EINVAL]: ["this kernel has no seccomp user notification", "use Linux 5.9 or later, built with CONFIG_SECCOMP_FILTER"],
	[ENOSYS]: [
		"this kernel, or the sandbox around it, has no seccomp",
		"use Linux 5.9 or later, built with CONFIG_SECCOMP_FILTER; gVisor does not have it",
	],
	[EPERM]: ["the seccomp profile of this container forbids seccomp filters", UNCONFINED],
	[EACCES]: ["seccomp filters need no_new_privs, which is refused here", "run it outside of this sandbox"],
};

/** Why the filter could not be made. */
export function filterRefusal(errno: number): EnvironmentError {
	return new EnvironmentError(
		...(FILTER[errno] ?? [`the seccomp filter cannot be made: ${errnoName(errno)}`, "run it outside of this sandbox"]),
	);
}

const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_RET_USER_NOTIF = 0x7fc00000;
const CAP_SYS_PTRACE = 1n << 19n;
const OLDEST = [5, 9];

/** What can be told before a program is started; undefined: nothing is in the way. `read` reads a file of the system. */
export function obstacle(native: Native, release: string, read: (path: string) => string | undefined = text): Refusal | undefined {
	const [major, minor] = release.split(".").map((word) => Number.parseInt(word, 10));
	if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
		return [`Linux ${release} cannot open files in the programs that it stops`, "use Linux 5.9 or later"];
	native.view.setUint32(AT.data, SECCOMP_RET_USER_NOTIF, true);
	const filters = native.call("seccomp", SECCOMP_GET_ACTION_AVAIL, 0, native.at(AT.data));
	// EOPNOTSUPP: the kernel has seccomp, but not this action.
	if (filters < 0) return FILTER[-filters] ?? FILTER[EINVAL];
	const scope = Number(read("/proc/sys/kernel/yama/ptrace_scope") ?? "0");
	const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(read("/proc/self/status") ?? "")?.[1] ?? "0"}`);
	if (scope === 3 || (scope === 2 && (capabilities & CAP_SYS_PTRACE) === 0n))
		return [
			`Yama forbids looking into the memory of programs (kernel.yama.ptrace_scope is ${scope})`,
			scope === 3 ? "it can only be lowered by a reboot" : "sysctl kernel.yama.ptrace_scope=1, or run as root",
		];
	if (native.remote(process.pid, native.at(AT.text), new Uint8Array(1)) !== 1)
		return ["the memory of programs cannot be read here: process_vm_readv is forbidden", UNCONFINED];
	const files = /^Max open files\s+\S+\s+(\S+)/m.exec(read("/proc/self/limits") ?? "")?.[1];
	if (files !== undefined && files !== "unlimited" && Number(files) <= LAST_FD)
		return [`the hard limit of open files is ${files}, and simulated files have numbers up to ${LAST_FD}`, "raise it: ulimit -Hn 4096"];
	return undefined;
}

function text(path: string): string | undefined {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return undefined;
	}
}
