/** Replays one program on one kernel. */
import { stackOf } from "../../structs/stack.js";
import { EnvironmentError } from "../kernel/environment-error.js";
import { EEXIST, ENOSYS } from "../kernel/errno.js";
import type { Kernel, Ret } from "../kernel/kernel.js";
import {
	failsAllocations,
	isDmaCapable,
	isEventCapable,
	isForkCapable,
	isPagingCapable,
	isReshapeCapable,
	POLLIN,
	POLLOUT,
	PROT_READ,
	PROT_WRITE,
} from "../kernel/kernel.js";
import { explains, type Why } from "../kernel/why.js";
import type { Answer } from "./answer.js";
import { isFailure, pollMask, pollNames, recordedAnswer, recordedRet } from "./answer.js";
import { FieldError } from "./check.js";
import { FileNames } from "./files.js";
import type {
	DmaStep,
	IoctlStep,
	MadviseStep,
	MmapStep,
	MprotectStep,
	MremapStep,
	OpenStep,
	PreadStep,
	PwriteStep,
	ReadStep,
	SealStep,
	Step,
	TruncateStep,
	UserfaultfdStep,
	WriteStep,
} from "./format.js";
import { hasAnswer } from "./format.js";
import { same, sameHex, scratch, scratchBytes, scratchCopy, scratchFromHex, toHex, viewOf } from "./hex.js";
import { type FdAt, fdsOf, NO_FDS, type PreparedCall, type PreparedIoctl, type PreparedMemory } from "./prepared.js";
import { requestNumber, requestStruct } from "./requests.js";

/** undefined: as recorded. Otherwise the new answer, for printing. */
type Outcome = Answer | undefined;

/**
 * Replays one program on one kernel: makes the steps' calls and compares every recorded answer. A different answer
 * never stops it; a file that could not be made answers EBADF from then on.
 */
export class ProgramReplay {
	/** steps with a recorded answer */
	steps = 0;
	/** those that were answered differently, and calls without a recorded answer (which always succeeded) that failed */
	differing = 0;
	/** steps with a recorded answer that were not run, see `blocked` */
	notCompared = 0;
	/** why the rest of the program cannot be run in this process */
	blocked: string | undefined;
	#files = new FileNames();
	/** children that have not ended, by name */
	readonly #children = new Map<string, { kernel: Kernel; files: FileNames }>();
	readonly #pollFd = { fd: 0, events: 0, revents: 0 };
	readonly #pollFds = [this.#pollFd];
	#kernel: Kernel;

	/** `mayBlock`: a program that needs memory which this process has itself is `blocked`; otherwise that step differs, as any other would */
	constructor(
		kernel: Kernel,
		readonly mayBlock = false,
	) {
		this.#kernel = kernel;
	}

