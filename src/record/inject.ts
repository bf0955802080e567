/** Makes a stopped thread of a program make a system call for us. */
import type { SyscallName } from "../exec/arch.js";
import type { Native } from "../exec/native.js";
import { eventOf, type Ptrace, type Report } from "./ptrace.js";

/** Where a call's number, arguments and result are among the registers, in bytes. */
interface Registers {
	readonly number: number;
	readonly args: readonly number[];
	readonly result: number;
	readonly pc: number;
	/** length of the instruction that makes a call */
	readonly instruction: bigint;
	/** tells the kernel that no call is to be restarted, if it is -1 */
	readonly restart?: number;
}

const REGISTERS: Readonly<Record<string, Registers>> = {
	x64: { number: 80, args: [112, 104, 96, 56, 72, 64], result: 80, pc: 128, instruction: 2n, restart: 120 },
	arm64: { number: 64, args: [0, 8, 16, 24, 32, 40], result: 0, pc: 256, instruction: 4n },
};

export class Injector {
	readonly #native: Native;
	readonly #ptrace: Ptrace;
	/** what came for the thread meanwhile and ends it */
	readonly missed: Report[] = [];

	constructor(native: Native, ptrace: Ptrace) {
		this.#native = native;
		this.#ptrace = ptrace;
	}

	/**
	 * Lets a thread that is stopped at the end of a call make the calls of `body`; afterwards it is where it was. Signals that come
	 * meanwhile come again afterwards.
	 */
	at(tid: number, tgid: number, body: (call: (name: SyscallName, ...args: bigint[]) => bigint) => void): void {
		const saved = this.#ptrace.registers(tid);
		const layout = REGISTERS[this.#native.arch.name];
		if (saved === undefined || layout === undefined) return;
		const signals: number[] = [];
		let gone = false;
		body((name, ...args) => {
			if (gone) return -1n;
			const value = this.#call(tid, saved, layout, name, args, signals);
			if (value === undefined) gone = true;
			return value ?? -1n;
		});
		if (gone) return;
		this.#ptrace.setRegisters(tid, saved);
		for (const signal of signals) this.#native.call("tgkill", tgid, tid, signal);
	}

	#call(
		tid: number,
		saved: Uint8Array,
		layout: Registers,
		name: SyscallName,
		args: readonly bigint[],
		signals: number[],
	): bigint | undefined {
		const registers = saved.slice();
		const view = new DataView(registers.buffer);
		const put = (at: number, value: bigint): void => view.setBigUint64(at, BigInt.asUintN(64, value), true);
		layout.args.forEach((at, i) => {
			put(at, args[i] ?? 0n);
		});
		put(layout.number, BigInt(this.#native.number(name)));
		put(layout.pc, view.getBigUint64(layout.pc, true) - layout.instruction);
		if (layout.restart !== undefined) put(layout.restart, -1n);
		this.#ptrace.setRegisters(tid, registers);
		for (;;) {
			this.#ptrace.resume(tid, "syscall");
			const report = this.#ptrace.wait(tid);
			if (report === undefined) return undefined;
			const event = eventOf(report.status);
			if (event.what === "exited" || event.what === "killed") {
				this.missed.push(report);
				return undefined;
			}
			if (event.what === "signal") signals.push(event.signal);
			if (event.what !== "end of call") continue;
			const info = this.#ptrace.info(tid);
			if (info?.at === "end") return info.value;
		}
	}
}
