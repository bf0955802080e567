/** Imports the C reproducers that syzkaller prints, by running their stores and calls on a kernel. */
import { ioctlByRequest } from "../../../structs/index.js";
import { failsAllocations, type Kernel } from "../../kernel/kernel.js";
import { CMemory } from "./c-memory.js";
import { argumentsOf, numberIn, type Statement, statementsOf, stringOf } from "./c-statements.js";
import { type Imported, MOST_RERUNS, type Skipped } from "./syz.js";
import { NotMade, readField } from "./syz-bytes.js";

/** Whether a text is a C program that makes system calls by number. */
export const isCReproducer = (text: string): boolean => /\bsyscall\s*\(\s*(?:__NR_|SYS_)\w+/.test(text);

/**
 * Runs a C reproducer on `kernel`: the memory that it maps, what it stores there, and the opens, closes and ioctls of files of iommufd
 * and VFIO. Its other system calls are skipped.
 */
export function importC(text: string, kernel: Kernel): Imported {
	const statements = statementsOf(text);
	const run = new CRun(kernel, resultsOf(text));
	// main() maps the memory, and stands below the function that makes the calls.
	for (const one of statements) run.mapping(one);
	for (const one of statements) run.statement(one);
	kernel.exit();
	return run;
}

/** The initial values of the results: `uint64_t r[2] = {0xffffffffffffffff, 0x0};` */
function resultsOf(text: string): bigint[] {
	const listed = /\br\[\d+\]\s*=\s*\{([^}]*)\}/.exec(text)?.[1] ?? "";
	return argumentsOf(listed).map((one) => numberIn(one, []) ?? 0n);
}

const CALL = /^(?:(?:intptr_t |long |int )?res = )?syscall\( ?(?:__NR_|SYS_)(\w+)(?:, (.*))?\)$/;
const STORE = /^\*\( ?u?int(8|16|32|64)(?:_t)? ?\* ?\) ?(0x\w+) = (.*)$/;
const RESULT = /^r\[(\d+)\] = (.*)$/;
const LOAD = /^\*\( ?u?int(8|16|32|64)(?:_t)? ?\* ?\) ?(\w+)$/;
const PROT_WRITE_READ = 3;

class CRun implements Imported {
	calls = 0;
	readonly skipped: Skipped[] = [];
	readonly notes: Skipped[] = [];
	readonly #kernel: Kernel;
	readonly #memory: CMemory;
	readonly #results: bigint[];
	#res = -1n;
	/** the block after `if (res != -1)` is left out */
	#leaving = false;
	#failNth = 0;
	#again = 1;

	constructor(kernel: Kernel, results: bigint[]) {
		this.#kernel = kernel;
		this.#memory = new CMemory(kernel);
		this.#results = results;
	}