	/** Makes a step's call; returns the answer if it differs from the recorded one. FieldError for a step that makes no sense here. */
	run(step: Step): Answer | undefined {
		const answers = hasAnswer(step);
		if (this.#skips(answers)) return undefined;
		// It did not return then, and would perhaps not now.
		if (step.pending) return undefined;
		let outcome: Outcome;
		try {
			outcome = step.process === undefined ? this.#attempt(step) : this.#ofChild(step, step.process);
		} catch (error) {
			outcome = crashed(error);
		}
		if (answers && this.#skips(answers)) return undefined;
		return this.#compared(outcome, answers);
	}

	/** Makes a call that is decoded already; otherwise as `run`. */
	make(call: PreparedCall): Answer | undefined {
		const answers = call.kind !== "poke";
		if (this.#skips(answers)) return undefined;
		let outcome: Outcome;
		try {
			outcome = this.#prepared(call);
		} catch (error) {
			outcome = crashed(error);
		}
		return this.#compared(outcome, answers);
	}

	/** Whether the rest of the program is not run; counts what is not compared then. */
	#skips(answers: boolean): boolean {
		if (this.blocked === undefined) return false;
		if (answers) this.notCompared++;
		return true;
	}

	#compared(outcome: Outcome, answers: boolean): Answer | undefined {
		if (answers) this.steps++;
		if (outcome === undefined) return undefined;
		this.differing++;
		return this.explained(outcome);
	}

	/** Makes a step's call; returns its answer, whatever was recorded, and why it failed where the kernel can tell. */
	answer(step: Step): Answer {
		return this.run(step) ?? this.explained(recordedAnswer(step));
	}

	/** What the last call did that its answer does not show. */
	notes(): readonly Why[] {
		return explains(this.#kernel) ? this.#kernel.notes() : [];
	}

	/** The answer to the last call with its reason. */
	explained(answer: Answer): Answer {
		const why = isFailure(answer) && explains(this.#kernel) ? this.#kernel.why(answer.ret) : undefined;
		return why === undefined ? answer : { ...answer, why };
	}

	/** Ends the program and releases everything. Counted as differing if the kernel cannot even do that. */
	end(): Answer | undefined {
		try {
			for (const { kernel } of this.#children.values()) kernel.exit();
			this.#children.clear();
			this.#kernel.exit();
			return undefined;
		} catch (error) {
			this.differing++;
			return { note: crash(error) };
		}
	}

	/** A step of a child process, or its beginning or end. */
	#ofChild(step: Step, name: string): Outcome {
		if (step.op === "fork") {
			const { kernel, files } =
				step.parent === undefined ? { kernel: this.#kernel, files: this.#files } : this.#child(step.parent, "parent");
			if (!isForkCapable(kernel)) return { note: "no child process: this kernel cannot be given a second one" };
			try {
				this.#children.set(name, { kernel: kernel.fork(name), files: files.copy() });
				return undefined;
			} catch (error) {
				if (!(error instanceof EnvironmentError)) throw error;
				return { note: error.message };
			}
		}
		const child = this.#child(name, "process");
		if (step.op === "exit") {
			this.#children.delete(name);
			child.kernel.exit();
			return undefined;
		}
		const own = { kernel: this.#kernel, files: this.#files };
		[this.#kernel, this.#files] = [child.kernel, child.files];
		try {
			return this.#attempt(step);
		} finally {
			[this.#kernel, this.#files] = [own.kernel, own.files];
		}
	}

	#child(name: string, field: string): { kernel: Kernel; files: FileNames } {
		const child = this.#children.get(name);
		if (child === undefined) throw new FieldError(field, `no earlier step made a process called ${JSON.stringify(name)}`);
		return child;
	}

	#prepared(call: PreparedCall): Outcome {
		switch (call.kind) {
			case "ioctl":
				return this.#preparedIoctl(call);
			case "peek":
				return this.#preparedPeek(call);
			case "poke":
				return this.#preparedPoke(call);
		}
	}

	#preparedIoctl({ fd, request, ret: recorded, length, kept, arg, out, fdsIn, fdsOut }: PreparedIoctl): Outcome {
		const number = this.#files.number(fd, "fd");
		const { bytes, view } = scratchCopy(kept, arg, length);
		if (fdsIn !== NO_FDS) this.#putFds(view, fdsIn);
		const ret = this.#kernel.ioctl(number, request, bytes);
		if (fdsIn !== NO_FDS) this.#unputFds(view, fdsIn, kept, arg);
		if (fdsOut !== NO_FDS) this.#takeFds(view, fdsOut, ret);
		return ret === recorded && same(kept, out, view) ? undefined : { ret, bytes: bytes.toString("hex") };
	}

	#preparedPoke({ addr, length, kept, at }: PreparedMemory): Outcome {
		return refused(this.#kernel.poke(addr, scratchCopy(kept, at, length).bytes));
	}

	#preparedPeek({ addr, length, kept, at }: PreparedMemory): Outcome {
		const { bytes, view } = scratch(length);
		const ret = this.#kernel.peek(addr, bytes);
		if (ret < 0) return { ret };
		return same(kept, at, view) ? undefined : { bytes: bytes.toString("hex") };
	}

	#attempt(step: Step): Outcome {
		switch (step.op) {
			case "ioctl":
				return step.fail_nth === undefined ? this.#ioctl(step) : this.#failing(step.fail_nth, () => this.#ioctl(step));
			case "poke":
				return refused(this.#kernel.poke(BigInt(step.addr), scratchFromHex(step.data)));
			case "peek":
				return this.#peek(step.addr, step.length, step.data);
			case "mmap":
				return this.#mmap(step);
			case "poll": {
				this.#pollFd.fd = this.#files.number(step.fd, "fd");
				this.#pollFd.events = step.events === undefined ? POLLIN | POLLOUT : pollMask(step.events);
				this.#pollFd.revents = 0;
				const ret = this.#kernel.poll(this.#pollFds, 0);
				if (ret < 0) return { ret };
				return this.#pollFd.revents === pollMask(step.revents) ? undefined : { revents: pollNames(this.#pollFd.revents) };
			}
			case "read":
			case "pread":
				return this.#read(step);
			case "write":
			case "pwrite":
				return this.#write(step);
			case "open":
				return step.fail_nth === undefined ? this.#open(step) : this.#failing(step.fail_nth, () => this.#open(step));
			case "close": {
				const fd = this.#files.number(step.fd, "fd");
				if (!this.#files.isOpen(step.fd)) return undefined;
				this.#files.forget(step.fd);
				return refused(this.#kernel.close(fd));
			}
			case "eventfd": {
				const fd = isEventCapable(this.#kernel) ? this.#kernel.eventfd(step.count) : -ENOSYS;
				this.#files.set(step.fd, fd);
				return refused(fd);
			}
			case "memfd": {
				const fd = this.#kernel.memfd(step.fd, BigInt(step.length), step.page_size);
				this.#files.set(step.fd, fd);
				return refused(fd);
			}
			case "seal":
			case "truncate":
			case "userfaultfd":
				return this.#page(step);
			case "munmap":
				return refused(this.#kernel.munmap(BigInt(step.addr), BigInt(step.length)));
			case "mprotect":
			case "madvise":
			case "mremap":
				return this.#reshape(step);
			case "dma":
				return this.#dma(step);
			case "fork":
			case "exit":
				throw new FieldError("process", `${step.op} names no process`);
		}
	}

	#ioctl(step: IoctlStep): Outcome {
		const fd = this.#files.number(step.fd, "fd");
		const request = requestNumber(step.request);
		if (step.arg === undefined) {
			const ret = this.#kernel.ioctl(fd, request, BigInt(step.arg_addr ?? step.arg_value ?? 0));
			return this.#ioctlRet(step, ret) === recordedRet(step) ? undefined : { ret };
		}
		const bytes = scratchFromHex(step.arg);
		const view = viewOf(bytes);
		const fdsIn = fdsOf(step.fd_in);
		const arg = fdsIn === NO_FDS ? view : viewOf(Uint8Array.from(bytes));
		this.#putFds(view, fdsIn);
		const ret = this.#ioctlRet(step, this.#kernel.ioctl(fd, request, bytes));
		this.#unputFds(view, fdsIn, arg, 0);
		this.#takeFds(view, fdsOf(step.fd_out), ret);
		if (step.masked !== undefined) mask(bytes, step);
		const got = bytes.toString("hex");
		return ret === recordedRet(step) && sameHex(got, step.out ?? step.arg) ? undefined : { ret, bytes: got };
	}

	#open(step: OpenStep): Outcome {
		const fd = this.#kernel.open(step.path);
		if (step.fd !== undefined) this.#files.set(step.fd, fd);
		if (step.ret === undefined) return refused(fd);
		return fd === recordedRet(step as { ret: number }) ? undefined : fd < 0 ? { ret: fd } : { note: "a file" };
	}

	/** Makes a call whose `nth` allocation failed when it was recorded. */
	#failing(nth: number, call: () => Outcome): Outcome {
		if (!failsAllocations(this.#kernel)) {
			this.blocked = `allocation ${nth} of a call failed when it was recorded, and this kernel's do not fail on request`;
			return undefined;
		}
		this.#kernel.failNth(nth);
		try {
			return call();
		} finally {
			this.#kernel.failNth(0);
		}
	}

	/** A returned file is recorded as 0, and known by its name from now on. */
	#ioctlRet(step: IoctlStep, ret: Ret): Ret {
		if (step.ret_fd === undefined) return ret;
		this.#files.set(step.ret_fd, ret);
		return ret < 0 ? ret : 0;
	}

	#putFds(view: DataView, fds: readonly FdAt[]): void {
		for (const { at, name } of fds) view.setInt32(at, this.#files.number(name, "fd_in"), true);
	}

	/** The kernel leaves the descriptors in the struct as they are; the recording has `arg`'s own bytes there, which are in `kept` at `arg`. */
	#unputFds(view: DataView, fds: readonly FdAt[], kept: DataView, arg: number): void {
		for (const { at, name } of fds)
			if (view.getInt32(at, true) === this.#files.number(name, "fd_in")) view.setInt32(at, kept.getInt32(arg + at, true), true);
	}

	#takeFds(view: DataView, fds: readonly FdAt[], ret: Ret): void {
		for (const { at, name } of fds) {
			this.#files.set(name, ret < 0 ? ret : view.getInt32(at, true));
			if (ret >= 0) view.setInt32(at, 0, true);
		}
	}

	#read(step: ReadStep | PreadStep): Outcome {
		const fd = this.#files.number(step.fd, "fd");
		const bytes = scratchBytes(step.length);
		const into = step.addr === undefined ? bytes : { addr: BigInt(step.addr), length: step.length };
		const ret = step.op === "pread" ? this.#kernel.pread(fd, into, BigInt(step.offset)) : this.#kernel.read(fd, into);
		if (ret < 0) return ret === recordedRet(step) ? undefined : { ret };
		const got = bytes.subarray(0, ret);
		if (step.addr !== undefined) this.#kernel.peek(BigInt(step.addr), got);
		const hex = got.toString("hex");
		return ret === recordedRet(step) && sameHex(hex, step.data ?? "") ? undefined : { ret, bytes: hex };
	}

	#write(step: WriteStep | PwriteStep): Outcome {
		const fd = this.#files.number(step.fd, "fd");
		const from = step.addr === undefined ? scratchFromHex(step.data ?? "") : { addr: BigInt(step.addr), length: step.length ?? 0 };
		const ret = step.op === "pwrite" ? this.#kernel.pwrite(fd, from, BigInt(step.offset)) : this.#kernel.write(fd, from);
		return ret === recordedRet(step) ? undefined : { ret };
	}

	#peek(addr: string | number, length: number, data: string): Outcome {
		const bytes = scratchBytes(length);
		const ret = this.#kernel.peek(BigInt(addr), bytes);
		if (ret < 0) return { ret };
		const got = bytes.toString("hex");
		return sameHex(got, data) ? undefined : { bytes: got };
	}

