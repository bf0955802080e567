import { ioctlByRequest } from "../../structs/index.js";
import type { DmaCapable, IoBuffer, IoctlArg, Kernel, MmapRequest, PollFd, Ret } from "../kernel/kernel.js";
import { isDmaCapable, POLLIN, POLLOUT, PROT_READ, PROT_WRITE } from "../kernel/kernel.js";
import { pollNames, toRecordedRet } from "./answer.js";
import { fdFields, VFIO_GROUP_GET_DEVICE_FD } from "./fd-fields.js";
import { NO_FILE_NAME } from "./files.js";
import type { IoctlStep } from "./format.js";
import { toHex } from "./hex.js";
import { requestName } from "./requests.js";
import type { TraceWriter } from "./writer.js";

/** A Kernel that writes down what passes through it; its `exit` ends the program in the trace. */
export interface Recording extends Kernel, Partial<DmaCapable> {
	/** Tell of a file that was open before: it is written as if it had been opened now. */
	adopt(fd: number, path: string): void;
}

/** `kernel`, with every call written to `writer`. Calls that fail and leave nothing behind, and have no place in the format, are not. */
export function recording(kernel: Kernel, writer: TraceWriter): Recording {
	return isDmaCapable(kernel) ? new RecordingDmaKernel(kernel, writer) : new RecordingKernel(kernel, writer);
}

const address = (value: bigint): string => `0x${value.toString(16)}`;

/** As a JSON number wherever that is exact. */
const integer = (value: bigint): string | number => (value <= Number.MAX_SAFE_INTEGER ? Number(value) : address(value));

class RecordingKernel<K extends Kernel = Kernel> implements Recording {
	readonly #names = new Map<number, string>();
	readonly #counts = new Map<string, number>();

	constructor(
		protected readonly kernel: K,
		protected readonly writer: TraceWriter,
	) {}

	get kind(): "real" | "sim" {
		return this.kernel.kind;
	}

