/** Imports strace logs as steps of a trace. */
import { InputError, type Ioctl, ioctlByName, ioctlByRequest, ioctls, parseValue, type StructType } from "../../../structs/index.js";
import { errnoNumber } from "../../kernel/errno.js";
import { fdFields } from "../fd-fields.js";
import type { IoctlStep, RecordedRet, Step } from "../format.js";
import { recordedRequest } from "../requests.js";
import { parseStrace, type StraceCall, splitAt, stringBytes } from "./strace-parse.js";
import type { Skipped } from "./syz.js";

export interface StraceImport {
	readonly steps: readonly Step[];
	readonly skipped: readonly Skipped[];
}

/**
 * The steps in a strace log: opens, closes and ioctls of iommufd and VFIO files, with the logged answers. An ioctl is
 * imported if the log has its argument: bytes, a struct with its fields by name, or a number for a call that takes one.
 * All others are skipped, with the reason.
 */
export function importStrace(text: string): StraceImport {
	const run = new StraceReader();
	for (const call of parseStrace(text)) run.call(call);
	return { steps: run.steps, skipped: run.skipped };
}

class NotTaken extends Error {}

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
			const what = call.name === "ioctl" ? `ioctl ${call.args[1] ?? ""}` : call.name;
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
		const [target, request, ...rest] = call.args;
		const found = this.#request(request ?? "");
		if (found === undefined) return;
		const fd = this.#file(call.pid, target, found.number);
		if (fd === undefined) return;
		const answered = answer(call.result);
		const step = { op: "ioctl", fd, request: recordedRequest(found.number, "context"), ...answered } as const;
		const argument = rest.join(", ");
		const bytes = argumentBytes(argument, found.ioctl?.struct ?? undefined, answered.ret >= 0);
		if (bytes !== undefined) {
			this.#mapped(found.ioctl?.struct ?? undefined, bytes.given);
			this.steps.push(this.#bytesStep(call, step, found.number, bytes));
			return;
		}
		const value = /^(?:NULL|0x[0-9a-f]+|\d+)?$/.test(argument) ? BigInt(argument === "NULL" || argument === "" ? 0 : argument) : undefined;
		if (value === undefined) throw new NotTaken(`its argument (${argument.slice(0, 40)}) is not understood`);
		const takesStruct = found.ioctl === undefined || found.ioctl.size > 0;
		if (takesStruct && value !== 0n) throw new NotTaken("the log has only the address of its argument");
		this.steps.push(takesStruct ? { ...step, arg_addr: "0x0" } : { ...step, arg_value: Number(value) });
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

	/** A request by its name, both names of a number (`A or B`), `_IOC(...)`, or a number; undefined for other drivers' requests. */
	#request(text: string): { number: number; ioctl?: Ioctl } | undefined {
		for (const name of text.split(" or ")) {
			const ioctl = ioctlByName(name.trim());
			if (ioctl) return { number: ioctl.request, ioctl };
		}
		const parts = /^_IOC\(([^,]+), 0x3b, (0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+)\)$/.exec(text);
		const direction = parts === null ? 0 : (/READ/.test(parts[1]) ? 2 : 0) | (/WRITE/.test(parts[1]) ? 1 : 0);
		const value = parts
			? direction * 2 ** 30 + Number(parts[3]) * 2 ** 16 + 0x3b00 + Number(parts[2])
			: /^0x[0-9a-f]{1,8}$/.test(text)
				? Number(text)
				: undefined;
		if (value === undefined || ((value >> 8) & 0xff) !== 0x3b) return undefined;
		return { number: value, ioctl: ioctlByRequest(value) };
	}

	/** The file of an ioctl: opened in the log, or by the path that `-y` shows. */
	#file(pid: string, text: string, request: number): string | undefined {
		const path = /^\d+<([^>]*)>/.exec(text)?.[1];
		const fd = number(text);
		const known = this.#files.get(`${pid} ${fd}`);
		if (known !== undefined) return known;
		// The log does not show the open; but a request that only iommufd has can only be made on /dev/iommu.
		const guess = path ?? (request >= ioctls.IOMMU_DESTROY.request ? "/dev/iommu" : undefined);
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
		this.#files.set(`${pid} ${fd}`, `${kind}${count}`);
		return `${kind}${count}`;
	}
}

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

