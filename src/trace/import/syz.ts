/** Imports syzkaller programs by running them on a kernel. */
import type { FieldInfo } from "../../../structs/index.js";
import type { Kernel } from "../../kernel/kernel.js";
import { PROT_READ, PROT_WRITE } from "../../kernel/kernel.js";
import { type Pointee, SYZ_BASE, SYZ_SIZE, type SyzCall, syzCalls } from "../export/syz-calls.js";
import { parseSyz, type SyzArg, type SyzLine } from "./syz-parse.js";

/** A line that was not imported, and why. */
export interface Skipped {
	readonly line: number;
	readonly what: string;
	readonly why: string;
}

export interface Imported {
	/** calls that were made */
	readonly calls: number;
	readonly skipped: readonly Skipped[];
}

/** Where the program's data area is placed; syzkaller puts it into the lower half too. */
const AREA = 0x20000000n;
/** Data without an address of its own goes into the area's last quarter. */
const AUTO_FROM = (SYZ_SIZE / 4n) * 3n;
const NO_FILE = -1n;

/**
 * Runs a syzkaller program on `kernel` (for example one that records): its openat, close, and the ioctls that
 * dev_iommu.txt describes. The others are skipped; their results have the values that the text gives.
 * InputError for text that is not a program.
 */
export function importSyz(text: string, file: string, kernel: Kernel): Imported {
	const lines = parseSyz(text, file);
	const area = kernel.mmap({ addr: AREA, length: SYZ_SIZE, prot: PROT_READ | PROT_WRITE });
	const run = new Run(kernel, area < 0n ? undefined : area);
	for (const line of lines) run.line(line);
	kernel.exit();
	return { calls: run.calls, skipped: run.skipped };
}

/** Why a call cannot be made. */
class NotMade extends Error {}

class Run {
	calls = 0;
	readonly skipped: Skipped[] = [];
	readonly #variables = new Map<string, bigint>();
	#auto = AUTO_FROM;
	readonly #kernel: Kernel;
	readonly #area: bigint | undefined;

	constructor(kernel: Kernel, area: bigint | undefined) {
		this.#kernel = kernel;
		this.#area = area;
	}

	line(line: SyzLine): void {
		for (const property of line.properties) this.#skip(line, `(${property}) has no meaning here`);
		try {
			const answer = this.#call(line);
			this.calls++;
			if (line.variable !== undefined) this.#variables.set(line.variable, answer < 0 ? NO_FILE : BigInt(answer));
		} catch (error) {
			if (!(error instanceof NotMade)) throw error;
			this.#skip(line, error.message);
		}
	}

