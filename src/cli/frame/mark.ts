/** --mark: a line in the kernel's log before every call and after it. */
import { type Ioctl, ioctlByRequest } from "../../../structs/index.js";
import { errnoName } from "../../kernel/errno.js";
import { isForkCapable, type Kernel } from "../../kernel/kernel.js";
import { wrapKernel } from "../../kernel/wrap.js";
import { UsageError } from "./exit.js";
import type { KernelHandle } from "./kernel-choice.js";

/** What every mark begins with. */
export const markPrefix = "iommuctl: ";

/** A line of the log that means a bug in the kernel. */
const warning =
	/\bWARNING\b|\bBUG\b|\b(?:KASAN|KCSAN|UBSAN|KMSAN)\b|\bOops\b|general protection fault|possible (?:circular|recursive) locking|suspicious RCU|inconsistent lock state|refcount_t:|list_(?:add|del) corruption|(?:soft|hard) lockup|rcu.*stall|blocked for more than \d+ seconds|page allocation failure|unreferenced object/;

/** The lines that are a kernel's warnings; marks are not. */
export const warningsIn = (lines: readonly string[]): string[] =>
	lines.filter((line) => !line.startsWith(markPrefix) && warning.test(line));

/** The lines from the first mark of this program on. */
export function sinceMark(lines: readonly string[]): readonly string[] {
	const first = lines.findIndex((line) => line.startsWith(`${markPrefix}begin ${process.pid}`));
	return first < 0 ? [] : lines.slice(first);
}

/** The handle with marks around its calls. @throws EnvironmentError where the log cannot be written */
export function marked(handle: KernelHandle): KernelHandle {
	const mark = handle.mark;
	if (!mark) throw new UsageError("--mark: this kernel's log cannot be written here");
	// From here on, so that `expect no warning` begins here too and leaves the first mark in.
	handle.beginLog?.();
	mark(`${markPrefix}begin ${process.pid}`);
	return { ...handle, beginLog: undefined, kernel: marking(handle.kernel, (text) => mark(`${markPrefix}${text}`)) };
}

function marking(kernel: Kernel, mark: (text: string) => void): Kernel {
	const around = (call: string, make: () => number): number => {
		mark(`> ${call}`);
		const ret = make();
		mark(`< ${call} = ${ret < 0 ? errnoName(-ret) : ret}`);
		return ret;
	};
	const nameOf = (request: number): string => (ioctlByRequest(request) as Ioctl | undefined)?.name ?? `0x${request.toString(16)}`;
	return wrapKernel(kernel, {
		open: (path, flags) => around(`open ${path}`, () => kernel.open(path, flags)),
		close: (fd) => around(`close ${fd}`, () => kernel.close(fd)),
		ioctl: (fd, request, arg) => around(`ioctl ${fd} ${nameOf(request)}`, () => kernel.ioctl(fd, request, arg)),
		read: (fd, into) => around(`read ${fd}`, () => kernel.read(fd, into)),
		write: (fd, from) => around(`write ${fd}`, () => kernel.write(fd, from)),
		pread: (fd, into, offset) => around(`pread ${fd}`, () => kernel.pread(fd, into, offset)),
		pwrite: (fd, from, offset) => around(`pwrite ${fd}`, () => kernel.pwrite(fd, from, offset)),
		...(isForkCapable(kernel) && { fork: (name: string) => marking(kernel.fork(name), (text) => mark(`[${name}] ${text}`)) }),
	});
}