	#mmap(step: MmapStep): Outcome {
		const addr = BigInt(step.addr);
		const prot = protOf(step.prot);
		const fd = step.memfd === undefined ? undefined : this.#files.number(step.memfd, "memfd");
		const offset = fd === undefined ? undefined : BigInt(step.offset ?? 0);
		const { page_size: pageSize, populate } = step;
		const got = this.#kernel.mmap({ addr, length: BigInt(step.length), prot, fd, offset, pageSize, populate });
		if (got === addr) return undefined;
		if (this.mayBlock && got === BigInt(-EEXIST) && this.#kernel.kind === "real") {
			// When it was recorded the program had nothing there, so it has nothing there now: what is there is this process's own.
			this.blocked = `iommuctl's own memory is where the program maps ${step.length} bytes at 0x${addr.toString(16)}`;
			return undefined;
		}
		return got < 0n ? { ret: Number(got) } : { note: `memory at 0x${got.toString(16)}` };
	}

	#page(step: SealStep | TruncateStep | UserfaultfdStep): Outcome {
		const kernel = this.#kernel;
		if (!isPagingCapable(kernel)) return { note: `no ${step.op}: this kernel does not have it` };
		if (step.op === "userfaultfd") {
			const fd = kernel.userfaultfd();
			this.#files.set(step.fd, fd);
			return refused(fd);
		}
		const fd = this.#files.number(step.fd, "fd");
		const ret = step.op === "seal" ? kernel.addSeals(fd, step.seals) : kernel.truncate(fd, BigInt(step.length));
		return ret === recordedRet(step) ? undefined : { ret };
	}

	#reshape(step: MprotectStep | MadviseStep | MremapStep): Outcome {
		const kernel = this.#kernel;
		if (!isReshapeCapable(kernel)) return { note: `no ${step.op}: this kernel cannot change memory that is mapped` };
		const [addr, length] = [BigInt(step.addr), BigInt(step.length)];
		if (step.op === "mprotect") return refused(kernel.mprotect(addr, length, protOf(step.prot)));
		if (step.op === "madvise") return refused(kernel.madvise(addr, length, step.advice));
		const to = BigInt(step.new_addr);
		const got = kernel.mremap(addr, length, BigInt(step.new_length), to === addr ? 0n : to);
		if (got === to) return undefined;
		return got < 0n ? { ret: Number(got) } : { note: `memory at 0x${got.toString(16)}` };
	}

	#dma(step: DmaStep): Outcome {
		const fd = this.#files.number(step.fd, "fd");
		if (!isDmaCapable(this.#kernel)) return { note: "no DMA: this kernel has no device that does DMA on request" };
		const events = this.#kernel.dma(fd, step.dir, BigInt(step.iova), step.length, step.buf ?? 0).map(toHex);
		const recorded = step.events;
		if (recorded === undefined) return undefined;
		return events.length === recorded.length && events.every((event, i) => sameHex(event, recorded[i])) ? undefined : { events };
	}
}

const protOf = (text: string): number => (text.includes("r") ? PROT_READ : 0) | (text.includes("w") ? PROT_WRITE : 0);

/** What a call that threw comes to: a step that makes no sense here is the trace's fault. */
function crashed(error: unknown): Answer {
	if (error instanceof FieldError) throw error;
	return { note: crash(error) };
}

/** A kernel that throws has a bug; the replay goes on and shows it. */
function crash(error: unknown): string {
	return `a crash of the kernel: ${stackOf(error).split("\n").slice(0, 4).join(" ").replaceAll(/\s+/g, " ")}`;
}

/** A call that always succeeded when it was recorded. */
function refused(ret: Ret): Outcome {
	return ret < 0 ? { ret } : undefined;
}

function mask(bytes: Buffer, step: IoctlStep): void {
	const fields = requestStruct(step.request)?.leaves ?? [];
	for (const field of fields) if (step.masked?.includes(field.path)) bytes.fill(0, field.offset, field.offset + field.size);
}
