/** The state that one command hands to the next. */
import { Scratch } from "../../client/memory.js";
import { EnvironmentError } from "../../kernel/environment-error.js";
import { isForkCapable, type Kernel, type Ret } from "../../kernel/kernel.js";
import type { FunctionNode } from "../../script/index.js";
import type { Held } from "./context-state.js";
import { type Outcome, UsageError } from "./exit.js";
import { iommuPath, type KernelChoice, type KernelHandle, openKernel, type SimChoice } from "./kernel-choice.js";

export type { KernelChoice } from "./kernel-choice.js";

/** A queue's file, known by the ID of its object. */
export interface QueueFile {
	readonly kind: "fault" | "veventq";
	readonly fd: number;
	/** of a veventq: its type */
	readonly type: number;
}

/** Memory that a command allocated. */
export interface Region {
	readonly addr: bigint;
	/** bytes */
	readonly length: bigint;
	readonly what: string;
}

/** A context that shares another's kernel, memory and files. */
interface Derivation {
	readonly parent?: Context;
	readonly variables?: Map<string, Outcome>;
	/** another open /dev/iommu */
	readonly fd?: number;
	/** another process */
	readonly fork?: KernelHandle;
}

/**
 * What lives from one command to the next: one program's kernel, its open /dev/iommu, the files and the memory it
 * has, and the names a script gave to answers. Everything is opened when first needed.
 */
export class Context {
	readonly variables: Map<string, Outcome>;
	/** what scripts define by `function` */
	readonly functions: Map<string, FunctionNode>;
	readonly queues: Map<number, QueueFile>;
	readonly regions: Map<bigint, Region>;
	/** IDs of bound devices, by path */
	readonly deviceIds: Map<string, number>;
	readonly #devices: Map<string, number>;
	/** files of VFIO devices that commands opened by other ways: what a call's number means there is VFIO's */
	readonly deviceFiles: Set<number>;
	/** the context whose kernel this one uses */
	readonly #parent: Context | undefined;
	readonly #fork: KernelHandle | undefined;
	readonly #onFiles = new Map<number, Context>();
	#opening: Promise<KernelHandle> | undefined;
	#opened: KernelHandle | undefined;
	#fd: number | undefined;
	#scratchMemory: Scratch | undefined;
	/** whether the name of the kernel was printed */
	announced: boolean;
	/** whether the note was printed that the trace lacks what hardware does by itself */
	toldUnrecorded: boolean;
	readonly #choice: KernelChoice;
	readonly #simChoice: SimChoice;
	readonly #wrap: (handle: KernelHandle) => Promise<KernelHandle>;

	/**
	 * @param givenFd an open /dev/iommu of the shell that started us
	 * @param wrap what to put around the kernel, such as a recording
	 */
	constructor(
		choice: KernelChoice,
		givenFd?: number,
		simChoice: SimChoice = {},
		wrap: (handle: KernelHandle) => Promise<KernelHandle> = async (handle) => handle,
		from: Derivation = {},
	) {
		const { parent } = from;
		// A child's /dev/iommu is the same file.
		const sameFile = from.fd === undefined || from.fork ? parent : undefined;
		this.#parent = parent;
		this.variables = from.variables ?? parent?.variables ?? new Map();
		this.functions = parent?.functions ?? new Map();
		this.queues = sameFile?.queues ?? new Map();
		this.deviceIds = sameFile?.deviceIds ?? new Map();
		this.#fork = from.fork;
		this.regions = from.fork ? new Map(parent?.regions) : (parent?.regions ?? new Map());
		this.#devices = parent ? parent.#devices : new Map();
		this.deviceFiles = parent?.deviceFiles ?? new Set();
		this.announced = parent?.announced ?? false;
		this.toldUnrecorded = parent?.toldUnrecorded ?? false;
		this.#choice = choice;
		this.#simChoice = simChoice;
		this.#wrap = wrap;
		if (givenFd !== undefined && (choice === "sim" || (simChoice.machine ?? simChoice.uapi) !== undefined))
			throw new UsageError(
				"--fd is a file of the shell: the simulated kernel does not have it",
				"leave it out, or --kernel sim and --machine",
			);
		this.#fd = givenFd ?? from.fd;
		// A file of this process can only be meant for the kernel under it.
		if (givenFd !== undefined && choice === "auto") this.#choice = "real";
		// Only the simulated kernel has a machine that can be chosen.
		else if (choice === "auto" && (simChoice.machine ?? simChoice.uapi) !== undefined) this.#choice = "sim";
	}

