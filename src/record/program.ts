/** A program of the trace: processes that share recorded files, from the first one that is opened until nothing is left. */

import type { Native } from "../exec/native.js";
import { DeviceFiles } from "../kernel/device-files.js";
import type { Step } from "../trace/index.js";
import { kindOfPath } from "../trace/recording.js";
import { TraceMemory } from "./memory.js";
import type { OpenFile, Process } from "./processes.js";

/** Where programs go: a TraceWriter is one. */
export interface ProgramSink {
	program(name: string): void;
	step(step: Step): void;
	end(): void;
}

/** Who made a call, and when, in microseconds; `duration` includes what the recorder itself took. */
export interface Made {
	readonly process: Process;
	readonly tid: number;
	readonly time?: number;
	readonly duration?: number;
}

export class Program {
	readonly devices = new DeviceFiles<string>();
	readonly processes = new Set<Process>();
	readonly #counts = new Map<string, number>();
	/** names by the kernel's numbers */
	readonly #eventfds = new Map<string, string>();
	/** its processes have had this many names */
	#children = 0;
	#root: Process | undefined;
	/** numbers of threads, by process */
	readonly #threads = new WeakMap<Process, Map<number, number>>();
	/** steps that wait for another program's end; undefined: they go straight into the trace */
	#waiting: Step[] | undefined = [];
	#sink: ProgramSink | undefined;

	constructor(
		readonly name: string,
		readonly native: Native,
	) {}

	/** The process that the program begins with. */
	begin(process: Process): void {
		this.#root = process;
		this.#add(process, undefined);
	}

	/** A process comes as a copy of one that is there; without `parent`, of the first one, as its files came another way. */
	fork(process: Process, parent = this.#root): void {
		const from = parent?.member;
		const name = `child${++this.#children}`;
		this.#step({ op: "fork", process: name, ...(from?.name !== undefined && { parent: from.name }) });
		this.#add(process, name, from?.memory);
	}

	/** A process ends; the last one ends the program, and its end says the rest. */
	leave(process: Process): void {
		const { member } = process;
		process.member = undefined;
		if (member === undefined || !this.processes.delete(process)) return;
		if (member.name !== undefined) this.#step({ op: "exit", process: member.name });
	}

	/** A name for a file of this kind. */
	named(kind: string): string {
		const count = (this.#counts.get(kind) ?? 0) + 1;
		this.#counts.set(kind, count);
		return `${kind}${count}`;
	}

	/** A file that was opened by its path. */
	opened(path: string, link: string): OpenFile {
		const name = this.named(kindOfPath(path));
		this.devices.opened(name, path);
		return { name, program: this, link };
	}

	/** The name of an eventfd that a process has open, and the step that makes it if it is new. Undefined: it is another kind of file. */
	eventfd(process: Process, fd: number): { name: string; steps: Step[] } | undefined {
		const event = process.eventfd(fd);
		if (event === undefined) return undefined;
		const known = this.#eventfds.get(event.id);
		if (known !== undefined) return { name: known, steps: [] };
		const name = this.named("eventfd");
		this.#eventfds.set(event.id, name);
		return { name, steps: [{ op: "eventfd", fd: name, count: event.count }] };
	}

	/** Steps of a call, in order. */
	steps(steps: readonly Step[], { process, tid, time, duration }: Made): void {
		const name = process.member?.name;
		const thread = this.#thread(process, tid);
		const who = {
			...(name !== undefined && { process: name }),
			...(thread > 1 && { thread }),
			...(time !== undefined && { time }),
			...(duration !== undefined && { duration }),
		};
		for (const step of steps) this.#step({ ...step, ...who });
	}

	/** From now on everything goes into the trace at once. */
	start(sink: ProgramSink): void {
		this.#sink = sink;
		sink.program(this.name);
		for (const step of this.#waiting ?? []) sink.step(step);
		this.#waiting = undefined;
	}

	#add(process: Process, name: string | undefined, from?: TraceMemory): void {
		const memory = new TraceMemory(this.native, process.pid, (kind) => this.named(kind), from);
		process.member = { program: this, memory, name };
		this.processes.add(process);
	}

	#thread(process: Process, tid: number): number {
		const numbers = this.#threads.get(process) ?? new Map<number, number>();
		this.#threads.set(process, numbers);
		const number = numbers.get(tid) ?? numbers.size + 1;
		numbers.set(tid, number);
		return number;
	}

	#step(step: Step): void {
		if (this.#waiting === undefined) this.#sink?.step(step);
		else this.#waiting.push(step);
	}
}

/** The programs of a trace; one after another, though they may run at the same time. */
export class Programs {
	readonly #sink: ProgramSink;
	/** the first one writes, the others wait; those that have ended are among `#over` */
	readonly #order: Program[] = [];
	readonly #over = new Set<Program>();
	count = 0;

	constructor(sink: ProgramSink) {
		this.#sink = sink;
	}

	add(name: string, native: Native): Program {
		const program = new Program(name, native);
		this.count++;
		this.#order.push(program);
		if (this.#order.length === 1) program.start(this.#sink);
		return program;
	}

	/** A process is gone: its program ends with the last one. */
	leave(process: Process): void {
		const program = process.member?.program;
		if (program === undefined) return;
		program.leave(process);
		if (program.processes.size === 0) this.#over.add(program);
		while (this.#order.length > 0 && this.#over.has(this.#order[0])) {
			this.#sink.end();
			this.#over.delete(this.#order.shift() as Program);
			this.#order[0]?.start(this.#sink);
		}
	}
}
