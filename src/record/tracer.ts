/** Follows a program and everything that it starts, and hands the calls that stop to their handlers. */
import { AT, type Native } from "../exec/native.js";
import { handlersOf } from "./calls/index.js";
import { fileFilter, filesFilter, memoryFilter, pollFilter } from "./filters.js";
import { Injector } from "./inject.js";
import { familyOf, Process } from "./processes.js";
import { type Event, eventOf, Ptrace } from "./ptrace.js";
import type { AtEnd, Handler, Recorder } from "./recorder.js";

const PROT_READ_WRITE = 3n;
const MAP_PRIVATE_ANONYMOUS = 0x22n;
const PAGE = 4096n;
const SECCOMP_SET_MODE_FILTER = 1n;
const TSYNC = 1n;
/** filters that one process has for one descriptor each */
const MOST_FILE_FILTERS = 32;
const SIGCONT = 18;
/** What a call answers that the kernel makes again after a signal. */
const ERESTARTSYS = -512n;
const ERESTART_LAST = -516n;

/** How the program ended, or that it did not begin, with what its start exited with. */
export type TraceEnd = { readonly code: number } | { readonly signal: number } | { readonly unstarted: number };

export interface TracerOptions {
	readonly native: Native;
	readonly recorder: Recorder;
	/** the program runs */
	started(): void;
}

export class Tracer {
	readonly #native: Native;
	readonly #recorder: Recorder;
	readonly #ptrace: Ptrace;
	readonly #injector: Injector;
	readonly #handlers: Readonly<Record<string, Handler>>;
	/** by thread */
	readonly #threads = new Map<number, Process>();
	readonly #pending = new Map<number, AtEnd>();
	readonly #started: () => void;
	#first = 0;
	#began = false;
	#end: TraceEnd | undefined;

	constructor({ native, recorder, started }: TracerOptions) {
		this.#native = native;
		this.#recorder = recorder;
		this.#ptrace = new Ptrace(native);
		this.#injector = new Injector(native, this.#ptrace);
		this.#handlers = handlersOf(recorder);
		this.#started = started;
	}

	/** Takes over a child of this thread that has stopped itself, or will. 0, or minus the errno of ptrace. */
	attach(pid: number): number {
		this.#first = pid;
		const report = this.#ptrace.wait(pid);
		if (report === undefined) return 0;
		const event = eventOf(report.status);
		if (event.what === "exited" || event.what === "killed") {
			this.#end = { unstarted: event.what === "exited" ? event.code : 128 + event.signal };
			return 0;
		}
		const seized = this.#ptrace.seize(pid);
		if (seized < 0) return seized;
		const process = new Process(pid);
		process.started = false;
		this.#know(pid, process);
		this.#native.call("tgkill", pid, pid, SIGCONT);
		return 0;
	}

	/** Until the last process has ended. */
	run(): TraceEnd {
		for (;;) {
			const report = this.#injector.missed.shift() ?? this.#ptrace.wait();
			if (report === undefined) break;
			this.#event(report.tid, eventOf(report.status));
		}
		for (const process of [...this.#recorder.processes.values()]) this.#left(process);
		return this.#end ?? { unstarted: 0 };
	}

	#know(tid: number, process: Process): void {
		this.#threads.set(tid, process);
		if (tid === process.pid) this.#recorder.processes.set(tid, process);
	}

	/** A thread that came with a fork or a clone. `parent`: the process that made it. */
	#born(tid: number, parent?: Process): void {
		if (this.#threads.has(tid)) return;
		const family = familyOf(tid);
		const pid = family?.pid ?? tid;
		const known = this.#recorder.processes.get(pid);
		if (known !== undefined) {
			this.#threads.set(tid, known);
			return;
		}
		const from = parent ?? this.#recorder.processes.get(family?.parent ?? 0);
		const process = from?.fork(pid) ?? new Process(pid);
		if (from?.member !== undefined && from.files.size > 0) from.member.program.fork(process, from);
		this.#know(tid, process);
		if (tid !== pid) this.#know(pid, process);
	}

	#event(tid: number, event: Event): void {
		switch (event.what) {
			case "exited":
			case "killed":
				if (tid === this.#first) this.#end = this.#endOf(event.what === "exited" ? { code: event.code } : { signal: event.signal });
				this.#gone(tid);
				return;
			case "exits":
				// Its parent may wait for it at the very moment it ends, and would find nothing while it is traced.
				this.#gone(tid);
				this.#ptrace.detach(tid);
				return;
			case "born":
				this.#born(this.#ptrace.message(tid), this.#threads.get(tid));
				break;
			case "exec":
				this.#exec(tid);
				break;
			case "seccomp":
				if (this.#begins(tid)) {
					this.#ptrace.resume(tid, "syscall");
					return;
				}
				break;
			case "end of call":
				this.#ends(tid);
				break;
			case "stop":
				this.#born(tid);
				if (event.frozen) {
					this.#ptrace.resume(tid, "listen");
					return;
				}
				break;
			case "signal":
				this.#ptrace.resume(tid, "cont", event.signal);
				return;
		}
		this.#ptrace.resume(tid, "cont");
	}

	/** A call that stops begins: whether its end matters. */
	#begins(tid: number): boolean {
		this.#born(tid);
		const process = this.#threads.get(tid);
		const info = this.#ptrace.info(tid);
		if (!process?.started || info?.at !== "start") return false;
		const name = this.#native.arch.names.get(info.nr);
		const handler = name === undefined ? undefined : this.#handlers[name];
		const atEnd = handler?.({ process, tid, args: info.args, began: performance.now() });
		if (atEnd === undefined) return false;
		this.#pending.set(tid, atEnd);
		return true;
	}

