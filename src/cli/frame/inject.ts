/** Puts --inject around a kernel. */
import { injecting, parseInjection } from "../../kernel/inject.js";
import type { KernelHandle } from "./kernel-choice.js";

/**
 * What is put around a kernel for `--inject`: some calls are answered without being made.
 * @throws InputError for what strace's grammar does not have
 */
export function injection(texts: readonly string[]): (handle: KernelHandle) => Promise<KernelHandle> {
	const injections = texts.map(parseInjection);
	return async (handle) => ({
		...handle,
		kernel: injecting(handle.kernel, injections),
		which: `${handle.which}, with faults injected`,
	});
}
