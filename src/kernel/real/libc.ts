/** C functions as prepared calls: their arguments are in one fixed block, and errno is read at its address. */
import { EnvironmentError } from "../environment-error.js";
import type { Ffi, FfiBindings } from "./ffi.js";

/** The functions that are called, and how many arguments each takes (all passed as 64-bit words). */
const functions = {
	_exit: 1,
	close: 1,
	eventfd: 2,
	fcntl: 3,
	ftruncate: 2,
	ioctl: 3,
	madvise: 3,
	memfd_create: 2,
	mmap: 6,
	mprotect: 3,
	mremap: 5,
	munmap: 2,
	open: 3,
	pipe2: 2,
	poll: 3,
	prctl: 5,
	pread: 4,
	pwrite: 4,
	read: 3,
	sched_setaffinity: 3,
	/** the number first; it returns a long, of which `call` keeps 32 bits */
	syscall: 7,
	waitid: 4,
	write: 3,
} as const;

export type FunctionName = keyof typeof functions;

/** One argument: an int or a size as a (signed) number, or a word of 64 bits. */
export type Word = number | bigint;

type Words<Count extends number, Found extends Word[] = []> = Found["length"] extends Count ? Found : Words<Count, [...Found, Word]>;

/** As many as the function takes: a missing one would have the value that an earlier call left there. */
export type Arguments<Name extends FunctionName> = Words<(typeof functions)[Name]>;

/** A prepared call. */
export interface Prepared {
	readonly cif: Uint8Array;
	readonly fn: Uint8Array;
}

const MAX_ARGS = 7;
/** Byte offsets in the block. */
const POINTERS = 64;
const RESULT = 128;
const CIFS = 192;
const NAME = 4096 - 64;

/** Index of the result in `Libc.words`. */
export const RESULT_WORD = RESULT / 4;

export class Libc {
	/** the arguments, as 64-bit words */
	readonly args: BigUint64Array;
	/** the whole block in 32-bit words: argument i at 2i, the result at RESULT_WORD */
	readonly words: Int32Array;
	/** errno of this thread, at its own address: any code that runs after a call may change it, so read it at once */
	readonly errno: Int32Array;
	readonly result: Uint8Array;
	readonly pointers: Uint8Array;
	readonly ffiCall: FfiBindings["ffi_call"];
	readonly prepared: Readonly<Record<FunctionName, Prepared>>;
	#ffi: Ffi;
	#result64: BigInt64Array;
	/** native code keeps addresses into this, so it lives as long as this object and is never exposed */
	#block = new ArrayBuffer(4096);
	readonly #address: bigint;
	#used = CIFS;

