/** Imports strace logs as steps of a trace. */
import { InputError, ioctls, type StructType } from "../../../structs/index.js";
import { errnoNumber } from "../../kernel/errno.js";
import { fdFields } from "../fd-fields.js";
import type { IoctlStep, RecordedRet, Step } from "../format.js";
import { recordedRequest } from "../requests.js";
import { argumentBytes, NotTaken } from "./strace-arguments.js";
import { parseStrace, type StraceCall, stringBytes } from "./strace-parse.js";
import { type FileKind, kindOfFile, type Request, requestIn } from "./strace-requests.js";
import type { Skipped } from "./syz.js";

export interface StraceImport {
	readonly steps: readonly Step[];
	readonly skipped: readonly Skipped[];
}

/**
 * The steps in a strace log: opens, closes and ioctls of iommufd's and VFIO devices' files, with the logged answers. An ioctl is
 * imported if the log has its argument: bytes, a struct with its fields by name, or a number for a call that takes one (or none).
 * All others are skipped, with the reason: nothing is made up.
 */
export function importStrace(text: string): StraceImport {
	const run = new StraceReader();
	for (const call of parseStrace(text)) run.call(call);
	return { steps: run.steps, skipped: run.skipped };
}

interface Mapping {
	readonly addr: bigint;
	readonly length: bigint;
	readonly prot: string;
	taken: boolean;
}

class StraceReader {
	readonly steps: Step[] = [];
	readonly skipped: Skipped[] = [];
	/** by process and number */
	readonly #files = new Map<string, string>();
	readonly #kinds = new Map<string, FileKind>();
	/** files on which a call was made that was not taken over */
	readonly #lost = new Set<string>();
	/** files that a call returned that was not taken over */
	readonly #unknown = new Set<string>();
	readonly #counts = new Map<string, number>();
	readonly #mappings: Mapping[] = [];

	call(call: StraceCall): void {
		try {
			if (call.name === "openat" || call.name === "open") this.#open(call);
			else if (call.name === "close") this.#close(call);
			else if (call.name === "mmap") this.#mmap(call);
			else if (call.name === "ioctl") this.#ioctl(call);
		} catch (error) {
			if (!(error instanceof NotTaken) && !(error instanceof InputError)) throw error;
			const [target = "", text = ""] = call.args;
			const what = call.name === "ioctl" ? `ioctl ${requestIn(text, this.#kind(call.pid, target))?.name ?? text}` : call.name;
			this.skipped.push({ line: call.line, what, why: error.message });
		}
	}

	#open({ name, args, result, pid }: StraceCall): void {
		const path = stringBytes(args[name === "openat" ? 1 : 0] ?? "")?.toString() ?? "";
		if (!isOurs(path)) return;
		const { ret, errno } = answer(result);
		this.steps.push(ret === -1 ? { op: "open", path, ret, errno } : { op: "open", path, fd: this.#named(pid, ret, path) });
	}

	#close({ args, result, pid }: StraceCall): void {
		const key = `${pid} ${number(args[0])}`;
		const name = this.#files.get(key);
		if (name === undefined || answer(result).ret === -1) return;
		this.#files.delete(key);
		this.#kinds.delete(key);
		this.steps.push({ op: "close", fd: name });
	}

