/** The child's view of its parent: its open files and its memory, as they are now. */
import type { Ret } from "../../kernel.js";
import { numberOf } from "../../syscall-numbers.js";
import { DATA } from "../arena.js";
import { system } from "../system.js";

export class ParentProcess {
	readonly #pid = process.ppid;
	readonly #pidfd: Ret;

	constructor() {
		const { libc } = system();
		// The C library may be older than the call.
		this.#pidfd = libc.call("syscall", numberOf("pidfd_open"), this.#pid, 0, 0, 0, 0, 0);
	}

	/** Whether it has ended: another process has become this one's parent. */
	get gone(): boolean {
		return process.ppid !== this.#pid;
	}

	/** Opens what the parent has open: the same open file, under a number of this process. Returns it, or minus the errno. */
	file(fd: number): Ret {
		if (this.#pidfd < 0) return this.#pidfd;
		return system().libc.call("syscall", numberOf("pidfd_getfd"), this.#pidfd, fd, 0, 0, 0, 0);
	}

	/** Copies memory of the parent to the same address here, where it can be written. Returns 0 or minus the errno. */
	copy(addr: bigint, length: bigint): Ret {
		const { libc, arena } = system();
		const range = new BigUint64Array(arena.bytes.buffer, arena.bytes.byteOffset + DATA, 2);
		range[0] = addr;
		range[1] = length;
		const at = arena.address + BigInt(DATA);
		const ret = libc.call("syscall", numberOf("process_vm_readv"), this.#pid, at, 1, at, 1, 0);
		return Math.min(ret, 0);
	}
}
