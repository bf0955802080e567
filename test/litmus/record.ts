/** Makes litmus tests of programs: every call is a line of its own. */

import type { Kernel, Ret } from "../../src/kernel/kernel.js";
import { compile, type LitmusTest, type RecordedPart, type Stage } from "../../src/litmus/index.js";
import { createSim } from "../../src/sim/index.js";
import { recording, type Step } from "../../src/trace/index.js";
import { ioctls } from "../../structs/index.js";

/** Calls of a program on its open /dev/iommu; calls after the first get what the setup answered. */
export type Program<T = void, G = void> = (kernel: Kernel, given: G) => T;

export const stage = (): Stage => ({ kernel: createSim().newProcess() });

/** Records each thread alone after the setup, as `litmus` does. */
export function litmusOf<T>(setup: Program<T>, threads: readonly Program<void, T>[], last: Program<void, T> = () => {}): LitmusTest {
	const part = (name: string, program?: Program<void, T>): RecordedPart => {
		const steps: Step[] = [];
		const kernel = recording(createSim().newProcess(), { step: (step) => steps.push(step), end() {} });
		const given = setup(kernel);
		const own = program === undefined ? 0 : steps.length;
		program?.(kernel, given);
		return { name, lines: steps.slice(own).map((step, at) => ({ line: at + 1, source: step.op, steps: [step] })) };
	};
	return compile({
		file: "test",
		about: "",
		setup: part("setup"),
		threads: threads.map((program, at) => part("abcdef"[at], program)),
		finally: part("finally", last),
	});
}

/** A context and an IOAS in it. */
export function withIoas(kernel: Kernel): { fd: number; ioas: number } {
	const fd = kernel.open("/dev/iommu");
	return { fd, ioas: alloc(kernel, fd) };
}

export function alloc(kernel: Kernel, fd: number): number {
	const bytes = ioctls.IOMMU_IOAS_ALLOC.struct.encode({ size: 12 });
	return kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, bytes) < 0
		? -1
		: (ioctls.IOMMU_IOAS_ALLOC.struct.decode(bytes).out_ioas_id as number);
}

export function destroy(kernel: Kernel, fd: number, id: number): Ret {
	return kernel.ioctl(fd, ioctls.IOMMU_DESTROY.request, ioctls.IOMMU_DESTROY.struct.encode({ size: 8, id }));
}

export function changeProcess(kernel: Kernel, fd: number): Ret {
	const { request, struct } = ioctls.IOMMU_IOAS_CHANGE_PROCESS;
	return kernel.ioctl(fd, request, struct.encode({ size: struct.size }));
}

/** Maps `length` bytes of the program at a fixed IOVA. */
export function map(kernel: Kernel, fd: number, ioas_id: number, user_va: bigint, iova: bigint, length: bigint): Ret {
	const { request, struct } = ioctls.IOMMU_IOAS_MAP;
	return kernel.ioctl(fd, request, struct.encode({ size: struct.size, flags: 7, ioas_id, user_va, iova, length }));
}

export function unmap(kernel: Kernel, fd: number, ioas_id: number, iova: bigint, length: bigint): Ret {
	const { request, struct } = ioctls.IOMMU_IOAS_UNMAP;
	return kernel.ioctl(fd, request, struct.encode({ size: struct.size, ioas_id, iova, length }));
}
