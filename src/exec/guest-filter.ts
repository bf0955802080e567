/** The filter of programs that run on the simulated kernel. */
import type { Arch, SyscallName } from "./arch.js";
import { KVM_SET_DEVICE_ATTR } from "./calls/kvm.js";
import { STAT_CALLS } from "./calls/stat.js";
import { buildFilter, SECCOMP_RET_USER_NOTIF } from "./filter.js";

const ALWAYS: readonly SyscallName[] = [
	"open",
	"openat",
	"openat2",
	"munmap",
	"mremap",
	"execve",
	"execveat",
	"close_range",
	"exit_group",
	...STAT_CALLS,
];

/** Calls that take an offset as their fourth argument. */
const AT_OFFSETS: readonly SyscallName[] = ["pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2"];
const IO: readonly SyscallName[] = ["fstat", "lseek", "read", "write", "readv", "writev", ...AT_OFFSETS];

/** `anyDescriptor`: reads, writes and mappings stop on every descriptor. */
export function guestFilter(arch: Arch, anyDescriptor: boolean): Uint8Array {
	return buildFilter(arch, {
		action: SECCOMP_RET_USER_NOTIF,
		always: anyDescriptor ? [...ALWAYS, ...IO] : ALWAYS,
		requests: [KVM_SET_DEVICE_ATTR],
		onFiles: anyDescriptor ? ["dup", "close"] : ["dup", "close", ...IO],
		onEither: ["dup2", "dup3"],
		fixedMappings: true,
		// Not where a thread of ours starts the program: a thread ends with this call, when this process may wait for its end already.
		droppedPages: anyDescriptor,
		farOffsets: AT_OFFSETS,
		fileMappings: anyDescriptor,
	});
}