	/** Kept until a call points there: most of a process's mappings do not concern iommufd. */
	#mmap({ args, result }: StraceCall): void {
		const addr = /^0x[0-9a-f]+/.exec(result)?.[0];
		if (addr === undefined || !/MAP_ANON/.test(args[3] ?? "")) return;
		const prot = `${/PROT_READ/.test(args[2]) ? "r" : ""}${/PROT_WRITE/.test(args[2]) ? "w" : ""}` || "none";
		this.#mappings.push({ addr: BigInt(addr), length: BigInt(args[1]), prot, taken: false });
	}

	#ioctl(call: StraceCall): void {
		const [target = "", text = "", ...rest] = call.args;
		const kind = this.#kind(call.pid, target);
		const request = requestIn(text, kind);
		if (request === undefined) {
			if (kind !== undefined) throw new NotTaken("this request is not known");
			return;
		}
		try {
			const fd = this.#file(call.pid, target, request);
			if (fd !== undefined) this.#taken(call, fd, request, rest.join(", "));
		} catch (error) {
			// What comes after it on this file may depend on what it did.
			if (!/^-1 /.test(call.result)) this.#lost.add(fileKey(call.pid, target));
			if (request.name === "VFIO_GROUP_GET_DEVICE_FD" && /^\d/.test(call.result)) this.#unknown.add(fileKey(call.pid, call.result));
			throw error;
		}
	}

	#taken(call: StraceCall, fd: string, request: Request, argument: string): void {
		const answered = answer(call.result);
		const struct = request.ioctl?.struct ?? undefined;
		const named = recordedRequest(request.number, request.kind === "device" ? "device" : "context");
		const step = { op: "ioctl", fd, request: named, ...answered } as const;
		const bytes = request.takes === "number" ? undefined : argumentBytes(argument, struct, answered.ret >= 0);
		if (bytes !== undefined) {
			this.#mapped(struct, bytes.given);
			this.steps.push(this.#bytesStep(call, step, request.number, bytes));
			return;
		}
		const value = /^(?:NULL|0x[0-9a-f]+|\d+)?$/.test(argument) ? BigInt(argument === "NULL" || argument === "" ? 0 : argument) : undefined;
		if (value === undefined) throw new NotTaken(`its argument (${argument.slice(0, 40)}) is not understood`);
		if (request.takes === "address") {
			if (argument === "") throw new NotTaken("the log does not have its argument");
			if (value !== 0n) throw new NotTaken("the log has only the address of its argument");
			this.steps.push({ ...step, arg_addr: "0x0" });
			return;
		}
		if (this.#lost.has(fileKey(call.pid, call.args[0])))
			throw new NotTaken("it comes after a call on this file that was not taken over, and may depend on it");
		this.steps.push({ ...step, arg_value: value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `0x${value.toString(16)}` });
	}

	#bytesStep(
		call: StraceCall,
		step: Omit<IoctlStep, "arg">,
		request: number,
		{ given, after }: { given: Buffer; after: Buffer },
	): IoctlStep {
		const fields = fdFields(request, given);
		const fd_in: Record<string, string> = {};
		const fd_out: Record<string, string> = {};
		for (const offset of fields.in) {
			const name = this.#files.get(`${call.pid} ${given.readInt32LE(offset)}`);
			if (name === undefined) continue;
			fd_in[offset] = name;
			given.writeInt32LE(0, offset);
			after.writeInt32LE(0, offset);
		}
		for (const offset of step.ret < 0 ? [] : fields.out) {
			fd_out[offset] = this.#named(call.pid, after.readInt32LE(offset), step.request);
			after.writeInt32LE(0, offset);
		}
		return {
			...step,
			arg: given.toString("hex"),
			...(Object.keys(fd_in).length > 0 && { fd_in }),
			...(!after.equals(given) && { out: after.toString("hex") }),
			...(Object.keys(fd_out).length > 0 && { fd_out }),
		};
	}

	/** Emits the earlier mappings that the bytes point to. */
	#mapped(type: StructType | undefined, bytes: Buffer): void {
		for (const field of type?.leaves ?? []) {
			if (field.role !== "ptr" || field.offset + 8 > bytes.length) continue;
			const addr = bytes.readBigUInt64LE(field.offset);
			const mapping = this.#mappings.findLast((one) => addr >= one.addr && addr < one.addr + one.length);
			if (mapping === undefined || mapping.taken) continue;
			mapping.taken = true;
			this.steps.push({ op: "mmap", addr: `0x${mapping.addr.toString(16)}`, length: Number(mapping.length), prot: mapping.prot });
		}
	}

	/** What kind of file a call is made on, as far as the log says; undefined: not one of iommufd or VFIO, or not known. */
	#kind(pid: string, target: string): FileKind | undefined {
		const path = pathIn(target);
		return this.#kinds.get(fileKey(pid, target)) ?? (path === undefined ? undefined : kindOfFile(path));
	}

	/** The file of an ioctl: opened in the log, or by the path that `-y` shows. */
	#file(pid: string, text: string, request: Request): string | undefined {
		if (request.kind === "group") throw new NotTaken("calls on groups are not taken over");
		const path = pathIn(text);
		const fd = number(text);
		const key = fileKey(pid, text);
		const known = this.#files.get(key);
		if (known !== undefined) return known;
		if (this.#unknown.has(key)) throw new NotTaken("its file was returned by a call that was not taken over");
		// The log does not show the open; but a request that only iommufd has can only be made on /dev/iommu.
		const guess = path ?? (request.number >= ioctls.IOMMU_DESTROY.request ? "/dev/iommu" : undefined);
		if (guess === undefined || !isOurs(guess)) {
			if (path !== undefined) return undefined;
			throw new NotTaken(`the log does not say which file ${fd} is (use strace -y)`);
		}
		const name = this.#named(pid, fd, guess);
		this.steps.push({ op: "open", path: guess, fd: name });
		return name;
	}

	#named(pid: string, fd: number, what: string): string {
		const kind = /^\/dev\/(iommu|vfio)/.exec(what)?.[1] ?? /_(FAULT|VEVENT|TEST)/.exec(what)?.[1].toLowerCase() ?? "file";
		const count = (this.#counts.get(kind) ?? 0) + 1;
		this.#counts.set(kind, count);
		const key = `${pid} ${fd}`;
		this.#files.set(key, `${kind}${count}`);
		const fileKind = kindOfFile(what);
		if (fileKind !== undefined) this.#kinds.set(key, fileKind);
		this.#lost.delete(key);
		this.#unknown.delete(key);
		return `${kind}${count}`;
	}
}

/** A file of a process, by its number. */
const fileKey = (pid: string, text = ""): string => `${pid} ${/^\d+/.exec(text)?.[0] ?? ""}`;

/** `/dev/iommu` in `9</dev/iommu<char 10:124>>` */
const pathIn = (text: string): string | undefined => /^\d+<([^<>]*)/.exec(text)?.[1];

const isOurs = (path: string): boolean => path === "/dev/iommu" || path.startsWith("/dev/vfio/");

function number(text = ""): number {
	const digits = /^-?\d+/.exec(text)?.[0];
	if (digits === undefined) throw new NotTaken(`"${text}" is not a file descriptor`);
	return Number(digits);
}

function answer(result: string): RecordedRet {
	const errno = /^-1 (E[A-Z0-9]+)/.exec(result)?.[1];
	if (errno !== undefined) {
		if (errnoNumber(errno) === undefined) throw new NotTaken(`${errno} is not an errno`);
		return { ret: -1, errno: errno === "EOPNOTSUPP" ? "ENOTSUP" : errno };
	}
	const value = /^(?:0x[0-9a-f]+|\d+)/.exec(result)?.[0];
	if (value === undefined) throw new NotTaken("the log does not show its answer");
	return { ret: Number(value) };
}
