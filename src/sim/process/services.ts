/** Services that the simulated kernel offers its parts. */
import type { Ret } from "../../kernel/kernel.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { Release } from "../uapi/release.js";
import type { Reasons } from "../why/reasons.js";
import type { SimFile } from "./file.js";

export interface KernelServices {
	readonly physical: PhysicalMemory;
	/** takes the checks that calls do not pass */
	readonly reasons: Reasons;
	/** the release whose uAPI it has; undefined: the newest */
	readonly release: Release | undefined;
	/** number of descriptors, from 0, that programs have without having opened them */
	readonly foreignFiles?: number;
	/** An allocation of the kernel: false if fault injection makes it fail. */
	allocation(): boolean;
	/** From now on the `n`th allocation fails; 0: none. Returns whether the one that was to fail until now has failed. */
	failNth(n: number): boolean;
	/** number of allocations so far */
	readonly allocations: number;
	/** Write a line to the kernel log. */
	warn(line: string): void;
}

/** The device nodes: rings above register theirs here. */
export interface DeviceNodes {
	/** A newly opened file, or minus the errno. */
	open(path: string): SimFile | Ret;
}
