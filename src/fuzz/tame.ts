/** Keeps a program's pointers and file numbers to those of which every process answers alike: its own, and such as nobody ever has. */
import { type Ioctl, ioctlByRequest, ioctls, iommu_hw_queue_alloc, iommu_test_cmd, type StructType } from "../../structs/index.js";
import { EFAULT, ENOMEM } from "../kernel/errno.js";
import { isForkCapable, isReshapeCapable, type Kernel } from "../kernel/kernel.js";
import { wrapKernel } from "../kernel/wrap.js";
import { fdFields } from "../trace/index.js";
import { hasFiles } from "./bent.js";
import { put } from "./fields.js";

/** Below what a process may map (vm.mmap_min_addr is 64 KiB nearly everywhere, and at least 4 KiB). */
const LOWEST = 0x1_0000n;
/** Programs have their memory here, and this process has nothing there for itself. */
const [OWN, BEHIND_OWN] = [1n << 44n, 1n << 45n];
/** The last page of the user half is never mapped, and above it is the kernel's. */
const TOP = 0x7fff_ffff_f000n;
const NOT_CANONICAL = 1n << 63n;

const NO_FILE = -1;
const MADV_NORMAL = 0;
/** No mapping of a program is longer. */
const MOST_MAPPED = 0x40_0000n;

const isSafe = (addr: bigint): boolean => addr < LOWEST || (addr >= OWN && addr < BEHIND_OWN) || addr >= TOP;

/**
 * `kernel`, of whose calls no pointer leads to memory of this process that is not the program's: it is different in every process.
 * The same holds for the numbers of files. A struct in memory with such a pointer, or of a call that takes or makes files, is not passed on: EFAULT.
 */
export function tamed(kernel: Kernel, isOpen: (fd: number) => boolean): Kernel {
	// What is mapped before a hole would change, and the call fail: that is no step of a trace.
	const whole = (addr: bigint, length: bigint): boolean => isReshapeCapable(kernel) && kernel.madvise(addr, length, MADV_NORMAL) === 0;
	const wrapped = wrapKernel(kernel, {
		...(isReshapeCapable(kernel) && {
			mprotect: (addr: bigint, length: bigint, prot: number) => (whole(addr, length) ? kernel.mprotect(addr, length, prot) : -ENOMEM),
			madvise: (addr: bigint, length: bigint, advice: number) => (whole(addr, length) ? kernel.madvise(addr, length, advice) : -ENOMEM),
		}),
		ioctl(fd, request, arg) {
			const call = ioctlByRequest(request);
			const struct = call?.struct as StructType | null | undefined;
			if (typeof arg !== "bigint") {
				const view = new DataView(arg.buffer, arg.byteOffset);
				if (struct && cutsFile(request, arg, struct.size)) return -EFAULT;
				for (const offset of fdFields(request, arg).in) if (!isOpen(view.getInt32(offset, true))) view.setInt32(offset, NO_FILE, true);
				if (call === ioctls.IOMMU_HW_QUEUE_ALLOC) inOnePage(view);
				if (struct)
					for (const field of pointers(struct, arg))
						if (!isSafe(valueAt(arg, field.offset))) put(arg, field, valueAt(arg, field.offset) | NOT_CANONICAL);
				return kernel.ioctl(fd, request, arg);
			}
			if (call && struct && (call === ioctls.IOMMU_HW_QUEUE_ALLOC || !mayBeInMemory(kernel, call, arg))) return -EFAULT;
			return kernel.ioctl(fd, request, arg);
		},
	});
	return isForkCapable(kernel) ? Object.assign(wrapped, { fork: (name: string) => tamed(kernel.fork(name), isOpen) }) : wrapped;
}

/** A queue has to be contiguous in physical memory, and which pages a kernel finds for several is its own affair. So it is in one. */
function inOnePage(view: DataView): void {
	const at = iommu_hw_queue_alloc.offsets.length;
	if (view.byteLength < at + 8) return;
	const length = view.getBigUint64(at, true);
	if (length > 1n && length <= MOST_MAPPED) view.setBigUint64(at, 1n, true);
}

/**
 * Whether the struct ends before the number of a file that it takes (behind what is given the kernel finds zeroes, and file 0 is this
 * process's own), or in the middle of one that the call makes: half of a number cannot be told from other bytes.
 */
function cutsFile(request: number, arg: Uint8Array, size: number): boolean {
	if (arg.length >= size) return false;
	const files = fdFields(request, padded(arg, size));
	const cut = (offset: number): boolean => offset + 4 > arg.length;
	return files.in.some(cut) || files.out.some((offset) => offset < arg.length && cut(offset));
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
	if (bytes.length >= size) return bytes;
	const whole = new Uint8Array(size);
	whole.set(bytes);
	return whole;
}

function mayBeInMemory(kernel: Kernel, call: Ioctl, addr: bigint): boolean {
	if (!isSafe(addr)) return false;
	const struct = call.struct as StructType;
	const bytes = new Uint8Array(struct.size);
	if (kernel.peek(addr, bytes) < 0) return true;
	return !hasFiles(call, bytes) && pointers(struct, bytes).every(({ offset }) => isSafe(valueAt(bytes, offset)));
}

/** The pointers of a struct, as far as they are in the bytes; of a union, those of the member that counts. */
function pointers(struct: StructType, bytes: Uint8Array): StructType["leaves"][number][] {
	const op =
		(struct as unknown) === iommu_test_cmd && bytes.length >= 8
			? new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)
			: undefined;
	return struct.leaves.filter(({ role, offset, path }) => {
		if (role !== "ptr" || offset + 8 > bytes.length) return false;
		const member = path.includes(".") ? struct.fields.find(({ name }) => path.startsWith(`${name}.`)) : undefined;
		return member?.when === undefined || member.when.value === op;
	});
}

const valueAt = (bytes: Uint8Array, offset: number): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true);
