/** What all handlers of calls share: the programs of the trace, and how files and processes get into them. */
import { readlinkSync } from "node:fs";
import { resolve } from "node:path";
import type { Native } from "../exec/native.js";
import type { Step } from "../trace/index.js";
import { FailNth } from "./fail-nth.js";
import { readMemory } from "./memory.js";
import type { Member, OpenFile, Process } from "./processes.js";
import { type Made, type Program, type ProgramSink, Programs } from "./program.js";

/** What is recorded, and how. */
export interface RecorderOptions {
	/** paths of the files that are recorded; one that ends with a star stands for all that begin so */
	readonly paths: readonly string[];
	/** steps say when they were made, and how long they took */
	readonly time: boolean;
	/** what devices get at is kept, too */
	readonly withMemory: boolean;
	/** name of the trace's programs */
	readonly name: string;
}

/** A call that stopped. */
export interface Call {
	readonly process: Process;
	readonly tid: number;
	readonly args: readonly bigint[];
	/** ms, when it began */
	readonly began: number;
}

/** What is to be done at the end of a call, with its result: a value, or minus an errno. */
export type AtEnd = (value: bigint) => void;

/** At the start of a call; undefined: its end does not matter. */
export type Handler = (call: Call) => AtEnd | undefined;

const KCMP_FILE = 0;

export class Recorder {
	readonly programs: Programs;
	readonly processes = new Map<number, Process>();
	readonly failNth = new FailNth();
	/** calls on files that were open before and cannot be told */
	unknown = 0;
	#start: number | undefined;

	constructor(
		readonly native: Native,
		readonly options: RecorderOptions,
		sink: ProgramSink,
	) {
		this.programs = new Programs(sink);
	}

	/** Whether files of this path are recorded. */
	follows(path: string): boolean {
		return this.options.paths.some((each) => (each.endsWith("*") ? path.startsWith(each.slice(0, -1)) : path === each));
	}

	/** A process's part in a program, a new one if need be. */
	memberOf(process: Process): Member {
		if (process.member === undefined) {
			const count = this.programs.count;
			const name = count === 0 ? this.options.name : `${this.options.name} ${count + 1}`;
			this.programs.add(name, this.native).begin(process);
		}
		return process.member as unknown as Member;
	}

	/** The recorded file of a descriptor. One that came otherwise than through a call that stopped is found now. */
	file(process: Process, fd: number): OpenFile | undefined {
		const known = process.files.get(fd);
		if (known !== undefined) return known;
		const link = process.link(fd);
		if (link === undefined) return undefined;
		for (const other of this.processes.values())
			for (const [number, file] of other.files)
				if (file.link === link && this.#same(process.pid, fd, other.pid, number)) {
					this.#adopt(process, fd, file);
					return file;
				}
		if (!this.follows(link)) {
			if (/^anon_inode:.*(?:iommufd|vfio)/.test(link)) this.unknown++;
			return undefined;
		}
		const file = this.memberOf(process).program.opened(link, link);
		this.#adopt(process, fd, file);
		this.steps({ process, tid: process.pid, args: [], began: performance.now() }, file.program, [
			{ op: "open", path: link, fd: file.name },
		]);
		return file;
	}

	/** Steps of a call that ends now. */
	steps({ process, tid, began }: Call, program: Program, steps: readonly Step[]): void {
		if (steps.length === 0) return;
		const made: Made = { process, tid, ...(this.options.time && this.#times(began)) };
		program.steps(steps, made);
	}

	/** A C string of a process; undefined if it cannot be read. */
	text(process: Process, addr: bigint): string | undefined {
		const bytes = Buffer.alloc(4096);
		const got = readMemory(this.native, process.pid, addr, bytes);
		const end = bytes.subarray(0, got).indexOf(0);
		return end < 0 ? undefined : bytes.toString("utf8", 0, end);
	}

	/** A path as a process means it. `at`: its descriptor of the folder. */
	path(process: Process, at: number, text: string): string {
		if (text.startsWith("/")) return resolve(text);
		try {
			return resolve(readlinkSync(at < 0 ? `/proc/${process.pid}/cwd` : `/proc/${process.pid}/fd/${at}`), text);
		} catch {
			return text;
		}
	}

	/** A descriptor is closed. */
	closed(call: Call, fd: number): void {
		const file = call.process.remove(fd);
		if (file === undefined) return;
		this.steps(call, file.program, [{ op: "close", fd: file.name }]);
	}

	/** A process is over, or executes another program: `kept` are its descriptors that remain. */
	left(process: Process, kept: ReadonlySet<number> = new Set()): void {
		const call: Call = { process, tid: process.pid, args: [], began: performance.now() };
		const { member } = process;
		if (member === undefined) return;
		const gone = member.memory.gone();
		// The last process's end is the program's, a child's is a step.
		const last = member.program.processes.size === 1 || member.name !== undefined;
		if (kept.size > 0 || !last) {
			this.steps(call, member.program, gone);
			for (const fd of [...process.files.keys()].sort((a, b) => a - b)) if (!kept.has(fd)) this.closed(call, fd);
		} else process.files.clear();
		if (process.files.size === 0) this.programs.leave(process);
	}

	#adopt(process: Process, fd: number, file: OpenFile): void {
		if (process.member === undefined) file.program.fork(process);
		process.add(fd, file);
	}

	#same(pid: number, fd: number, other: number, number: number): boolean {
		return this.native.call("kcmp", pid, other, KCMP_FILE, fd, number) === 0;
	}

	#times(began: number): { time: number; duration: number } {
		this.#start ??= began;
		const microseconds = (ms: number): number => Math.max(0, Math.round(ms * 1000));
		return { time: microseconds(began - this.#start), duration: microseconds(performance.now() - began) };
	}
}
