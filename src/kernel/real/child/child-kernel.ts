/** A child process on the real kernel: its calls are made by another process of iommuctl. */
import { EnvironmentError } from "../../environment-error.js";
import { EEXIST } from "../../errno.js";
import type { EventCapable, IoBuffer, IoctlArg, Kernel, MmapRequest, PagingCapable, PollFd, ReshapeCapable, Ret } from "../../kernel.js";
import type { OwnedRange } from "../owned-memory.js";
import { copyMemory, type Inherited, inheritedMemory } from "./memory.js";
import type { Answer, Request } from "./messages.js";
import { type Started, startProcess } from "./start.js";

/** How often a child is started until the parent's addresses are free in it. */
const TRIES = 8;

/**
 * Starts a child: the same open files, and a copy of the memory. Node cannot fork, so it is a new process that gets them.
 * @throws EnvironmentError
 */
export function forkProgram(name: string, files: readonly number[], memory: readonly OwnedRange[]): ChildKernel {
	const ranges = inheritedMemory(memory, files);
	for (let left = TRIES; ; left--) {
		const child = new ChildKernel(name, startProcess("--kernel-process", files));
		const ret = child.inherit(files, ranges);
		if (ret === 0) return child;
		child.exit();
		if (ret === -EEXIST && left > 1) continue;
		throw new EnvironmentError(
			`process ${name} cannot have the memory of this one: errno ${-ret}`,
			"free memory that it does not need before the block",
		);
	}
}

export class ChildKernel implements Kernel, EventCapable, ReshapeCapable, PagingCapable {
	readonly kind = "real";
	readonly #name: string;
	readonly #process: Started;
	#over = false;

	constructor(name: string, started: Started) {
		this.#name = name;
		this.#process = started;
	}

	/** Takes over files and memory. Returns 0 or minus the errno. @throws EnvironmentError */
	inherit(files: readonly number[], ranges: readonly Inherited[]): Ret {
		const ret = this.#call<Ret>("inherit", files, ranges);
		if (ret < 0) return ret;
		try {
			copyMemory(ranges, this.#process.pid);
		} catch (error) {
			this.exit();
			throw new EnvironmentError(
				`process ${this.#name} cannot get a copy of the memory: ${(error as Error).message}`,
				"run as root, or let processes look into their children (kernel.yama.ptrace_scope)",
			);
		}
		return this.#call<Ret>("protect", ranges);
	}

	open(path: string, flags?: number): Ret {
		return this.#call("open", path, flags);
	}

	close(fd: number): Ret {
		return this.#call("close", fd);
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		return this.#call("ioctl", fd, request, arg);
	}

	read(fd: number, into: IoBuffer): Ret {
		return this.#call("read", fd, into);
	}

	write(fd: number, from: IoBuffer): Ret {
		return this.#call("write", fd, from);
	}

	pread(fd: number, into: IoBuffer, offset: bigint): Ret {
		return this.#call("pread", fd, into, offset);
	}

	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret {
		return this.#call("pwrite", fd, from, offset);
	}

	poll(fds: PollFd[], timeout: number): Ret {
		return this.#call("poll", fds, timeout);
	}

	mmap(request: MmapRequest): bigint {
		return this.#call("mmap", request);
	}

	munmap(addr: bigint, length: bigint): Ret {
		return this.#call("munmap", addr, length);
	}

	mprotect(addr: bigint, length: bigint, prot: number): Ret {
		return this.#call("mprotect", addr, length, prot);
	}

	madvise(addr: bigint, length: bigint, advice: number): Ret {
		return this.#call("madvise", addr, length, advice);
	}

	mremap(addr: bigint, length: bigint, newLength: bigint, to: bigint): bigint {
		return this.#call("mremap", addr, length, newLength, to);
	}

	memfd(name: string, length: bigint, pageSize?: number): Ret {
		return this.#call("memfd", name, length, pageSize);
	}

	addSeals(fd: number, seals: number): Ret {
		return this.#call("addSeals", fd, seals);
	}

	truncate(fd: number, length: bigint): Ret {
		return this.#call("truncate", fd, length);
	}

	userfaultfd(): Ret {
		return this.#call("userfaultfd");
	}

	eventfd(count: number): Ret {
		return this.#call("eventfd", count);
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		return this.#call("peek", addr, into);
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		return this.#call("poke", addr, from);
	}

	/** Ends the process as _exit(2) does: whatever it still has open or mapped is the kernel's to clean up. */
	exit(): void {
		if (this.#over) return;
		this.#over = true;
		const { channel } = this.#process;
		channel.send(["exit"] satisfies Request);
		channel.close();
		this.#process.ended();
	}

	/** @throws EnvironmentError if the process is gone */
	#call<Result extends number | bigint>(call: string, ...given: unknown[]): Result {
		const { channel } = this.#process;
		const answer = (this.#over || !channel.send([call, ...given] satisfies Request) ? undefined : channel.receive()) as Answer | undefined;
		if (answer === undefined) {
			this.exit();
			throw new EnvironmentError(`process ${this.#name} has ended before its block`, "was it killed? the kernel's log may say why");
		}
		const { ret, changed } = answer;
		for (const [at, after] of changed) {
			const before = given[at];
			if (before instanceof Uint8Array) before.set(after as Uint8Array);
			else for (const [index, one] of (before as PollFd[]).entries()) one.revents = (after as PollFd[])[index].revents;
		}
		return ret as Result;
	}
}