	mapping({ text }: Statement): void {
		const [, name, rest] = CALL.exec(text) ?? [];
		if (name !== "mmap") return;
		const [addr, length, prot, flags] = argumentsOf(rest ?? "").map((one) => this.#value(one));
		// MAP_ANONYMOUS | MAP_FIXED
		if (addr === undefined || length === undefined || prot === undefined || ((flags ?? 0n) & 0x30n) !== 0x30n) return;
		this.#memory.map(addr, length, Number(prot) & PROT_WRITE_READ);
	}

	statement({ line, text: whole }: Statement): void {
		const text = /^NONFAILING\((.*)\)$/.exec(whole.replace(/^(?:case \d+: ?)+/, ""))?.[1] ?? whole.replace(/^(?:case \d+: ?)+/, "");
		if (text === "}") this.#leaving = false;
		if (this.#leaving) return;
		const guarded = /^if \(\(?(?:int\)?)?\(?res\)? != -1\) ?(.*)$/.exec(text);
		if (guarded) {
			if (guarded[1] !== "" && this.#res >= 0n) this.statement({ line, text: guarded[1] });
			this.#leaving = guarded[1] === "" && this.#res < 0n;
			return;
		}
		try {
			this.#simple(line, text);
		} catch (error) {
			if (!(error instanceof NotMade)) throw error;
			this.skipped.push({ line, what: CALL.exec(text)?.[1] ?? text.slice(0, 40), why: error.message });
		}
	}

	#simple(line: number, text: string): void {
		const loop = /^for \(int i = 0; i < (\d{1,6}); i\+\+\)$/.exec(text);
		const inject = /^inject_fault\((\d{1,6})\)$/.exec(text);
		const store = STORE.exec(text);
		const result = RESULT.exec(text);
		const call = CALL.exec(text);
		const filled = /^(memcpy|memset)\(\( ?void ?\* ?\) ?(0x\w+), (.*), (\w+)\)$/s.exec(text);
		if (loop) this.#again = Number(loop[1]);
		else if (inject) this.#failNth = Number(inject[1]);
		else if (call) this.#repeated(line, call[1], argumentsOf(call[2] ?? ""));
		else if (store) this.#store(store[2], this.#number(store[3]), Number(store[1]) / 8);
		else if (filled) this.#fill(filled[1], filled[2], filled[3], filled[4]);
		else if (text.startsWith("STORE_BY_BITMASK(")) this.#bits(argumentsOf(text.slice("STORE_BY_BITMASK(".length, -1)));
		else if (result) this.#keep(Number(result[1]), result[2]);
		else if (text !== "{" && text !== "}") this.#again = 1;
	}

	#repeated(line: number, name: string, args: readonly string[]): void {
		const times = Math.min(this.#again, MOST_RERUNS);
		if (times < this.#again) this.notes.push({ line, what: name, why: `in a loop of ${this.#again}: it was made ${times} times` });
		this.#again = 1;
		for (let at = 0; at < times; at++) this.#failing(line, name, args);
	}

	#failing(line: number, name: string, args: readonly string[]): void {
		const [nth, kernel] = [this.#failNth, this.#kernel];
		this.#failNth = 0;
		if (nth === 0 || !failsAllocations(kernel)) {
			if (nth > 0) this.notes.push({ line, what: name, why: `inject_fault(${nth}): this kernel's allocations do not fail on request` });
			this.#call(name, args);
			return;
		}
		kernel.failNth(nth);
		try {
			this.#call(name, args);
		} finally {
			const failed = kernel.failNth(0);
			const why = `inject_fault(${nth}): ${failed ? `its allocation ${nth} was made to fail` : `it makes fewer than ${nth} allocations here`}`;
			this.notes.push({ line, what: name, why });
		}
	}

	#call(name: string, args: readonly string[]): void {
		if (name === "mmap") return;
		const kernel = this.#kernel;
		if (name === "openat" || name === "open") {
			const path = this.#text(this.#number(args[name === "openat" ? 1 : 0]));
			if (!/^\/dev\/(?:iommu$|vfio\/)/.test(path)) throw new NotMade(`${path || "its path"} is not a file of iommufd or VFIO`);
			this.#answer(kernel.open(path));
		} else if (name === "close") this.#answer(kernel.close(this.#file(args[0])));
		else if (name === "ioctl") this.#answer(this.#ioctl(args));
		else throw new NotMade("is not a known call");
	}

	#ioctl(args: readonly string[]): number {
		const request = Number(BigInt.asUintN(32, this.#number(args[1])));
		if (((request >> 8) & 0xff) !== 0x3b) throw new NotMade(`0x${request.toString(16)} is not a request of iommufd or VFIO`);
		const fd = this.#file(args[0]);
		const arg = BigInt.asUintN(64, args[2] === undefined ? 0n : this.#number(args[2]));
		const size = this.#sizeAt(request, arg);
		const bytes = size === 0 ? undefined : this.#memory.load(arg, size);
		if (bytes === undefined) {
			this.#memory.flush();
			return this.#kernel.ioctl(fd, request, arg);
		}
		this.#memory.flush(arg, size);
		const ret = this.#kernel.ioctl(fd, request, bytes);
		this.#memory.store(arg, bytes, true);
		return ret;
	}

	/** How many bytes a call's struct has there: as many as its first field says, at least as many as the uAPI's. */
	#sizeAt(request: number, arg: bigint): number {
		const struct = ioctlByRequest(request)?.struct;
		if (!struct) return 0;
		const given = this.#memory.load(arg, 4)?.readUInt32LE() ?? 0;
		return given > struct.size && given <= 4096 ? given : Math.max(4, Math.min(given || struct.size, struct.size));
	}

	#answer(ret: number): void {
		this.calls++;
		this.#res = BigInt(ret < 0 ? -1 : ret);
	}

	#store(addr: string, value: bigint, size: number): void {
		const bytes = Buffer.alloc(8);
		bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
		this.#put(addr, bytes.subarray(0, size));
	}

	#put(addr: string, bytes: Uint8Array): void {
		if (!this.#memory.store(this.#number(addr), bytes)) throw new NotMade(`the program has no memory at ${addr}`);
	}

	#fill(how: string, addr: string, what: string, length: string): void {
		const size = Number(this.#number(length));
		if (!(size >= 0 && size <= 1 << 24)) throw new NotMade(`${length} is too much`);
		const bytes = how === "memset" ? Buffer.alloc(size, Number(this.#number(what) & 0xffn)) : stringOf(what)?.subarray(0, size);
		if (bytes === undefined) throw new NotMade("what it copies is not a string");
		this.#put(addr, bytes);
	}

	/** `STORE_BY_BITMASK(uint32_t, , 0x20000000, 5, 3, 4)`: a value in 4 bits from bit 3 on */
	#bits([type, , addr, value, offset, length]: readonly string[]): void {
		const size = Number(/\d+/.exec(type)?.[0] ?? 0) / 8;
		const [shift, width] = [this.#number(offset), this.#number(length)];
		const mask = ((1n << width) - 1n) << shift;
		const old = this.#memory.load(this.#number(addr), size);
		if (old === undefined) throw new NotMade(`the program has no memory at ${addr}`);
		this.#store(addr, (readField(old, { offset: 0, size }) & ~mask) | ((this.#number(value) << shift) & mask), size);
	}

	#keep(index: number, text: string): void {
		const load = LOAD.exec(text);
		const bytes = load && this.#memory.load(this.#number(load[2]), Number(load[1]) / 8);
		if (bytes) this.#results[index] = readField(bytes, { offset: 0, size: bytes.length });
		else if (/^(?:\(\w+\) ?)?res$/.test(text)) this.#results[index] = this.#res;
	}

	#file(text: string): number {
		return Number(BigInt.asIntN(32, this.#number(text)));
	}

	#text(addr: bigint): string {
		for (let length = 256; length >= 1; length--) {
			const bytes = this.#memory.load(addr, length);
			if (bytes !== undefined) return bytes.toString("latin1").replace(/\0.*$/s, "");
		}
		return "";
	}

	#value(text: string): bigint | undefined {
		return numberIn(text, this.#results);
	}

	#number(text = ""): bigint {
		const value = this.#value(text);
		if (value === undefined) throw new NotMade(`${text || "an argument"} is not a number that the text gives`);
		return value;
	}
}
