/** The kernels through which the processes of programs make their calls. */
import type { Kernel } from "../kernel/kernel.js";
import type { Witness } from "./memory/witness.js";
import type { OpenFile } from "./open-files.js";
import type { Traced } from "./traced.js";

export interface Kernels {
	/** That of a process which calls on an open file, or opens one. */
	of(process: Traced, open?: OpenFile): Kernel;
	/** That of a call on a file which no process waits for. */
	alone(open: OpenFile): Kernel;
	/** Takes what the kernel sees of a process's memory, where that is recorded. */
	witness(process: Traced): Witness | undefined;
	/** A file was installed in a process. */
	opened(process: Traced, open: OpenFile): void;
	/** Its last descriptor is gone. */
	closed(open: OpenFile): void;
	ended(process: Traced): void;
	/** No program is left. */
	exit(): void;
}

/** One for all of them. */
export function oneKernel(kernel: Kernel): Kernels {
	return {
		of: () => kernel,
		alone: () => kernel,
		witness: () => undefined,
		opened: () => {},
		closed: ({ number }) => kernel.close(number),
		ended: () => {},
		exit: () => kernel.exit(),
	};
}