/** An argument's bytes before and after the call; undefined if the log has an address or a number. */
function argumentBytes(text: string, type: StructType | undefined, succeeded: boolean): { given: Buffer; after: Buffer } | undefined {
	const [before, behind] = splitAt(text, "=>");
	if (before === undefined || !/^[{"[]/.test(before)) return undefined;
	const [given, after] = [before, behind].map((piece) => (piece === undefined ? undefined : pieceBytes(piece, type)));
	if (given === undefined) return undefined;
	if (before.startsWith('"') || type === undefined) return { given: given.bytes, after: after?.bytes ?? Buffer.from(given.bytes) };
	// A struct that is printed once is printed after the call: fields that only the kernel fills were not given.
	const whole = after === undefined ? given.bytes : merged(type, given.bytes, after);
	const asked = Buffer.from(given.bytes);
	if (succeeded)
		for (const field of type.leaves)
			if (field.dir === "out" && given.named.has(field.path)) asked.fill(0, field.offset, field.offset + field.size);
	return { given: asked, after: succeeded ? whole : Buffer.from(asked) };
}

interface Piece {
	readonly bytes: Buffer;
	/** fields that the text names */
	readonly named: ReadonlySet<string>;
}

/** The text after `=>` may contain only the fields that changed. */
function merged(type: StructType, given: Buffer, after: Piece): Buffer {
	const bytes = Buffer.from(given);
	for (const field of type.leaves)
		if (after.named.has(field.path)) after.bytes.copy(bytes, field.offset, field.offset, field.offset + field.size);
	return bytes;
}

function pieceBytes(text: string, type: StructType | undefined): Piece {
	if (text.startsWith('"')) {
		const bytes = stringBytes(text);
		if (bytes === undefined) throw new NotTaken("its bytes are cut short (use a larger strace -s)");
		return { bytes, named: new Set() };
	}
	if (text.startsWith("[")) {
		// -e raw, or a plain dump: bytes between brackets
		const bytes = splitAt(text.slice(1, -1), ",").map(Number);
		if (bytes.some((byte) => !(byte >= 0 && byte <= 255))) throw new NotTaken("its bytes are not understood");
		return { bytes: Buffer.from(bytes), named: new Set() };
	}
	if (type === undefined) throw new NotTaken("its fields belong to an unknown struct");
	const named = new Set<string>();
	const bytes = Buffer.alloc(type.size);
	const fields = fieldsOf(text, "");
	if (!fields.has("size") && type.fields[0].role === "size") bytes.writeUInt32LE(type.size);
	for (const [path, value] of fields) {
		const field = type.leaves.find((leaf) => leaf.path === path);
		if (field === undefined) throw new NotTaken(`struct ${type.name} has no field ${path}`);
		named.add(path);
		const one = Buffer.from(type.encode(nested(path, parseValue(field, plain(value), path)) as never));
		one.copy(bytes, field.offset, field.offset, field.offset + field.size);
	}
	return { bytes, named };
}

/** `{a=1, b={c=2}}` by path. */
function fieldsOf(text: string, prefix: string): Map<string, string> {
	const found = new Map<string, string>();
	for (const piece of splitAt(text.replace(/^\{|\}$/g, ""), ",")) {
		const at = piece.indexOf("=");
		if (at < 0) throw new NotTaken(`its struct is cut short (${piece.slice(0, 20) || "nothing"})`);
		const [name, value] = [piece.slice(0, at).trim(), piece.slice(at + 1).trim()];
		if (value.startsWith("{")) for (const [path, inner] of fieldsOf(value, `${prefix}${name}.`)) found.set(path, inner);
		else found.set(prefix + name, value);
	}
	return found;
}

/** A value without strace's comments, paths and NULL. */
function plain(text: string): string {
	return text
		.replace(/\/\*.*?\*\//g, "")
		.replace(/^(-?\d+)<.*>$/, "$1")
		.replace(/^NULL$/, "0")
		.trim();
}

function nested(path: string, value: unknown): object {
	return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
}
