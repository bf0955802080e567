/** --mark: a line in the kernel's log before every call and after it. */
import { type Ioctl, ioctlByRequest } from "../../../structs/index.js";
import { errnoName } from "../../kernel/errno.js";
import { isForkCapable, isReshapeCapable, type Kernel, type MmapRequest, PROT_READ, PROT_WRITE } from "../../kernel/kernel.js";
import { wrapKernel } from "../../kernel/wrap.js";
import { UsageError } from "./exit.js";
import type { KernelHandle } from "./kernel-choice.js";

/** What every mark begins with. */
export const markPrefix = "iommuctl: ";

/** A line of the log that means a bug in the kernel. */
const warning =
	/\bWARNING\b|\bBUG\b|\b(?:KASAN|KCSAN|UBSAN|KMSAN)\b|\bOops\b|general protection fault|possible (?:circular|recursive) locking|suspicious RCU|inconsistent lock state|refcount_t:|list_(?:add|del) corruption|(?:soft|hard) lockup|rcu.*stall|blocked for more than \d+ seconds|page allocation failure|unreferenced object|register non-static key/;

/** Whether a line is a kernel's warning; marks are not. */
export const isWarning = (line: string): boolean => !line.startsWith(markPrefix) && warning.test(line);

/** The lines that are a kernel's warnings. */
export const warningsIn = (lines: readonly string[]): string[] => lines.filter(isWarning);

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
	return { ...handle, beginLog: undefined, ...around(handle, (text) => mark(`${markPrefix}${text}`)) };
}

/** The same for another thread of a program that is marked already. @param name what its marks begin with */
export function markedAs(handle: KernelHandle, name: string): KernelHandle {
	return { ...handle, ...around(handle, (text) => handle.mark?.(`${markPrefix}[${name}] ${text}`)) };
}

function around({ kernel: inner, program }: KernelHandle, mark: (text: string) => void): Pick<KernelHandle, "kernel" | "program"> {
	const kernel = marking(inner, mark);
	return { kernel, ...(program && { program: { ...program, plain: kernel, marked: true } }) };
}

/** A child's marks have its name. */
function marking(kernel: Kernel, mark: (text: string) => void): Kernel {
	const around = <R extends number | bigint>(call: string, make: () => R, show = (ret: R): string => `${ret}`): R => {
		mark(`> ${call}`);
		const ret = make();
		mark(`< ${call} = ${ret < 0 ? errnoName(Number(-ret)) : show(ret)}`);
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
		mmap: (request) => around(`mmap ${mapped(request)}`, () => kernel.mmap(request), hex),
		munmap: (addr, length) => around(`munmap ${hex(addr)} ${hex(length)}`, () => kernel.munmap(addr, length)),
		memfd: (name, length, pageSize) => around(`memfd ${name} ${hex(length)}`, () => kernel.memfd(name, length, pageSize)),
		...(isReshapeCapable(kernel) && {
			mprotect: (addr: bigint, length: bigint, prot: number) =>
				around(`mprotect ${hex(addr)} ${hex(length)} ${protText(prot)}`, () => kernel.mprotect(addr, length, prot)),
			madvise: (addr: bigint, length: bigint, advice: number) =>
				around(`madvise ${hex(addr)} ${hex(length)} ${advice}`, () => kernel.madvise(addr, length, advice)),
			mremap: (addr: bigint, length: bigint, newLength: bigint, to: bigint) =>
				around(`mremap ${hex(addr)} ${hex(length)} ${hex(newLength)} ${hex(to)}`, () => kernel.mremap(addr, length, newLength, to), hex),
		}),
		...(isForkCapable(kernel) && { fork: (name: string) => marking(kernel.fork(name), (text) => mark(`[${name}] ${text}`)) }),
	});
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const protText = (prot: number): string => `${prot & PROT_READ ? "r" : ""}${prot & PROT_WRITE ? "w" : ""}` || "none";

const mapped = ({ addr, length, prot, fd, offset = 0n }: MmapRequest): string =>
	`${hex(addr)} ${hex(length)} ${protText(prot)}${fd === undefined ? "" : ` of file ${fd} from ${hex(offset)}`}`;
