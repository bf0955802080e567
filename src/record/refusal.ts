/** Why programs cannot be recorded here, and what to do about it. */
import { closeSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { AT, type Native } from "../exec/native.js";
import { EnvironmentError } from "../kernel/environment-error.js";
import { EPERM, ESRCH, errnoName } from "../kernel/errno.js";

/** What cannot be done, and how to mend it. */
export type Refusal = readonly [message: string, hint: string];

const OUTSIDE = "run it outside of this sandbox";
const UNCONFINED = "allow it: docker run --cap-add=SYS_PTRACE --security-opt seccomp=unconfined";

const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_RET_TRACE = 0x7ff00000;
const PTRACE_SEIZE = 0x4206;
/** a number that no process has */
const NOBODY = 0x7ffffffe;
const CAP_SYS_PTRACE = 1n << 19n;
const OLDEST = [5, 3];

/** Yama's refusal; undefined: it does not refuse. */
function yama(read: (path: string) => string | undefined): Refusal | undefined {
	const scope = Number(read("/proc/sys/kernel/yama/ptrace_scope") ?? "0");
	const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(read("/proc/self/status") ?? "")?.[1] ?? "0"}`);
	if (scope === 3)
		return [
			"Yama forbids tracing programs until the next boot (kernel.yama.ptrace_scope is 3)",
			"set it to 1 in /etc/sysctl.d and boot again",
		];
	if (scope === 2 && (capabilities & CAP_SYS_PTRACE) === 0n)
		return ["Yama lets only root trace programs (kernel.yama.ptrace_scope is 2)", "run it as root, or sysctl kernel.yama.ptrace_scope=1"];
	return undefined;
}

function filters(errno: number): Refusal {
	if (errno === EPERM) return ["the seccomp profile of this container forbids seccomp filters", UNCONFINED];
	return [
		`this kernel, or the sandbox around it, has no seccomp filters: ${errnoName(errno)}`,
		"use Linux 5.3 or later, built with CONFIG_SECCOMP_FILTER; gVisor does not have them",
	];
}

/** What can be told before a program is started; undefined: nothing is in the way. `read` reads a file of the system. */
export function obstacle(native: Native, release: string, read: (path: string) => string | undefined = text): Refusal | undefined {
	const [major, minor] = release.split(".").map((word) => Number.parseInt(word, 10));
	if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
		return [`Linux ${release} does not tell a tracer which call a program is in`, "use Linux 5.3 or later"];
	native.view.setUint32(AT.data, SECCOMP_RET_TRACE, true);
	const available = native.call("seccomp", SECCOMP_GET_ACTION_AVAIL, 0, native.at(AT.data));
	if (available < 0) return filters(-available);
	const traced = native.call("ptrace", PTRACE_SEIZE, NOBODY, 0, 0);
	if (traced !== -ESRCH) return ["this container or sandbox forbids ptrace", UNCONFINED];
	if (simulated())
		return ["/dev/iommu is a simulated one here, whose calls cannot be recorded from inside", "iommuctl exec --record FILE -- PROGRAM"];
	return yama(read);
}

/** Whether this runs under `exec`: its filter takes the calls, and a tracer never sees them. */
function simulated(): boolean {
	try {
		const fd = openSync("/dev/iommu", "r");
		try {
			return readlinkSync(`/proc/self/fd/${fd}`).startsWith("/memfd:");
		} finally {
			closeSync(fd);
		}
	} catch {
		return false;
	}
}

/** The error for a program that cannot be traced. */
export function traceRefusal(errno: number): EnvironmentError {
	if (errno !== EPERM) return new EnvironmentError(`programs cannot be traced here: ptrace answers ${errnoName(errno)}`, OUTSIDE);
	return new EnvironmentError(...(yama(text) ?? (["this container or sandbox forbids ptrace", UNCONFINED] as const)));
}

/** The error for a filter that could not be made. */
export function filterRefusal(errno: number): EnvironmentError {
	return new EnvironmentError(...filters(errno));
}

function text(path: string): string | undefined {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return undefined;
	}
}