	adopt(fd: number, path: string): void {
		this.writer.step({ op: "open", path, fd: this.#named(fd, kindOfPath(path)) });
	}

	open(path: string, flags?: number): Ret {
		const fd = this.kernel.open(path, flags);
		if (fd < 0) this.writer.step({ op: "open", path, ...toRecordedRet(fd) });
		else this.adopt(fd, path);
		return fd;
	}

	close(fd: number): Ret {
		const ret = this.kernel.close(fd);
		if (ret >= 0) {
			this.writer.step({ op: "close", fd: this.name(fd) });
			this.#names.delete(fd);
		}
		return ret;
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		const call = { op: "ioctl", fd: this.name(fd), request: requestName(request) } as const;
		if (typeof arg === "bigint") {
			const ret = this.kernel.ioctl(fd, request, arg);
			const value = ioctlByRequest(request)?.struct ? { arg_addr: address(arg) } : { arg_value: integer(arg) };
			this.writer.step({ ...call, ...value, ...toRecordedRet(ret) });
			return ret;
		}
		const fields = fdFields(request, arg);
		const before = Buffer.from(arg);
		const given = fields.in.filter((offset) => this.#names.has(before.readInt32LE(offset)));
		const fd_in = Object.fromEntries(given.map((offset) => [offset, this.name(before.readInt32LE(offset))]));
		const ret = this.kernel.ioctl(fd, request, arg);
		const after = Buffer.from(arg);
		for (const offset of given) {
			if (after.readInt32LE(offset) === before.readInt32LE(offset)) after.writeInt32LE(0, offset);
			before.writeInt32LE(0, offset);
		}
		const made = ret < 0 ? [] : fields.out;
		const fd_out = Object.fromEntries(made.map((offset) => [offset, this.#named(after.readInt32LE(offset), kindOfCall(call.request))]));
		for (const offset of made) after.writeInt32LE(0, offset);
		const returned = request === VFIO_GROUP_GET_DEVICE_FD && ret >= 0;
		const step: IoctlStep = {
			...call,
			arg: toHex(before),
			...(given.length > 0 && { fd_in }),
			...toRecordedRet(returned ? 0 : ret),
			...(after.equals(before) ? {} : { out: toHex(after) }),
			...(made.length > 0 && { fd_out }),
			...(returned && { ret_fd: this.#named(ret, "vfio") }),
		};
		this.writer.step(step);
		return ret;
	}

	read(fd: number, into: IoBuffer): Ret {
		const ret = this.kernel.read(fd, into);
		this.writer.step({ op: "read", fd: this.name(fd), ...this.#readAnswer(into, ret) });
		return ret;
	}

	write(fd: number, from: IoBuffer): Ret {
		const ret = this.kernel.write(fd, from);
		this.writer.step({ op: "write", fd: this.name(fd), ...writeData(from), ...toRecordedRet(ret) });
		return ret;
	}

	pread(fd: number, into: IoBuffer, offset: bigint): Ret {
		const ret = this.kernel.pread(fd, into, offset);
		this.writer.step({ op: "pread", fd: this.name(fd), offset: address(offset), ...this.#readAnswer(into, ret) });
		return ret;
	}

	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret {
		const ret = this.kernel.pwrite(fd, from, offset);
		this.writer.step({ op: "pwrite", fd: this.name(fd), offset: address(offset), ...writeData(from), ...toRecordedRet(ret) });
		return ret;
	}

	poll(fds: PollFd[], timeout: number): Ret {
		const ret = this.kernel.poll(fds, timeout);
		if (ret < 0) return ret;
		for (const { fd, events, revents } of fds) {
			const asked = events === (POLLIN | POLLOUT) ? {} : { events: pollNames(events) };
			this.writer.step({ op: "poll", fd: this.name(fd), ...asked, revents: pollNames(revents) });
		}
		return ret;
	}

	mmap(request: MmapRequest): bigint {
		const addr = this.kernel.mmap(request);
		if (addr < 0n) return addr;
		const prot = `${request.prot & PROT_READ ? "r" : ""}${request.prot & PROT_WRITE ? "w" : ""}` || "none";
		const of = request.fd === undefined ? {} : { memfd: this.name(request.fd), offset: address(request.offset ?? 0n) };
		this.writer.step({ op: "mmap", addr: address(addr), length: Number(request.length), prot, ...of });
		return addr;
	}

	munmap(addr: bigint, length: bigint): Ret {
		const ret = this.kernel.munmap(addr, length);
		if (ret >= 0) this.writer.step({ op: "munmap", addr: address(addr), length: Number(length) });
		return ret;
	}

	memfd(name: string, length: bigint): Ret {
		const fd = this.kernel.memfd(name, length);
		if (fd >= 0) this.writer.step({ op: "memfd", fd: this.#named(fd, "memfd"), length: Number(length) });
		return fd;
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		const ret = this.kernel.peek(addr, into);
		if (ret >= 0) this.writer.step({ op: "peek", addr: address(addr), length: into.length, data: toHex(into) });
		return ret;
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		const ret = this.kernel.poke(addr, from);
		if (ret >= 0) this.writer.step({ op: "poke", addr: address(addr), data: toHex(from) });
		return ret;
	}

	exit(): void {
		this.kernel.exit();
		this.#names.clear();
		this.#counts.clear();
		this.writer.end();
	}

	/** The name of a file; of a number that is none, the name that is no file's. */
	protected name(fd: number): string {
		return this.#names.get(fd) ?? NO_FILE_NAME;
	}

	#named(fd: number, kind: string): string {
		const count = (this.#counts.get(kind) ?? 0) + 1;
		this.#counts.set(kind, count);
		this.#names.set(fd, `${kind}${count}`);
		return `${kind}${count}`;
	}

	#readAnswer(into: IoBuffer, ret: Ret): { length: number; addr?: string; ret: number; errno?: string; data?: string } {
		const where = into instanceof Uint8Array ? {} : { addr: address(into.addr) };
		if (ret < 0) return { length: into.length, ...where, ...toRecordedRet(ret) };
		const data = into instanceof Uint8Array ? into.subarray(0, ret) : Buffer.alloc(ret);
		if (!(into instanceof Uint8Array)) this.kernel.peek(into.addr, data);
		return { length: into.length, ...where, ret, data: toHex(data) };
	}
}

class RecordingDmaKernel extends RecordingKernel<Kernel & DmaCapable> implements DmaCapable {
	dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		const events = this.kernel.dma(fd, dir, iova, length, buf);
		this.writer.step({ op: "dma", fd: this.name(fd), dir, iova: address(iova), length, buf, events: events.map(toHex) });
		return events;
	}
}

function writeData(from: IoBuffer): { data: string } | { addr: string; length: number } {
	return from instanceof Uint8Array ? { data: toHex(from) } : { addr: address(from.addr), length: from.length };
}

function kindOfPath(path: string): string {
	if (path === "/dev/iommu") return "iommu";
	if (path.startsWith("/dev/vfio/devices/")) return "vfio";
	return path.startsWith("/dev/vfio/") ? "group" : "file";
}

function kindOfCall(request: string): string {
	if (request === "IOMMU_FAULT_QUEUE_ALLOC") return "fault";
	return request === "IOMMU_VEVENTQ_ALLOC" ? "veventq" : request === "IOMMU_TEST_CMD" ? "access" : "file";
}
