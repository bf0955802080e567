/** What the parts of the simulated kernel may ask of the kernel they are in. */
import type { Ret } from "../../kernel/kernel.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";
import type { Release } from "../uapi/release.js";
import type { SimFile } from "./file.js";

export interface KernelServices {
	readonly physical: PhysicalMemory;
	/** the kernel's age; undefined: the current release */
	readonly release: Release | undefined;
	/** how many numbers, from 0, name files that programs have without having opened them */
	readonly foreignFiles?: number;
	/** The kernel takes memory for something: false if there is none, by fault injection. */
	allocation(): boolean;
	/** Write a line into the kernel log. */
	warn(line: string): void;
}

/** Where paths lead: the rings above register their device nodes with it. */
export interface DeviceNodes {
	/** A fresh open file, or minus the errno. */
	open(path: string): SimFile | Ret;
}
