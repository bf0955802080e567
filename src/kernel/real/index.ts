/** The real kernel: system calls of this process, made through FFI. Nothing is loaded before `openRealKernel` is called. */
import { Arena } from "./arena.js";
import { type FfiLoader, loadFfi } from "./ffi.js";
import { Libc } from "./libc.js";
import { RealKernel } from "./real-kernel.js";
import { Transfer } from "./transfer.js";

export { EnvironmentError } from "../environment-error.js";
export type { FfiLoader } from "./ffi.js";
export { explainOpenFailure, type OpenFailure } from "./open-failure.js";
export type { RealKernel } from "./real-kernel.js";

interface System {
	readonly libc: Libc;
	readonly transfer: Transfer;
}

/** Calls do not overlap on a thread, so one block of arguments and one arena serve all kernels on it. */
let shared: System | undefined;

/**
 * A new program on this machine's kernel, without files and memory.
 * @throws EnvironmentError if FFI can not be loaded here; it says what to do
 */
export function openRealKernel(load?: FfiLoader): RealKernel {
	const { libc, transfer } = load === undefined ? usual() : start(load);
	return new RealKernel(libc, transfer);
}

function usual(): System {
	shared ??= start();
	return shared;
}

function start(load?: FfiLoader): System {
	const libc = new Libc(loadFfi(load));
	return { libc, transfer: new Transfer(libc, new Arena(libc)) };
}
