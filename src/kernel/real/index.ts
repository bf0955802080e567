/** The real kernel: system calls of this process, made through FFI. Nothing is loaded before `openRealKernel` is called. */
import type { FfiLoader } from "./ffi.js";
import { RealKernel } from "./real-kernel.js";
import { startSystem, system } from "./system.js";

export { EnvironmentError } from "../environment-error.js";
export { Channel } from "./child/channel.js";
export { ParentProcess } from "./child/parent.js";
export { serveKernel } from "./child/serve.js";
export { type Started, startProcess } from "./child/start.js";
export { type Counters, readCounters } from "./counters.js";
export { openDmaBuffers } from "./dma-buffers.js";
export type { FfiLoader } from "./ffi.js";
export { checkGivenFile } from "./given-file.js";
export { KernelLog } from "./kernel-log.js";
export { explainOpenFailure, type OpenFailure } from "./open-failure.js";
export { StrayFiles } from "./open-files.js";
export type { ProgramState, RealKernel } from "./real-kernel.js";
export { createSharedMemory, openSharedMemory, type SharedMemory } from "./shared-memory.js";
export { exitNow, pinThread } from "./thread.js";

/**
 * A new program on this machine's kernel, without files and memory.
 * @throws EnvironmentError if FFI cannot be loaded here; it says what to do
 */
export function openRealKernel(load?: FfiLoader): RealKernel {
	return new RealKernel(load === undefined ? system() : startSystem(load));
}
