/** What answers of system calls are made from. */
import type { GuestKernel } from "./guest-kernel.js";
import type { Kernels } from "./kernels.js";
import type { MappedRegions } from "./memory/mapped-regions.js";
import type { SharedFiles } from "./memory/shared-files.js";
import type { Native } from "./native.js";
import type { Listener } from "./notify.js";
import type { OpenFiles } from "./open-files.js";
import type { DeviceTree } from "./overlay/device-tree.js";
import type { FaultInjection } from "./overlay/fault-injection.js";
import type { Overlay } from "./overlay/overlay.js";
import type { RecordedNumbers } from "./recorded/numbers.js";
import type { TracedProcesses } from "./traced.js";

/** Everything that answers of calls are made from. */
export interface Served {
	readonly native: Native;
	readonly listener: Listener;
	readonly guest: GuestKernel;
	/** the guest kernel with what is wrapped around it */
	readonly kernels: Kernels;
	readonly files: OpenFiles;
	readonly processes: TracedProcesses;
	readonly shared: SharedFiles;
	readonly overlay: Overlay;
	/** the devices as files: part of the overlay */
	readonly tree: DeviceTree;
	readonly faults: FaultInjection;
	/** set where calls are recorded: structs go through the kernel as bytes then, so that the recording has them */
	readonly numbers: RecordedNumbers | undefined;
	/** reads and writes stop on every descriptor */
	readonly anyDescriptor: boolean;
	readonly regions: MappedRegions;
	/** a thread is about to execute another program */
	executing(tid: number): void;
}
