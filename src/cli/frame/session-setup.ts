/** What `session start` hands to the process that keeps the session. */
import type { KernelChoice } from "./kernel-choice.js";

/** The kernel that `session start` asks for. */
export interface SessionSetup {
	readonly kernel: KernelChoice;
	/** file number 3 of this process is an open /dev/iommu */
	readonly fd: boolean;
	readonly machine?: string;
	readonly uapi?: readonly string[];
	/** faults, as --inject says them */
	/** ask the simulated kernel why calls of the real one fail */
	readonly why?: boolean;
	readonly inject?: readonly string[];
	/** absolute */
	readonly record?: string;
	/** headers, as --uapi-file and IOMMUCTL_UAPI_FILE name them */
	readonly uapiFiles?: readonly string[];
	/** what file names are relative to */
	readonly cwd: string;
}
