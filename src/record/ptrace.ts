/** ptrace(2) requests and wait4(2), as the tracer makes them; all of them from one thread. */
import { AT, type Native } from "../exec/native.js";

const CONT = 7;
const SYSCALL = 24;
const GETEVENTMSG = 0x4201;
const GETREGSET = 0x4204;
const SETREGSET = 0x4205;
const SEIZE = 0x4206;
const DETACH = 17;
const LISTEN = 0x4208;
const GET_SYSCALL_INFO = 0x420e;
const NT_PRSTATUS = 1;

const TRACESYSGOOD = 1;
const TRACEFORK = 1 << 1;
const TRACEVFORK = 1 << 2;
const TRACECLONE = 1 << 3;
const TRACEEXEC = 1 << 4;
const TRACEEXIT = 1 << 6;
const TRACESECCOMP = 1 << 7;
const EXITKILL = 1 << 20;
const OPTIONS = TRACESYSGOOD | TRACEFORK | TRACEVFORK | TRACECLONE | TRACEEXEC | TRACEEXIT | TRACESECCOMP | EXITKILL;

const WUNTRACED = 2;
const WNOTHREAD = 0x20000000;
const WALL = 0x40000000;
const EINTR = 4;

/** Where things are in the scratch memory. */
const STATUS = AT.events;
const MESSAGE = AT.events + 8;
const VECTOR = AT.events + 16;
const INFO = AT.events + 32;
const INFO_SIZE = 88;
const REGISTERS = AT.events + 256;
/** bytes; more than any architecture has */
const REGISTERS_ROOM = 512;

/** How a stopped thread goes on: to its next event, to the end of its call, or not before SIGCONT. */
export type Way = "cont" | "syscall" | "listen";
const WAYS = { cont: CONT, syscall: SYSCALL, listen: LISTEN } as const;

/** A call, at its start or its end. */
export type SyscallInfo =
	| { readonly at: "start"; readonly nr: number; readonly args: readonly bigint[] }
	/** `value`: what the call returns, or minus an errno */
	| { readonly at: "end"; readonly value: bigint };

/** What wait4 reported. */
export interface Report {
	readonly tid: number;
	readonly status: number;
}

export class Ptrace {
	readonly #native: Native;

	constructor(native: Native) {
		this.#native = native;
	}

	/** Begins to trace a process. 0, or minus the errno. */
	seize(pid: number): number {
		return this.#native.call("ptrace", SEIZE, pid, 0, OPTIONS);
	}

	/** `signal`: the one that is delivered */
	resume(tid: number, way: Way, signal = 0): void {
		this.#native.call("ptrace", WAYS[way], tid, 0, signal);
	}

	/** Ends the tracing of a stopped thread, which goes on. */
	detach(tid: number): void {
		this.#native.call("ptrace", DETACH, tid, 0, 0);
	}

	/** The number that goes with the event: the new thread's, or the old one's after an exec. */
	message(tid: number): number {
		const { view } = this.#native;
		view.setBigUint64(MESSAGE, 0n, true);
		this.#native.call("ptrace", GETEVENTMSG, tid, 0, this.#native.at(MESSAGE));
		return Number(view.getBigUint64(MESSAGE, true));
	}

	/** The call that a thread is stopped in; undefined if it is not in one. */
	info(tid: number): SyscallInfo | undefined {
		const { view } = this.#native;
		const got = this.#native.call("ptrace", GET_SYSCALL_INFO, tid, INFO_SIZE, this.#native.at(INFO));
		const op = got > 0 ? view.getUint8(INFO) : 0;
		if (op === 2) return { at: "end", value: view.getBigInt64(INFO + 24, true) };
		if (op !== 1 && op !== 3) return undefined;
		const args = Array.from({ length: 6 }, (_, i) => view.getBigUint64(INFO + 32 + 8 * i, true));
		return { at: "start", nr: Number(view.getBigUint64(INFO + 24, true)), args };
	}

	/** A copy of the thread's general registers; undefined if it is gone. */
	registers(tid: number): Uint8Array | undefined {
		const { bytes, view } = this.#native;
		this.#vector(REGISTERS_ROOM);
		if (this.#native.call("ptrace", GETREGSET, tid, NT_PRSTATUS, this.#native.at(VECTOR)) < 0) return undefined;
		return Uint8Array.from(bytes.subarray(REGISTERS, REGISTERS + Number(view.getBigUint64(VECTOR + 8, true))));
	}

	setRegisters(tid: number, registers: Uint8Array): void {
		this.#native.bytes.set(registers, REGISTERS);
		this.#vector(registers.length);
		this.#native.call("ptrace", SETREGSET, tid, NT_PRSTATUS, this.#native.at(VECTOR));
	}

	/** Waits for a thread, by default for any that this thread started or traces. Undefined: there is none. */
	wait(tid = -1): Report | undefined {
		for (;;) {
			const got = this.#native.call("wait4", tid, this.#native.at(STATUS), WALL | WNOTHREAD | WUNTRACED, 0);
			if (got > 0) return { tid: got, status: this.#native.view.getInt32(STATUS, true) };
			if (got !== -EINTR) return undefined;
		}
	}

	#vector(length: number): void {
		this.#native.view.setBigUint64(VECTOR, this.#native.at(REGISTERS), true);
		this.#native.view.setBigUint64(VECTOR + 8, BigInt(length), true);
	}
}

const SIGTRAP = 5;
const SIGSTOP = 19;
const SIGTSTP = 20;
const SIGTTIN = 21;
const SIGTTOU = 22;

const EVENTS: Readonly<Record<number, "born" | "exec" | "exits" | "seccomp" | "stop">> = {
	1: "born",
	2: "born",
	3: "born",
	4: "exec",
	6: "exits",
	7: "seccomp",
	128: "stop",
};

/** A status of wait4 in words. */
export type Event =
	| { readonly what: "exited"; readonly code: number }
	| { readonly what: "killed"; readonly signal: number }
	/** `frozen`: stopped by a signal, until SIGCONT comes */
	| { readonly what: "stop"; readonly frozen: boolean }
	| { readonly what: "born" | "exec" | "exits" | "seccomp" | "end of call" | "other" }
	| { readonly what: "signal"; readonly signal: number };

export function eventOf(status: number): Event {
	const low = status & 0x7f;
	if (low === 0) return { what: "exited", code: (status >> 8) & 0xff };
	if (low !== 0x7f) return { what: "killed", signal: low };
	const signal = (status >> 8) & 0xff;
	const event = status >> 16;
	if (event === 0) return signal === (SIGTRAP | 0x80) ? { what: "end of call" } : { what: "signal", signal };
	const what = EVENTS[event] ?? "other";
	if (what === "stop") return { what, frozen: [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU].includes(signal) };
	return { what };
}