	/** The same with names of its own, which begin as a copy of these. */
	withNames(names: Iterable<readonly [string, Outcome]>): Context {
		const variables = new Map([...this.variables, ...names]);
		return new Context(this.#choice, undefined, this.#simChoice, undefined, { parent: this, variables });
	}

	/** The same for another open /dev/iommu of this program: IDs there are others. */
	onFile(fd: number): Context {
		if (this.#parent && this.#fd === undefined) {
			const parent = this.#parent.onFile(fd);
			return new Context(this.#choice, undefined, this.#simChoice, undefined, { parent, variables: this.variables });
		}
		const known = this.#onFiles.get(fd);
		if (known) return known;
		const made = new Context(this.#choice, undefined, this.#simChoice, undefined, { parent: this, fd });
		this.#onFiles.set(fd, made);
		return made;
	}

	/** A child process: the open files of this one, a copy of its memory, and the same names. @throws EnvironmentError */
	async forked(name: string): Promise<Context> {
		if (this.inProcess)
			throw new UsageError(`process ${name} inside of another process`, "processes stand side by side, in `parallel { } { }`");
		const handle = await this.handle();
		if (!isForkCapable(handle.kernel))
			throw new EnvironmentError(
				`process ${name}: the calls of another process cannot be followed here`,
				"run the script by `iommuctl run`",
			);
		// The child has the same /dev/iommu, so it is opened before. Where there is none, a line that needs it says so.
		const fd = await this.iommu().catch(onlyEnvironment);
		const kernel = handle.kernel.fork(name);
		const made = new Context(this.#choice, undefined, this.#simChoice, undefined, {
			parent: this,
			fork: { ...handle, kernel, unrecorded: undefined, program: undefined },
			fd,
		});
		return made;
	}

	/** Whether this is a child's context. */
	get inProcess(): boolean {
		return this.#fork !== undefined || (this.#parent?.inProcess ?? false);
	}

	/** Ends the process that `forked` made: its memory is unmapped, and its files are closed. */
	endProcess(): void {
		this.#fork?.kernel.exit();
	}

	async handle(): Promise<KernelHandle> {
		if (this.#fork) return this.#fork;
		if (this.#parent) return await this.#parent.handle();
		this.#opening ??= this.#open();
		this.#opened = await this.#opening;
		return this.#opened;
	}

	async #open(): Promise<KernelHandle> {
		const givenFd = this.#fd;
		if (givenFd !== undefined) (await import("../../kernel/real/index.js")).checkGivenFile(givenFd);
		const opened = await openKernel(this.#choice, this.#simChoice);
		// What is put around the kernel comes last: it may say more of it, and later.
		return await this.#wrap(givenFd === undefined ? opened : { ...opened, which: `${opened.which} (the shell's ${iommuPath})` });
	}

	/** The kernel if a command has opened it already. */
	get live(): KernelHandle | undefined {
		return this.#fork ?? (this.#parent ? this.#parent.live : this.#opened);
	}

	async kernel(): Promise<Kernel> {
		return (await this.handle()).kernel;
	}

	/** The open /dev/iommu. @throws EnvironmentError if it cannot be opened, or the shell's file is something else */
	async iommu(): Promise<number> {
		// Before anything else: a given file is looked at when the kernel is opened.
		const kernel = await this.kernel();
		if (this.#fd !== undefined) return this.#fd;
		if (this.#parent) return await this.#parent.iommu();
		const fd = kernel.open(iommuPath);
		if (fd < 0) {
			const { explainOpenFailure } = await import("../../kernel/real/index.js");
			const { message, hint } = explainOpenFailure(iommuPath, -fd);
			throw new EnvironmentError(message, hint);
		}
		this.#fd = fd;
		return fd;
	}

	/** What it holds. */
	get held(): Held {
		const { variables, functions, queues, regions, deviceIds, deviceFiles } = this;
		return { variables, functions, queues, regions, deviceIds, devices: this.#devices, deviceFiles };
	}

	/** Its open /dev/iommu, if it has been opened. */
	get openIommu(): number | undefined {
		return this.#fd ?? this.#parent?.openIommu;
	}

	/** The contexts of other open /dev/iommu of the program, by file. */
	get others(): ReadonlyMap<number, Context> {
		return this.#parent && this.#fd === undefined ? this.#parent.others : this.#onFiles;
	}

	/** A VFIO device's file, opened once. @returns its number or minus the errno */
	async deviceFile(path: string): Promise<Ret> {
		const known = this.#devices.get(path);
		if (known !== undefined) return known;
		const fd = (await this.kernel()).open(path);
		if (fd >= 0) this.#devices.set(path, fd);
		return fd;
	}

	/** Whether a file belongs to a VFIO device, as far as commands opened it here. */
	isDeviceFile(fd: number): boolean {
		return this.deviceFiles.has(fd) || [...this.#devices.values()].includes(fd);
	}

	/** Closes a device's file if it is open. */
	async closeDevice(path: string): Promise<Ret | undefined> {
		const fd = this.#devices.get(path);
		if (fd === undefined) return undefined;
		this.#devices.delete(path);
		this.deviceIds.delete(path);
		return (await this.kernel()).close(fd);
	}

	/** Memory for the nested data of a call; `reset` it when the call is over. */
	async scratch(): Promise<Scratch> {
		if (this.#parent && !this.#fork) return await this.#parent.scratch();
		this.#scratchMemory ??= new Scratch(await this.kernel());
		return this.#scratchMemory;
	}

	/** The program's end. */
	dispose(): void {
		this.#opened?.kernel.exit();
		this.#opened = undefined;
	}
}

/** @throws any other error */
function onlyEnvironment(error: unknown): undefined {
	if (!(error instanceof EnvironmentError)) throw error;
}
