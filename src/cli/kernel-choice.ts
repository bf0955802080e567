import { accessSync, constants } from "node:fs";
import { EnvironmentError } from "../kernel/environment-error.js";
import type { Kernel } from "../kernel/kernel.js";
import { errnoName } from "./errnos.js";

export type KernelChoice = "auto" | "real" | "sim";

export const iommuPath = "/dev/iommu";

/** A kernel to work on, why it is this one, and its log where that can be read. */
export interface KernelHandle {
	readonly kernel: Kernel;
	/** for people: `simulated (no /dev/iommu here)` */
	readonly which: string;
	log?(): readonly string[];
}

async function simulated(why: string): Promise<KernelHandle> {
	const { createSim } = await import("../sim/index.js");
	const sim = createSim();
	return { kernel: sim.newProcess(), which: `simulated${why && ` (${why})`}`, log: () => sim.log };
}

async function real(): Promise<KernelHandle> {
	const { openRealKernel } = await import("../kernel/real/index.js");
	return { kernel: openRealKernel(), which: "real" };
}

/** @throws EnvironmentError if the kernel that was asked for is not to be had */
export async function openKernel(choice: KernelChoice): Promise<KernelHandle> {
	if (choice === "sim") return await simulated("");
	if (choice === "real") return await real();
	try {
		accessSync(iommuPath, constants.R_OK | constants.W_OK);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		return await simulated(code === "ENOENT" ? `no ${iommuPath} here` : `${iommuPath} can not be opened: ${code}`);
	}
	let handle: KernelHandle;
	try {
		handle = await real();
	} catch (error) {
		if (!(error instanceof EnvironmentError)) throw error;
		return await simulated(`${iommuPath} is here, but ${error.message}`);
	}
	const fd = handle.kernel.open(iommuPath);
	if (fd < 0) {
		handle.kernel.exit();
		return await simulated(`${iommuPath} can not be opened: ${errnoName(-fd)}`);
	}
	handle.kernel.close(fd);
	return handle;
}
