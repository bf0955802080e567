/** The processes of a recorded program and their descriptors of files that are recorded. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { TraceMemory } from "./memory.js";
import type { Program } from "./program.js";

/** An open file; many descriptors may be its, in many processes. A process closes it with the last of its own. */
export interface OpenFile {
	/** in the trace */
	readonly name: string;
	readonly program: Program;
	/** as /proc shows it */
	readonly link: string;
	/** programs wait for its events */
	readonly polled?: boolean;
}

/** A process's part in a program of the trace. */
export interface Member {
	readonly program: Program;
	readonly memory: TraceMemory;
	/** its name among the children; undefined: it is the one that the program began with */
	readonly name: string | undefined;
}

export class Process {
	/** it runs the program: the start of the first one is ours */
	started = true;
	/** what it belongs to once it has a recorded file */
	member: Member | undefined;
	/** name of the file that stands for all files of other kinds */
	other: string | undefined;
	readonly files = new Map<number, OpenFile>();
	/** descriptors whose calls stop; those from `filteredFrom` on do, too */
	readonly filtered = new Set<number>();
	filteredFrom = Number.POSITIVE_INFINITY;
	memoryFiltered = false;
	/** descriptors whose calls should stop */
	readonly wanted = new Set<number>();
	wantsMemory = false;
	pollFiltered = false;
	wantsPoll = false;

	constructor(readonly pid: number) {}

	/** A child has the same descriptors and filters. */
	fork(pid: number): Process {
		const child = new Process(pid);
		child.started = this.started;
		child.other = this.other;
		for (const fd of this.filtered) child.filtered.add(fd);
		child.filteredFrom = this.filteredFrom;
		for (const [fd, file] of this.files) child.add(fd, file);
		child.memoryFiltered = this.memoryFiltered;
		child.pollFiltered = this.pollFiltered;
		return child;
	}

	add(fd: number, file: OpenFile): void {
		this.files.set(fd, file);
		this.wantsPoll ||= file.polled === true;
		if (!this.stops(fd)) this.wanted.add(fd);
	}

	/** Whether the calls on a descriptor stop. */
	stops(fd: number): boolean {
		return fd >= this.filteredFrom || this.filtered.has(fd);
	}

	/** A descriptor is closed: the file, if that was the process's last one. */
	remove(fd: number): OpenFile | undefined {
		const file = this.files.get(fd);
		this.files.delete(fd);
		return file === undefined || [...this.files.values()].includes(file) ? undefined : file;
	}

	/** What a descriptor is of, as /proc shows it; undefined: it is not open. */
	link(fd: number): string | undefined {
		try {
			return readlinkSync(`/proc/${this.pid}/fd/${fd}`);
		} catch {
			return undefined;
		}
	}

	/** The kernel's number of an eventfd and its count; undefined: the descriptor is not one. */
	eventfd(fd: number): { readonly id: string; readonly count: number } | undefined {
		if (this.link(fd) !== "anon_inode:[eventfd]") return undefined;
		try {
			const info = readFileSync(`/proc/${this.pid}/fdinfo/${fd}`, "latin1");
			const value = (name: string): string | undefined => new RegExp(`^eventfd-${name}:\\s*(\\S+)`, "m").exec(info)?.[1];
			return { id: value("id") ?? `${this.pid}:${fd}`, count: Math.min(Number.parseInt(value("count") ?? "0", 16), 0xffffffff) };
		} catch {
			return undefined;
		}
	}

	/** All descriptors that are open. */
	open(): number[] {
		try {
			return readdirSync(`/proc/${this.pid}/fd`).map(Number);
		} catch {
			return [];
		}
	}
}

/** A thread's process and that one's parent; undefined: it is gone. */
export function familyOf(tid: number): { readonly pid: number; readonly parent: number } | undefined {
	try {
		const status = readFileSync(`/proc/${tid}/status`, "latin1");
		const number = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1]);
		return { pid: number("Tgid"), parent: number("PPid") };
	} catch {
		return undefined;
	}
}
