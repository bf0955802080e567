/** Puts --why around a real kernel: a simulated one makes the same calls and tells why they fail. */
import { mkdtempSync, rmSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { RELEASES } from "../../../structs/release.js";
import type { KernelHandle } from "./kernel-choice.js";

export interface Explained {
	readonly handle: KernelHandle;
	/** To be called at the end: the calls are kept if the two kernels ever differed. */
	close(): void;
}

/**
 * The same kernel, which also tells why calls fail. The simulated kernel tells it by itself; beside a real one a
 * simulated one runs, on the machine that sysfs describes.
 * @param fd an open /dev/iommu that was given to us
 */
export async function explained(handle: KernelHandle, fd?: number): Promise<Explained> {
	if (handle.kernel.kind === "sim") return { handle, close: () => {} };
	const { createSim, machineFile } = await import("../../sim/index.js");
	const { hostAt } = await import("../host/host.js");
	const { probedMachine } = await import("../host/probed.js");
	const { TraceWriter } = await import("../../trace/index.js");
	const { shadowed } = await import("../../trace/shadow.js");
	const { machine } = await probedMachine(hostAt("/"));
	const running = release();
	const uapi = RELEASES.filter((name) => running.startsWith(`${name}.`) || running === name);
	const sim = createSim({ machine, uapi });
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-why-"));
	const kept = join(folder, "calls.jsonl");
	const writer = new TraceWriter(kept, { kernel: "real", release: running, machine: machineFile(machine) });
	const { kernel, alike } = shadowed(handle.kernel, sim.newProcess(), { sink: writer, kept });
	if (fd !== undefined) kernel.adopt(fd, "/dev/iommu");
	return {
		handle: { ...handle, kernel, which: `${handle.which}, with reasons as the simulated kernel sees them` },
		close() {
			writer.close();
			if (alike()) rmSync(folder, { recursive: true, force: true });
		},
	};
}
