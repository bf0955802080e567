/** Writes every call that a program makes into a trace. */
import { groupCalls, ioctlByRequest } from "../../structs/index.js";
import { DeviceFiles } from "../kernel/device-files.js";
import type { DmaCapable, FailsAllocations, IoBuffer, IoctlArg, Kernel, Ret } from "../kernel/kernel.js";
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
	tellsWaits,
} from "../kernel/kernel.js";
import { wrapKernel } from "../kernel/wrap.js";
import { pollNames, toRecordedRet } from "./answer.js";
import { fdFields } from "./fd-fields.js";
import { NO_FILE_NAME } from "./files.js";
import type { IoctlStep, Step } from "./format.js";
import { toHex } from "./hex.js";
import { recordedRequest } from "./requests.js";

/** A Kernel that records the calls made through it; its `exit` ends the program in the trace. */
export interface Recording extends Kernel, Partial<DmaCapable & FailsAllocations> {
	/** Announces a file that was already open: it is recorded as if it had been opened now. */
	adopt(fd: number, path: string): void;
}

/** Takes the calls of a program as they are made; a TraceWriter is one. */
export interface StepSink {
	/** A call is made now: the members of its step that are known before, first ones first. `step` or `abandon` follows. */
	begin?(part: { readonly op: Step["op"]; readonly process?: string }): void;
	/** That call is not recorded. */
	abandon?(): void;
	step(step: Step): void;
	/** The program ends. */
	end(): void;
}

const address = (value: bigint): string => `0x${value.toString(16)}`;

/** As a JSON number if that is exact. */
const integer = (value: bigint): string | number => (value <= Number.MAX_SAFE_INTEGER ? Number(value) : address(value));

const protText = (prot: number): string => `${prot & PROT_READ ? "r" : ""}${prot & PROT_WRITE ? "w" : ""}` || "none";

/** The names of a program's open files: their kind and a number. */
class OpenFiles {
	readonly #names: Map<number, string>;
	readonly #counts: Map<string, number>;
	/** which of them are VFIO devices' */
	readonly devices: DeviceFiles<number>;
	readonly #isChild: boolean;

	/** @param parent whose files a child process has too; names differ over all processes */
	constructor(parent?: OpenFiles) {
		this.#names = new Map(parent ? parent.#names : []);
		this.#counts = parent ? parent.#counts : new Map();
		this.#isChild = parent !== undefined;
		this.devices = new DeviceFiles(parent?.devices);
	}

	has(fd: number): boolean {
		return this.#names.has(fd);
	}

	/** The name of a file, or NO_FILE_NAME for a number that no file has. */
	name(fd: number): string {
		return this.#names.get(fd) ?? NO_FILE_NAME;
	}