	#ends(tid: number): void {
		const atEnd = this.#pending.get(tid);
		const info = this.#ptrace.info(tid);
		this.#pending.delete(tid);
		if (atEnd === undefined || info?.at !== "end") return;
		if (info.value <= ERESTARTSYS && info.value >= ERESTART_LAST) return;
		atEnd(info.value);
		const process = this.#threads.get(tid);
		if (process !== undefined) this.#extend(tid, process);
	}

	/** Gives a process the filters that it needs by now. */
	#extend(tid: number, process: Process): void {
		const { arch } = this.#native;
		const wanted = [...process.wanted].filter((fd) => !process.stops(fd));
		process.wanted.clear();
		const many = process.filtered.size + wanted.length > MOST_FILE_FILTERS;
		const first = Math.min(...wanted);
		const filters = many && wanted.length > 0 ? [filesFilter(arch, first)] : wanted.map((fd) => fileFilter(arch, fd));
		if (process.wantsMemory && !process.memoryFiltered) filters.push(memoryFilter(arch));
		if (process.wantsPoll && !process.pollFiltered) filters.push(pollFilter(arch));
		if (filters.length === 0) return;
		this.#injector.at(tid, process.pid, (call) => {
			const room = call("mmap", 0n, PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1n, 0n);
			if (room < 0n) return;
			for (const filter of filters) {
				this.#write(process.pid, room, filter);
				// Threads with filters of their own cannot be brought in line: then it is for this one only.
				if (call("seccomp", SECCOMP_SET_MODE_FILTER, TSYNC, room) !== 0n) call("seccomp", SECCOMP_SET_MODE_FILTER, 0n, room);
			}
			call("munmap", room, PAGE);
		});
		if (many && wanted.length > 0) process.filteredFrom = first;
		else for (const fd of wanted) process.filtered.add(fd);
		process.memoryFiltered ||= process.wantsMemory;
		process.pollFiltered ||= process.wantsPoll;
	}

	/** Writes a `struct sock_fprog` and the filter behind it. */
	#write(pid: number, addr: bigint, filter: Uint8Array): void {
		const { bytes, view } = this.#native;
		view.setBigUint64(AT.data, BigInt(filter.length / 8), true);
		view.setBigUint64(AT.data + 8, addr + 16n, true);
		bytes.set(filter, AT.data + 16);
		view.setBigUint64(AT.local, this.#native.at(AT.data), true);
		view.setBigUint64(AT.local + 8, BigInt(16 + filter.length), true);
		view.setBigUint64(AT.remote, addr, true);
		view.setBigUint64(AT.remote + 8, BigInt(16 + filter.length), true);
		this.#native.call("process_vm_writev", pid, this.#native.at(AT.local), 1, this.#native.at(AT.remote), 1, 0);
	}

	#exec(tid: number): void {
		const process = this.#recorder.processes.get(tid);
		if (process === undefined) return;
		this.#threads.set(tid, process);
		for (const [other, of] of [...this.#threads]) if (of === process && other !== tid) this.#threads.delete(other);
		this.#pending.delete(tid);
		if (!process.started) {
			process.started = true;
			this.#began = true;
			this.#started();
			return;
		}
		const open = new Set(process.open());
		this.#recorder.left(process, new Set([...process.files.keys()].filter((fd) => open.has(fd))));
	}

	/** A thread ends; with the last one, its process. */
	#gone(tid: number): void {
		const process = this.#threads.get(tid);
		this.#threads.delete(tid);
		this.#pending.delete(tid);
		if (process === undefined || [...this.#threads.values()].includes(process)) return;
		this.#left(process);
	}

	#endOf(end: { code: number } | { signal: number }): TraceEnd {
		return this.#began ? end : { unstarted: "code" in end ? end.code : 128 + end.signal };
	}

	#left(process: Process): void {
		this.#recorder.left(process);
		this.#recorder.programs.leave(process);
		this.#recorder.processes.delete(process.pid);
	}
}
