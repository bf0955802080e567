/** System calls of this process by their names, and a piece of memory to exchange structs through. */
import { EnvironmentError } from "../kernel/environment-error.js";
import { loadFfi } from "../kernel/real/ffi.js";
import { Libc, type Word } from "../kernel/real/libc.js";
import { type Arch, archNamed, type SyscallName } from "./arch.js";

/** bytes */
const SCRATCH = 0x200000;

/** Where things are in the scratch memory, in bytes from its start. */
export const AT = {
	notification: 0,
	response: 128,
	addFd: 192,
	local: 256,
	remote: 272,
	pair: 288,
	limits: 304,
	events: 512,
	idle: 1792,
	query: 2048,
	text: 4096,
	data: 0x4000,
} as const;

/** bytes at `AT.data` */
export const DATA_ROOM = SCRATCH - AT.data;
const TEXT_ROOM = AT.data - AT.text;

export class Native {
	readonly arch: Arch;
	readonly libc: Libc;
	/** the scratch memory */
	readonly bytes: Buffer;
	readonly view: DataView;
	readonly address: bigint;

	/** @throws EnvironmentError */
	constructor() {
		const arch = archNamed(process.arch);
		if (arch === undefined) throw new EnvironmentError(`programs cannot be run on ${process.arch}`, "use x86-64 or arm64");
		this.arch = arch;
		this.libc = new Libc(loadFfi());
		// Not a view of native memory: V8 collects garbage at each of those.
		this.bytes = Buffer.from(new ArrayBuffer(SCRATCH));
		this.address = this.libc.addressOf(this.bytes);
		this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, SCRATCH);
	}

	/** The address of an offset in the scratch memory. */
	at(offset: number): bigint {
		return this.address + BigInt(offset);
	}

	/** The number of a call, which this architecture must have. */
	number(name: SyscallName): number {
		const number = this.arch.numbers.get(name);
		if (number === undefined) throw new Error(`${this.arch.name} has no ${name}`);
		return number;
	}

	/** Makes a system call. Its result (32 bits), or minus the errno. */
	call(name: SyscallName, a: Word = 0, b: Word = 0, c: Word = 0, d: Word = 0, e: Word = 0, f: Word = 0): number {
		return this.libc.call("syscall", this.number(name), a, b, c, d, e, f);
	}

	/** The same on a thread of its own; -1 for any error. */
	callLater(name: SyscallName, a: Word = 0, b: Word = 0, c: Word = 0, d: Word = 0, e: Word = 0, f: Word = 0): Promise<number> {
		return this.libc.callLater("syscall", this.number(name), a, b, c, d, e, f);
	}

	/** Copies out of another process's memory. Number of bytes, or minus the errno. */
	remote(tid: number, addr: bigint, into: Uint8Array): number {
		const { view } = this;
		view.setBigUint64(AT.local, this.at(AT.data), true);
		view.setBigUint64(AT.local + 8, BigInt(into.length), true);
		view.setBigUint64(AT.remote, addr, true);
		view.setBigUint64(AT.remote + 8, BigInt(into.length), true);
		const got = this.call("process_vm_readv", tid, this.at(AT.local), 1, this.at(AT.remote), 1, 0);
		if (got > 0) into.set(this.bytes.subarray(AT.data, AT.data + got));
		return got;
	}

	/** Copies `length` bytes at an offset of the scratch memory into another process's memory. Number of bytes, or minus the errno. */
	toRemote(tid: number, addr: bigint, from: number, length: number): number {
		const { view } = this;
		view.setBigUint64(AT.local, this.at(from), true);
		view.setBigUint64(AT.local + 8, BigInt(length), true);
		view.setBigUint64(AT.remote, addr, true);
		view.setBigUint64(AT.remote + 8, BigInt(length), true);
		return this.call("process_vm_writev", tid, this.at(AT.local), 1, this.at(AT.remote), 1, 0);
	}

	/** Places a C string, which stays until the next one. Its address. */
	text(text: string): bigint {
		const written = this.bytes.write(text, AT.text, TEXT_ROOM - 1);
		this.bytes[AT.text + written] = 0;
		return this.at(AT.text);
	}
}

let usual: Native | undefined;

/** That of this thread. @throws EnvironmentError */
export function native(): Native {
	usual ??= new Native();
	return usual;
}