	/** A name for a file that is open from now on. */
	add(fd: number, kind: string): string {
		const count = (this.#counts.get(kind) ?? 0) + 1;
		this.#counts.set(kind, count);
		this.#names.set(fd, `${kind}${count}`);
		return `${kind}${count}`;
	}

	remove(fd: number): void {
		this.#names.delete(fd);
		this.devices.closed(fd);
	}

	clear(): void {
		this.#names.clear();
		this.devices.clear();
		if (!this.#isChild) this.#counts.clear();
	}
}

/** Makes an ioctl; returns it as a step and what the kernel returned. */
function recordedIoctl(
	kernel: Kernel,
	files: OpenFiles,
	writer: StepSink,
	fd: number,
	request: number,
	arg: IoctlArg,
): { step: IoctlStep; ret: Ret } {
	const file = files.devices.kind(fd);
	const call = { op: "ioctl", fd: files.name(fd), request: recordedRequest(request, file) } as const;
	if (typeof arg === "bigint") {
		const value = ioctlByRequest(request, file)?.struct ? { arg_addr: address(arg) } : { arg_value: integer(arg) };
		writer.begin?.({ ...call, ...value });
		const ret = kernel.ioctl(fd, request, arg);
		return { step: { ...call, ...value, ...toRecordedRet(ret) }, ret };
	}
	const fields = fdFields(request, arg);
	const before = Buffer.from(arg);
	const given = fields.in.filter((offset) => files.has(before.readInt32LE(offset)));
	const fd_in = Object.fromEntries(given.map((offset) => [offset, files.name(before.readInt32LE(offset))]));
	const numbers = given.map((offset) => before.readInt32LE(offset));
	for (const offset of given) before.writeInt32LE(0, offset);
	const known = { ...call, arg: toHex(before), ...(given.length > 0 && { fd_in }) };
	writer.begin?.(known);
	const ret = kernel.ioctl(fd, request, arg);
	const after = Buffer.from(arg);
	for (const [at, offset] of given.entries()) if (after.readInt32LE(offset) === numbers[at]) after.writeInt32LE(0, offset);
	const made = ret < 0 ? [] : fields.out;
	const fd_out = Object.fromEntries(made.map((offset) => [offset, files.add(after.readInt32LE(offset), fields.makes ?? "file")]));
	for (const offset of made) after.writeInt32LE(0, offset);
	const returned = request === groupCalls.VFIO_GROUP_GET_DEVICE_FD && ret >= 0;
	if (returned) files.devices.returned(ret);
	const step: IoctlStep = {
		...known,
		...toRecordedRet(returned ? 0 : ret),
		...(after.equals(before) ? {} : { out: toHex(after) }),
		...(made.length > 0 && { fd_out }),
		...(returned && { ret_fd: files.add(ret, "vfio") }),
	};
	return { step, ret };
}

/**
 * `kernel`, with every call written to `writer`, except for calls that fail without any effect and that the format cannot express,
 * and those that wait for another thread, which the simulated kernel cannot let wait.
 * @param keepWaiting those are written all the same
 */
export function recording(kernel: Kernel, writer: StepSink, { keepWaiting = false } = {}): Recording {
	return recordingOf(kernel, writer, new OpenFiles(), keepWaiting);
}

function recordingOf(kernel: Kernel, writer: StepSink, files: OpenFiles, keepWaiting: boolean): Recording {
	let failing = 0;
	const adopt = (fd: number, path: string, failed = 0): void => {
		writer.step({ op: "open", path, fd: files.add(fd, kindOfPath(path)), ...(failed !== 0 && { fail_nth: failed }) });
		files.devices.opened(fd, path);
	};
	const answered = (step: Step): void => {
		if (!keepWaiting && tellsWaits(kernel) && kernel.waits() !== undefined) writer.abandon?.();
		else writer.step(step);
	};
	return wrapKernel(kernel, {
		adopt,
		open(path, flags) {
			const fd = kernel.open(path, flags);
			if (fd < 0) writer.step({ op: "open", path, ...toRecordedRet(fd), ...(failing !== 0 && { fail_nth: failing }) });
			else adopt(fd, path, failing);
			return fd;
		},
		close(fd) {
			const step = { op: "close", fd: files.name(fd) } as const;
			writer.begin?.(step);
			const ret = kernel.close(fd);
			if (ret >= 0) {
				writer.step(step);
				files.remove(fd);
			} else writer.abandon?.();
			return ret;
		},
		ioctl(fd, request, arg) {
			const { step, ret } = recordedIoctl(kernel, files, writer, fd, request, arg);
			answered(failing === 0 ? step : { ...step, fail_nth: failing });
			return ret;
		},
		read(fd, into) {
			const call = { op: "read", fd: files.name(fd), ...readTarget(into) } as const;
			writer.begin?.(call);
			const ret = kernel.read(fd, into);
			answered({ ...call, ...readAnswer(kernel, into, ret) });
			return ret;
		},
		write(fd, from) {
			const call = { op: "write", fd: files.name(fd), ...writeData(from) } as const;
			writer.begin?.(call);
			const ret = kernel.write(fd, from);
			answered({ ...call, ...toRecordedRet(ret) });
			return ret;
		},
		pread(fd, into, offset) {
			const call = { op: "pread", fd: files.name(fd), offset: address(offset), ...readTarget(into) } as const;
			writer.begin?.(call);
			const ret = kernel.pread(fd, into, offset);
			answered({ ...call, ...readAnswer(kernel, into, ret) });
			return ret;
		},
		pwrite(fd, from, offset) {
			const call = { op: "pwrite", fd: files.name(fd), offset: address(offset), ...writeData(from) } as const;
			writer.begin?.(call);
			const ret = kernel.pwrite(fd, from, offset);
			answered({ ...call, ...toRecordedRet(ret) });
			return ret;
		},
		poll(fds, timeout) {
			const ret = kernel.poll(fds, timeout);
			if (ret < 0) return ret;
			for (const { fd, events, revents } of fds) {
				const asked = events === (POLLIN | POLLOUT) ? {} : { events: pollNames(events) };
				writer.step({ op: "poll", fd: files.name(fd), ...asked, revents: pollNames(revents) });
			}
			return ret;
		},
		mmap(request) {
			const addr = kernel.mmap(request);
			if (addr < 0n) return addr;
			const prot = protText(request.prot);
			const of = request.fd === undefined ? {} : { memfd: files.name(request.fd), offset: address(request.offset ?? 0n) };
			const huge = request.pageSize === undefined ? {} : { page_size: request.pageSize };
			const populate = request.populate ? { populate: true as const } : {};
			writer.step({ op: "mmap", addr: address(addr), length: Number(request.length), prot, ...of, ...huge, ...populate });
			return addr;
		},
		munmap(addr, length) {
			const ret = kernel.munmap(addr, length);
			if (ret >= 0) writer.step({ op: "munmap", addr: address(addr), length: Number(length) });
			return ret;
		},
		...(isEventCapable(kernel) && {
			eventfd(count: number): Ret {
				const fd = kernel.eventfd(count);
				if (fd >= 0) writer.step({ op: "eventfd", fd: files.add(fd, "eventfd"), count });
				return fd;
			},
		}),
		memfd(name, length, pageSize) {
			const fd = kernel.memfd(name, length, pageSize);
			const huge = pageSize === undefined ? {} : { page_size: pageSize };
			if (fd >= 0) writer.step({ op: "memfd", fd: files.add(fd, "memfd"), length: Number(length), ...huge });
			return fd;
		},
		peek(addr, into) {
			const ret = kernel.peek(addr, into);
			if (ret >= 0) writer.step({ op: "peek", addr: address(addr), length: into.length, data: toHex(into) });
			return ret;
		},
		poke(addr, from) {
			const ret = kernel.poke(addr, from);
			if (ret >= 0) writer.step({ op: "poke", addr: address(addr), data: toHex(from) });
			return ret;
		},
		exit() {
			kernel.exit();
			files.clear();
			writer.end();
		},
		...(failsAllocations(kernel) && {
			failNth(n: number): boolean {
				failing = n;
				return kernel.failNth(n);
			},
		}),
		...(isReshapeCapable(kernel) && {
			mprotect(addr: bigint, length: bigint, prot: number): Ret {
				const ret = kernel.mprotect(addr, length, prot);
				if (ret >= 0) writer.step({ op: "mprotect", addr: address(addr), length: Number(length), prot: protText(prot) });
				return ret;
			},
			madvise(addr: bigint, length: bigint, advice: number): Ret {
				const ret = kernel.madvise(addr, length, advice);
				if (ret >= 0) writer.step({ op: "madvise", addr: address(addr), length: Number(length), advice });
				return ret;
			},
			mremap(addr: bigint, length: bigint, newLength: bigint, to: bigint): bigint {
				const at = kernel.mremap(addr, length, newLength, to);
				if (at >= 0n)
					writer.step({ op: "mremap", addr: address(addr), length: Number(length), new_addr: address(at), new_length: Number(newLength) });
				return at;
			},
		}),
		...(isPagingCapable(kernel) && {
			addSeals(fd: number, seals: number): Ret {
				const ret = kernel.addSeals(fd, seals);
				writer.step({ op: "seal", fd: files.name(fd), seals, ...toRecordedRet(ret) });
				return ret;
			},
			truncate(fd: number, length: bigint): Ret {
				const ret = kernel.truncate(fd, length);
				writer.step({ op: "truncate", fd: files.name(fd), length: Number(length), ...toRecordedRet(ret) });
				return ret;
			},
			userfaultfd(): Ret {
				const fd = kernel.userfaultfd();
				if (fd >= 0) writer.step({ op: "userfaultfd", fd: files.add(fd, "userfaultfd") });
				return fd;
			},
		}),
		...(isForkCapable(kernel) && {
			fork(name: string): Kernel {
				writer.step({ op: "fork", process: name });
				return recordingOf(kernel.fork(name), ofProcess(writer, name), new OpenFiles(files), keepWaiting);
			},
		}),
		...(isDmaCapable(kernel) && {
			dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
				const events = kernel.dma(fd, dir, iova, length, buf);
				writer.step({ op: "dma", fd: files.name(fd), dir, iova: address(iova), length, buf, events: events.map(toHex) });
				return events;
			},
		}),
	});
}

/** Takes the steps of a child process, which name it before anything that is known only after a call. */
function ofProcess(writer: StepSink, process: string): StepSink {
	return {
		begin: ({ op, ...rest }) => writer.begin?.({ op, process, ...rest }),
		abandon: () => writer.abandon?.(),
		step(step) {
			// A fork's process is the new one.
			if (step.op === "fork") writer.step({ ...step, parent: step.parent ?? process });
			else {
				const { op, ...rest } = step;
				writer.step({ op, process, ...rest } as Step);
			}
		},
		end: () => writer.step({ op: "exit", process }),
	};
}

/** Where a read is to put its bytes: an address where the program has them. */
const readTarget = (into: IoBuffer): { length: number; addr?: string } =>
	into instanceof Uint8Array ? { length: into.length } : { length: into.length, addr: address(into.addr) };

/** The result of a read, with the bytes. */
function readAnswer(kernel: Kernel, into: IoBuffer, ret: Ret): { ret: number; errno?: string; data?: string } {
	if (ret < 0) return toRecordedRet(ret);
	const data = into instanceof Uint8Array ? into.subarray(0, ret) : Buffer.alloc(ret);
	if (!(into instanceof Uint8Array)) kernel.peek(into.addr, data);
	return { ret, data: toHex(data) };
}

function writeData(from: IoBuffer): { data: string } | { addr: string; length: number } {
	return from instanceof Uint8Array ? { data: toHex(from) } : { addr: address(from.addr), length: from.length };
}

/** What files of this path are called in a trace, before their number. */
export function kindOfPath(path: string): string {
	if (path === "/dev/iommu") return "iommu";
	if (path.startsWith("/dev/vfio/devices/")) return "vfio";
	return path.startsWith("/dev/vfio/") ? "group" : "file";
}
