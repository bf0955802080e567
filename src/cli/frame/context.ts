/** The state that one command hands to the next. */
import { Scratch } from "../../client/memory.js";
import { EnvironmentError } from "../../kernel/environment-error.js";
import type { Kernel, Ret } from "../../kernel/kernel.js";
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

/**
 * What lives from one command to the next: one program's kernel, its open /dev/iommu, the files and the memory it
 * has, and the names a script gave to answers. Everything is opened when first needed.
 */
export class Context {
	readonly variables = new Map<string, Outcome>();
	readonly queues = new Map<number, QueueFile>();
	readonly regions = new Map<bigint, Region>();
	/** IDs of bound devices, by path */
	readonly deviceIds = new Map<string, number>();
	readonly #devices = new Map<string, number>();
	/** files of VFIO devices that commands opened by other ways: what a call's number means there is VFIO's */
	readonly deviceFiles = new Set<number>();
	#opening: Promise<KernelHandle> | undefined;
	#opened: KernelHandle | undefined;
	#fd: number | undefined;
	#scratchMemory: Scratch | undefined;
	/** whether the name of the kernel was printed */
	announced = false;
	/** whether the note was printed that the trace lacks what hardware does by itself */
	toldUnrecorded = false;
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
	) {
		this.#choice = choice;
		this.#simChoice = simChoice;
		this.#wrap = wrap;
		if (givenFd !== undefined && (choice === "sim" || (simChoice.machine ?? simChoice.uapi) !== undefined))
			throw new UsageError(
				"--fd is a file of the shell: the simulated kernel does not have it",
				"leave it out, or --kernel sim and --machine",
			);
		this.#fd = givenFd;
		// A file of this process can only be meant for the kernel under it.
		if (givenFd !== undefined && choice === "auto") this.#choice = "real";
		// Only the simulated kernel has a machine that can be chosen.
		else if (choice === "auto" && (simChoice.machine ?? simChoice.uapi) !== undefined) this.#choice = "sim";
	}

	async handle(): Promise<KernelHandle> {
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
		return this.#opened;
	}

	async kernel(): Promise<Kernel> {
		return (await this.handle()).kernel;
	}

	/** The open /dev/iommu. @throws EnvironmentError if it cannot be opened, or the shell's file is something else */
	async iommu(): Promise<number> {
		// Before anything else: a given file is looked at when the kernel is opened.
		const kernel = await this.kernel();
		if (this.#fd !== undefined) return this.#fd;
		const fd = kernel.open(iommuPath);
		if (fd < 0) {
			const { explainOpenFailure } = await import("../../kernel/real/index.js");
			const { message, hint } = explainOpenFailure(iommuPath, -fd);
			throw new EnvironmentError(message, hint);
		}
		this.#fd = fd;
		return fd;
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
		this.#scratchMemory ??= new Scratch(await this.kernel());
		return this.#scratchMemory;
	}

	/** The program's end. */
	dispose(): void {
		this.#opened?.kernel.exit();
		this.#opened = undefined;
	}
}
