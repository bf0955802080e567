/** The processes of programs as a recording has them: a program and its children, each with its files and its memory. */
import { isForkCapable, type Kernel } from "../../kernel/kernel.js";
import type { Kernels } from "../kernels.js";
import { RecordingWitness, type Witness } from "../memory/witness.js";
import type { OpenFile } from "../open-files.js";
import type { Traced } from "../traced.js";
import type { FilesOfRecording } from "./files.js";

/** A process of the recording. */
interface Member {
	readonly kernel: Kernel;
	/** its files: those that its parent had when it began, and those that it opened */
	readonly files: Set<OpenFile>;
	readonly witness: RecordingWitness;
	/** the process is no more: this one ends with its last file */
	ended: boolean;
}

/**
 * A process of the recording begins as a child of one that has the file which it calls on first: so it has that file, wherever it got it
 * from. A process that calls on files of several others is several in the recording, each of which sees all that changes in its memory.
 */
export class ProcessKernels implements Kernels {
	readonly #root: Kernel;
	readonly #members = new Set<Member>();
	readonly #byProcess = new Map<Traced, Member[]>();
	#first: Member | undefined;
	/** of the next child's name; the program itself is the first */
	#count = 2;

	readonly #files: FilesOfRecording;

	/** @param root that of the program itself, the first process */
	constructor(root: Kernel, files: FilesOfRecording) {
		this.#root = root;
		this.#files = files;
	}

	of(process: Traced, open?: OpenFile): Kernel {
		return this.#memberOf(process, open).kernel;
	}

	alone(open: OpenFile): Kernel {
		return this.#having(open)?.kernel ?? this.#root;
	}

	witness(process: Traced): Witness {
		return {
			touched: (page, count, mapping) => this.#current(process).witness.touched(page, count, mapping),
			read: (addr, bytes) => this.#current(process).witness.read(addr, bytes),
			unmapping: (from, to) => {
				for (const { witness } of this.#byProcess.get(process) ?? []) witness.unmapping(from, to);
			},
		};
	}

	opened(process: Traced, open: OpenFile): void {
		this.#current(process).files.add(open);
	}

	closed(open: OpenFile): void {
		for (const member of this.#members) {
			if (!member.files.delete(open)) continue;
			member.kernel.close(open.number);
			this.#endIfOver(member);
		}
	}

	ended(process: Traced): void {
		for (const member of this.#byProcess.get(process) ?? []) {
			member.ended = true;
			this.#endIfOver(member);
		}
		this.#byProcess.delete(process);
	}

	exit(): void {
		this.#root.exit();
	}

	/** The one that calls now, which is first in its list. */
	#current(process: Traced): Member {
		return this.#byProcess.get(process)?.[0] ?? this.#memberOf(process, undefined);
	}

	#memberOf(process: Traced, open: OpenFile | undefined): Member {
		const known = this.#byProcess.get(process) ?? [];
		const found = known.find(({ files }) => open === undefined || files.has(open)) ?? this.#begin(open);
		if (known[0] !== found) this.#byProcess.set(process, [found, ...known.filter((each) => each !== found)]);
		return found;
	}

	#begin(open: OpenFile | undefined): Member {
		const parent = (open === undefined ? undefined : this.#having(open)) ?? this.#first;
		const kernel = parent === undefined ? this.#root : childOf(parent.kernel, `process${this.#count++}`);
		const member = {
			kernel,
			files: new Set(parent?.files),
			witness: new RecordingWitness(kernel, this.#files, parent?.witness),
			ended: false,
		};
		this.#members.add(member);
		this.#first ??= member;
		return member;
	}

	#having(open: OpenFile): Member | undefined {
		for (const member of this.#members) if (!member.ended && member.files.has(open)) return member;
		for (const member of this.#members) if (member.files.has(open)) return member;
		return undefined;
	}

	/** A file that only it has may be open in a process which has not called on it yet: that keeps it. */
	#endIfOver(member: Member): void {
		if (!member.ended || member === this.#first) return;
		for (const open of member.files) if (![...this.#members].some((each) => each !== member && each.files.has(open))) return;
		if (this.#members.delete(member)) member.kernel.exit();
	}
}

function childOf(kernel: Kernel, name: string): Kernel {
	if (!isForkCapable(kernel)) throw new Error("the recording has no child processes");
	return kernel.fork(name);
}