	constructor(ffi: Ffi) {
		this.#ffi = ffi;
		this.ffiCall = ffi.bindings.ffi_call;
		this.args = new BigUint64Array(this.#block, 0, MAX_ARGS);
		this.words = new Int32Array(this.#block);
		this.pointers = this.#bytes(POINTERS, MAX_ARGS * 8);
		this.result = this.#bytes(RESULT, 8);
		this.#result64 = new BigInt64Array(this.#block, RESULT, 1);
		ffi.ref.writePointer(this.result, 0, this.#bytes(0, 4096));
		this.#address = this.#result64[0];
		const pointers = new BigInt64Array(this.#block, POINTERS, MAX_ARGS);
		for (let i = 0; i < MAX_ARGS; i++) pointers[i] = this.#address + BigInt(i * 8);
		const cifs = Array.from({ length: MAX_ARGS + 1 }, (_, count) => this.#prepare(count));
		const entries = this.#resolve(["__errno_location", ...Object.keys(functions)], cifs[2]);
		this.ffiCall(cifs[0], entries.get("__errno_location") as Buffer, this.result, this.pointers);
		const errno = ffi.ref.readPointer(this.result, 0, 4);
		this.errno = new Int32Array(errno.buffer, errno.byteOffset, 1);
		const calls = Object.entries(functions).map(([name, count]) => [name, { cif: cifs[count], fn: entries.get(name) }]);
		this.prepared = Object.fromEntries(calls) as Record<FunctionName, Prepared>;
	}

	/** Calls a function with a 32-bit result. Returns the value, or minus the errno. */
	call<Name extends FunctionName>(name: Name, ...given: Arguments<Name>): number {
		this.#place(given);
		const { cif, fn } = this.prepared[name];
		this.ffiCall(cif, fn, this.result, this.pointers);
		const errno = this.errno[0];
		const value = this.words[RESULT_WORD];
		return value === -1 ? -errno : value;
	}

	/** The same for an address: user addresses never have their top bit set, so a negative result is an errno. */
	callForAddress<Name extends FunctionName>(name: Name, ...given: Arguments<Name>): bigint {
		this.#place(given);
		const { cif, fn } = this.prepared[name];
		this.ffiCall(cif, fn, this.result, this.pointers);
		const errno = this.errno[0];
		const value = this.#result64[0];
		return value === -1n ? BigInt(-errno) : value;
	}

	/**
	 * Calls a function on a thread of libuv's pool, which may block there. Resolves to its 32-bit result (-1 if it failed:
	 * errno is that thread's and cannot be read). Calls on this thread may be made meanwhile.
	 */
	callLater<Name extends FunctionName>(name: Name, ...given: Arguments<Name>): Promise<number> {
		const { cif, fn } = this.prepared[name];
		const block = new BigInt64Array(2 * MAX_ARGS + 1);
		const bytes = Buffer.from(block.buffer);
		this.#ffi.ref.writePointer(bytes, 0, bytes);
		const start = block[0];
		(given as readonly Word[]).forEach((word, i) => {
			block[MAX_ARGS + i] = start + BigInt(i * 8);
			block[i] = BigInt(word);
		});
		const result = bytes.subarray(16 * MAX_ARGS);
		return new Promise((resolve) => {
			this.#ffi.bindings.ffi_call_async(cif, fn, result, bytes.subarray(8 * MAX_ARGS, 16 * MAX_ARGS), () =>
				resolve(Number(BigInt.asIntN(32, block[2 * MAX_ARGS]))),
			);
		});
	}

	/** Writes all 64 bits of each: a function may read them all, and the upper half of an old address would remain. */
	#place(given: readonly Word[]): void {
		const { args, words } = this;
		for (let i = 0; i < given.length; i++) {
			const word = given[i];
			if (typeof word === "bigint") args[i] = word;
			else {
				words[2 * i] = word;
				words[2 * i + 1] = Math.floor(word / 2 ** 32);
			}
		}
	}

	/** A view of `length` bytes of memory at `address`, which must stay mapped. */
	view(address: bigint, length: number): Buffer {
		this.#result64[0] = address;
		return this.#ffi.ref.readPointer(this.result, 0, length);
	}

	/** The address of bytes, which must not be in V8's own heap (an ArrayBuffer's are not), and must be kept alive. */
	addressOf(bytes: Uint8Array): bigint {
		this.#ffi.ref.writePointer(this.result, 0, bytes);
		return this.#result64[0];
	}

	/** Stores a name of up to 63 bytes where C can read it, until the next one. Returns its address. */
	name(text: string): bigint {
		this.#bytes(NAME, 64).write(`${text}\0`, "latin1");
		return this.#address + BigInt(NAME);
	}

	#bytes(offset: number, length: number): Buffer {
		return Buffer.from(this.#block, offset, length);
	}

	/** Room in the block for `length` bytes. */
	#take(length: number): Buffer {
		const at = this.#used;
		this.#used += (length + 15) & ~15;
		return this.#bytes(at, length);
	}

	/** A call interface of `count` 64-bit arguments and a 64-bit result. */
	#prepare(count: number): Uint8Array {
		const { ref, bindings } = this.#ffi;
		const cif = this.#take(bindings.FFI_CIF_SIZE);
		const types = this.#take(8 * Math.max(count, 1));
		for (let i = 0; i < count; i++) ref.writePointer(types, i * 8, bindings.FFI_TYPES.uint64);
		const status = bindings.ffi_prep_cif(cif, count, bindings.FFI_TYPES.int64, types, bindings.FFI_DEFAULT_ABI);
		if (status !== bindings.FFI_OK) {
			throw new EnvironmentError(`FFI does not work here: ffi_prep_cif returns ${status}`, "use the simulated kernel (--kernel sim)");
		}
		return cif;
	}

	/** The addresses of functions, as buffers that begin there. */
	#resolve(names: readonly string[], cif: Uint8Array): Map<string, Buffer> {
		const { bindings } = this.#ffi;
		const addresses = new Map<string, bigint>();
		for (const name of names) {
			this.args[0] = 0n; // RTLD_DEFAULT
			this.args[1] = this.name(name);
			this.ffiCall(cif, bindings.StaticFunctions.dlsym, this.result, this.pointers);
			if (this.#result64[0] === 0n) {
				throw new EnvironmentError(
					`this system's C library has no ${name}`,
					"a glibc of 2.27 or later is needed; or use the simulated kernel (--kernel sim)",
				);
			}
			addresses.set(name, this.#result64[0]);
		}
		// V8 counts each of ref-napi's views as a GiB and collects garbage at once, so there is one view of the library, cut up.
		const [lowest] = [...addresses.values()].sort((a, b) => (a < b ? -1 : 1));
		const library = this.view(lowest, 1);
		const entries = new Map<string, Buffer>();
		for (const [name, address] of addresses) {
			const distance = address - lowest;
			const near = distance < BigInt(library.buffer.byteLength - library.byteOffset - 1);
			entries.set(name, near ? Buffer.from(library.buffer, library.byteOffset + Number(distance), 1) : this.view(address, 1));
		}
		return entries;
	}
}
