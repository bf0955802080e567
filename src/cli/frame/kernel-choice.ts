/** Chooses and opens the kernel that commands call. */
import { accessSync, constants } from "node:fs";
import { EnvironmentError } from "../../kernel/environment-error.js";
import type { Kernel } from "../../kernel/kernel.js";
import type { RealKernel } from "../../kernel/real/index.js";
import type { Machine, Sim } from "../../sim/index.js";
import type { Known } from "../graph/model.js";
import type { Tracker } from "../graph/track.js";
import { errnoName } from "./errnos.js";
import { UsageError } from "./exit.js";

export type KernelChoice = "auto" | "real" | "sim";

export const iommuPath = "/dev/iommu";

/** A kernel to work on, why it is this one, and its log where that can be read. */
export interface KernelHandle {
	readonly kernel: Kernel;
	/** for people: `simulated (no /dev/iommu here)` */
	readonly which: string;
	log?(): readonly string[];
	/** leaves out of the log what was there before now; the simulated kernel's begins empty. @throws EnvironmentError */
	beginLog?(): void;
	/** writes a line into the kernel's log. @throws EnvironmentError */
	mark?(line: string): void;
	/** the same without the trace that is written of it, where one is */
	readonly unrecorded?: Kernel;
	/** the simulated kernel and its machine, where it is one: what acts on hardware needs it */
	readonly sim?: Sim;
	/** for a kernel that cannot be inspected: the objects that were made through this handle */
	readonly known?: Known;
	/** of the real kernel: what other threads of this process need to make calls for the same program */
	readonly program?: RealProgram;
}

export interface RealProgram {
	readonly kernel: RealKernel;
	readonly tracker: Tracker;
	/** what calls go through: where that is not the handle's kernel, something wants to see all calls in one thread */
	readonly plain: Kernel;
	/** marks stand around the calls in the kernel's log */
	readonly marked?: boolean;
}

/** How the simulated kernel is to be made. */
export interface SimChoice {
	/** a built-in machine, or a file */
	readonly machine?: string;
	/** the environment's variable that names the machine, where no option does */
	readonly machineFrom?: string;
	/** the release it is as old as, and proposals that its uAPI has besides */
	readonly uapi?: readonly string[];
	/** what file names are relative to */
	readonly cwd?: string;
}

/** The machine of a simulated kernel unless told otherwise. */
export const defaultMachine = "mixed";

async function simulated(why: string, choice: SimChoice): Promise<KernelHandle> {
	const { createSim, mixedMachine } = await import("../../sim/create.js");
	const { replacedRequests } = await import("../../../structs/registry.js");
	const named = choice.machine === undefined ? undefined : await chosenMachine(choice.machine, choice);
	const machine = named ?? mixedMachine;
	const sim = createSim({ machine, uapi: choice.uapi, replaced: replacedRequests() });
	const parts = [why, named && `machine ${named.name}`, choice.uapi && `uAPI ${choice.uapi.join(", ")}`].filter(Boolean);
	const which = `simulated${parts.length > 0 ? ` (${parts.join("; ")})` : ""}`;
	return { kernel: sim.newProcess(), which, log: () => sim.log, mark: (line) => sim.warn(line), sim };
}

async function chosenMachine(name: string, { cwd, machineFrom }: SimChoice): Promise<Machine> {
	const { loadMachine } = await import("../../sim/index.js");
	return await loadMachine(name, cwd).catch((error) => {
		if (machineFrom === undefined || (error as Partial<UsageError>).kind !== "usage") throw error;
		throw new UsageError(`${machineFrom}: ${error.message}`, error.hint);
	});
}

async function real(): Promise<KernelHandle> {
	const { KernelLog, openRealKernel } = await import("../../kernel/real/index.js");
	const { Tracker, tracking } = await import("../graph/track.js");
	const kernel = openRealKernel();
	const known = new Tracker(kernel);
	const log = new KernelLog();
	const tracked = tracking(kernel, known);
	return {
		kernel: tracked,
		program: { kernel, tracker: known, plain: tracked },
		which: "real",
		known,
		log: () => log.lines(),
		beginLog: () => log.begin(),
		mark: (line) => log.mark(line),
	};
}

/** @throws EnvironmentError if the requested kernel is not available */
export async function openKernel(choice: KernelChoice, sim: SimChoice = {}): Promise<KernelHandle> {
	if (choice === "sim") return await simulated("", sim);
	if (choice === "real") return await real();
	try {
		accessSync(iommuPath, constants.R_OK | constants.W_OK);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		return await simulated(code === "ENOENT" ? `no ${iommuPath} here` : `${iommuPath} cannot be opened: ${code}`, sim);
	}
	let handle: KernelHandle;
	try {
		handle = await real();
	} catch (error) {
		if (!(error instanceof EnvironmentError)) throw error;
		return await simulated(`${iommuPath} is here, but ${error.message}`, sim);
	}
	const fd = handle.kernel.open(iommuPath);
	if (fd < 0) {
		handle.kernel.exit();
		return await simulated(`${iommuPath} cannot be opened: ${errnoName(-fd)}`, sim);
	}
	handle.kernel.close(fd);
	return handle;
}
