/** The child's side: makes the calls that its parent asks for. */
import { PROT_READ, PROT_WRITE } from "../../kernel.js";
import type { RealKernel } from "../real-kernel.js";
import { exitNow } from "../thread.js";
import { Channel } from "./channel.js";
import type { Inherited } from "./memory.js";
import type { Answer, Request } from "./messages.js";

/** The argument that a call fills. */
const fills: Readonly<Record<string, number>> = { ioctl: 2, read: 1, pread: 1, poll: 0, peek: 1 };

/** Answers until the parent says `exit` or is gone. @param channel the numbers of its two files */
export function serveKernel(kernel: RealKernel, channel: readonly [from: number, to: number]): never {
	const parent = new Channel(...channel);
	const calls = kernel as unknown as Readonly<Record<string, (...given: unknown[]) => number | bigint>>;
	for (;;) {
		const request = parent.receive() as Request | undefined;
		if (request === undefined || request[0] === "exit") exitNow(0);
		const [call, ...given] = request;
		const ret = answer(kernel, calls, call, given);
		const at = fills[call];
		const changed = at === undefined || !(Array.isArray(given[at]) || given[at] instanceof Uint8Array) ? [] : [[at, given[at]] as const];
		parent.send({ ret, changed } satisfies Answer);
	}
}

function answer(
	kernel: RealKernel,
	calls: Readonly<Record<string, (...given: unknown[]) => number | bigint>>,
	call: string,
	given: readonly unknown[],
): number | bigint {
	if (call === "inherit") {
		kernel.inherit(given[0] as number[]);
		return mapped(kernel, given[1] as Inherited[]);
	}
	if (call === "protect") return protect(kernel, given[0] as Inherited[]);
	return calls[call](...given);
}

/** Maps what the parent has mapped; private memory can be written until `protect`. Returns 0 or minus the errno. */
function mapped(kernel: RealKernel, ranges: readonly Inherited[]): number {
	for (const { start, end, prot, file } of ranges) {
		const at = kernel.mmap({ addr: start, length: end - start, ...(file ? { prot, ...file } : { prot: PROT_READ | PROT_WRITE }) });
		if (at < 0n) return Number(at);
	}
	return 0;
}

function protect(kernel: RealKernel, ranges: readonly Inherited[]): number {
	for (const { start, end, prot, file } of ranges) {
		if (file || prot === (PROT_READ | PROT_WRITE)) continue;
		const ret = kernel.mprotect(start, end - start, prot);
		if (ret < 0) return ret;
	}
	return 0;
}
