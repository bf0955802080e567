/** Puts --record around a kernel. */
import { release } from "node:os";
import { CURRENT_RELEASE, RELEASES } from "../../../structs/release.js";
import type { TraceWriter } from "../../trace/index.js";
import { UsageError } from "./exit.js";
import type { KernelHandle } from "./kernel-choice.js";

/** What to know when faults are injected into a recording. */
export const injectedNote = "what --inject answers is in the trace as the kernel's answer: its replay will differ there";

export interface Recorded {
	readonly handle: KernelHandle;
	/** Ends the program in the trace and closes the file. */
	close(): void;
}

/**
 * The same kernel with everything that passes through it written to a trace.
 * @param file a new file, or a trace of the same machine to append to
 * @param fd an open /dev/iommu that was given to us
 * @throws TraceError, UsageError
 */
export async function recorded(handle: KernelHandle, file: string, fd?: number): Promise<Recorded> {
	const { recording } = await import("../../trace/index.js");
	const writer = await traceWriter(handle, file);
	const kernel = recording(handle.kernel, writer);
	if (fd !== undefined) kernel.adopt(fd, "/dev/iommu");
	return { handle: { ...handle, kernel, unrecorded: handle.kernel }, close: () => writer.close() };
}

/** A trace of this kernel, to be written. @throws TraceError, UsageError */
export async function traceWriter(handle: KernelHandle, file: string): Promise<TraceWriter> {
	const { TraceWriter } = await import("../../trace/index.js");
	const { machineFile } = await import("../../sim/index.js");
	const machine = handle.sim?.hardware?.machine;
	const real = handle.kernel.kind === "real";
	// A replay takes the release from here.
	const uapi = real ? /^\d+\.\d+/.exec(release())?.[0] : handle.sim?.release?.name;
	const header = {
		kernel: handle.kernel.kind,
		...(real && { release: release() }),
		...(uapi !== undefined && uapi !== CURRENT_RELEASE && RELEASES.includes(uapi) && { uapi }),
		...(machine && { machine: machineFile(machine) }),
	};
	return opened(file, () => new TraceWriter(file, header));
}

function opened(file: string, open: () => TraceWriter): TraceWriter {
	try {
		return open();
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw code === undefined ? error : new UsageError(`${file} cannot be written: ${code}`);
	}
}