	#skip({ line, name }: SyzLine, why: string): void {
		this.skipped.push({ line, what: name, why });
	}

	#call({ name, args }: SyzLine): number {
		if (name === "openat$iommufd") return this.#kernel.open("/dev/iommu");
		if (name === "close") return this.#kernel.close(this.#file(args[0]));
		const described = name.startsWith("ioctl$") ? syzCalls.find((call) => call.name === name.slice("ioctl$".length)) : undefined;
		if (described === undefined) throw new NotMade("is not a known call");
		const file = this.#file(args[0]);
		const { request } = described.ioctl;
		if (described.argument === "none") return this.#kernel.ioctl(file, request, 0n);
		if (described.argument === "value") return this.#kernel.ioctl(file, request, this.#number(args[2]));
		const [, , arg] = args;
		if (arg?.kind !== "pointer") return this.#kernel.ioctl(file, request, this.#number(arg));
		if (arg.arg === undefined) return this.#kernel.ioctl(file, request, this.#address(arg));
		const bytes = this.#struct(described, arg.arg);
		const ret = this.#kernel.ioctl(file, request, bytes);
		this.#results(described, arg.arg, bytes, ret);
		return ret;
	}

	#struct(call: SyzCall, arg: SyzArg): Buffer {
		if (arg.kind === "data") return Buffer.from(arg.bytes);
		if (arg.kind !== "list") throw new NotMade("its argument is not a struct");
		const given = arg.items[0] === undefined ? 0 : Number(this.#number(arg.items[0]));
		// A struct that claims a larger size gets it, filled with zeroes.
		const bytes = Buffer.alloc(Math.max(call.size, Math.min(given, 4096)));
		call.fields.forEach((field, at) => {
			const item = arg.items[at];
			if (item === undefined || item.kind === "auto") return;
			const pointee = call.pointees.find((one) => one.field === field.path);
			write(bytes, field, item.kind === "pointer" ? this.#place(item, pointee) : this.#number(item));
		});
		return bytes;
	}

	#results(call: SyzCall, arg: SyzArg, bytes: Buffer, ret: number): void {
		if (arg.kind !== "list") return;
		call.fields.forEach((field, at) => {
			const item = arg.items[at];
			if (item?.kind === "result") this.#variables.set(item.name, ret < 0 ? this.#number(item.arg) : readField(bytes, field));
		});
	}

	/** A pointer's address, with its contents written there. */
	#place(arg: SyzArg & { kind: "pointer" }, pointee: Pointee | undefined): bigint {
		const contents = arg.arg === undefined ? undefined : this.#contents(arg.arg, pointee);
		const addr = this.#address(arg, contents?.length);
		if (contents !== undefined && contents.length > 0 && this.#kernel.poke(addr, contents) < 0) {
			throw new NotMade(`its data does not fit in the memory at 0x${addr.toString(16)}`);
		}
		return addr;
	}

	#contents(arg: SyzArg, pointee: Pointee | undefined): Buffer {
		if (arg.kind === "data") return arg.bytes;
		if (arg.kind === "list" && pointee?.type !== undefined) {
			const { leaves, size } = pointee.type;
			const isArray = pointee.count !== undefined;
			const records = isArray ? arg.items : [arg];
			const bytes = Buffer.alloc(records.length * size);
			records.forEach((record, index) => {
				if (record.kind !== "list") return;
				leaves.forEach((field, at) => {
					if (record.items[at] !== undefined)
						write(bytes, { ...field, offset: index * size + field.offset }, this.#number(record.items[at]));
				});
			});
			return bytes;
		}
		throw new NotMade("one of its pointers points to something unknown");
	}

	#address({ addr, size }: SyzArg & { kind: "pointer" }, length = Number(size ?? 0n)): bigint {
		if (this.#area === undefined) throw new NotMade("there is no memory for its data");
		if (addr === undefined) {
			const at = this.#auto;
			this.#auto += (BigInt(Math.max(length, 1)) + 15n) & ~15n;
			if (this.#auto > SYZ_SIZE) throw new NotMade("there is no room left for its data");
			return this.#area + at;
		}
		// The text may also contain other addresses: only those in the data area are moved.
		return addr >= SYZ_BASE && addr < SYZ_BASE + SYZ_SIZE ? addr - SYZ_BASE + this.#area : addr;
	}

	#file(arg: SyzArg | undefined): number {
		return Number(BigInt.asIntN(32, this.#number(arg)));
	}

	#number(arg: SyzArg | undefined): bigint {
		switch (arg?.kind) {
			case undefined:
			case "auto":
				return 0n;
			case "number":
				return arg.value;
			case "variable":
				return (this.#variables.get(arg.name) ?? NO_FILE) / (arg.divide || 1n) + arg.add;
			case "result":
				return this.#number(arg.arg);
			case "union":
				return this.#number(arg.arg);
			case "pointer":
				return this.#address(arg);
			default:
				throw new NotMade("one of its numbers is not a number");
		}
	}
}

function write(bytes: Buffer, field: FieldInfo, value: bigint): void {
	let rest = BigInt.asUintN(field.size * 8, value);
	for (let at = 0; at < field.size && field.offset + at < bytes.length; at++) {
		bytes[field.offset + at] = Number(rest & 0xffn);
		rest >>= 8n;
	}
}

function readField(bytes: Buffer, field: FieldInfo): bigint {
	let value = 0n;
	for (let at = field.size - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[field.offset + at] ?? 0);
	return value;
}
