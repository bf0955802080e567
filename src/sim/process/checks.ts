/** The checks of a program's own calls: on descriptors, buffers, memory. */
import { EAGAIN, EBADF, EFAULT, EINVAL, EMFILE, ENODEV, ENOMEM, ENOTTY, ESPIPE } from "../../kernel/errno.js";
import { lengthChecks } from "../memory/checks.js";
import { check, checks } from "../why/check.js";

const notOpen = check(EBADF, "fd {fd} is not open", "fd must be an open file");
const outOfMemory = check(ENOMEM, "allocation {number} of this kernel was made to fail", "the kernel must have memory for the call", {
	source: "fail-nth",
});

/** Putting a new file into the descriptor table. */
export const fdTableChecks = checks("open(2)", {
	tooManyFiles: check(EMFILE, "all {most} descriptors of the process are in use", "RLIMIT_NOFILE limits the open files of a process"),
});

/** Reserving a descriptor for the file of an object. */
export const descriptorChecks = checks("open(2)", { fdMemory: outOfMemory, table: fdTableChecks });

/** open, before the path is looked up */
export const openChecks = checks("open(2)", { openMemory: outOfMemory });

export const closeChecks = checks("close(2)", { notOpen });

export const ioctlChecks = checks("ioctl(2)", {
	notOpen,
	noIoctls: check(ENOTTY, "{kind} files have no ioctls", "the file must be one that has ioctls"),
});

/** What reads and writes have in common, before the file's own checks. */
export const ioChecks = checks("read(2), write(2)", {
	openedFor: check(EBADF, "fd {fd} was not opened for {what}", "the file must have been opened for it"),
	noIo: check(EINVAL, "{kind} files do not support {what}", "the file must be of a kind that can be read or written"),
	bufferOutside: check(EFAULT, "the buffer {addr} with {length} bytes is not in user space", "the buffer must lie in user space"),
	offsetEnd: check(EINVAL, "{length} bytes from offset {offset} end beyond 2^63-1", "offsets must be below 2^63"),
});

/** Copying from or to the buffer. */
export const bufferChecks = checks("read(2), write(2)", {
	buffer: check(EFAULT, "the buffer cannot be {done}: {fault}", "the buffer must be mapped, and for a read writable"),
});

/** read, write */
export const readWriteChecks = checks("read(2), write(2)", { notOpen, io: ioChecks });

/** pread, pwrite */
export const offsetIoChecks = checks("pread(2), pwrite(2)", {
	// the offset is checked first, even before the descriptor
	negativeOffset: check(EINVAL, "offset is {offset}", "offset must not be negative"),
	notOpen,
	noOffsets: check(ESPIPE, "{kind} files have no offsets", "read and write serve this file"),
	io: ioChecks,
});

export const mmapChecks = checks("mmap(2)", {
	length: lengthChecks,
	tooLong: check(ENOMEM, "length is {length}, more than an address space has", "length must be at most 2^47"),
	mmapMemory: outOfMemory,
	notOpen,
	offsetAlignment: check(EINVAL, "offset {offset} is not a multiple of 0x1000", "offset must be a multiple of the page size"),
	notMappable: check(ENODEV, "{kind} files cannot be mapped", "the file must be of a kind that can be mapped"),
});

export const memfdChecks = checks("memfd_create(2), ftruncate(2)", {
	fileLength: check(EINVAL, "length is {length}", "length must be between 0 and 2^62"),
	memfdMemory: outOfMemory,
	descriptor: fdTableChecks,
});

export const eventfdChecks = checks("eventfd(2)", { eventfdMemory: outOfMemory, descriptor: fdTableChecks });

/** read and write of an eventfd */
export const eventfdIoChecks = checks("eventfd(2)", {
	eightBytes: check(EINVAL, "the buffer has {length} bytes", "an eventfd is read and written in 8 bytes"),
	countZero: check(EAGAIN, "the count is 0", "there must be something to read: a read would wait"),
	valueTooLarge: check(EINVAL, "the value is 2^64-1", "the value must be at most 2^64-2"),
	countFull: check(EAGAIN, "the count {count} and the value {value} are more than 2^64-2", "there must be room: the write would wait"),
});

const addressAlignment = check(EINVAL, "addr {addr} is not a multiple of 0x1000", "addr must be a multiple of the page size");
const hole = check(ENOMEM, "nothing is mapped at {addr}", "all of the range must be mapped");
const addressEnd = check(ENOMEM, "{length} bytes from addr {addr} end beyond {end}", "the range must lie in user space");

export const protectChecks = checks("mprotect(2)", { addressAlignment, addressEnd, hole });

/** madvise that brings pages in */
export const populateChecks = checks("madvise(2)", {
	hole,
	populate: check(EFAULT, "a page cannot be populated: {fault}", "the pages must be readable, or writable, as the advice says"),
});

export const adviseChecks = checks("madvise(2)", {
	addressAlignment,
	unknownAdvice: check(EINVAL, "advice is {advice}", "the advice must be one that the kernel knows"),
	addressEnd: check(EINVAL, "{length} bytes from addr {addr} end beyond {end}", "the range must lie in user space"),
	populate: populateChecks,
	hole,
});

export const remapChecks = checks("mremap(2)", {
	addressAlignment,
	lengthZero: check(EINVAL, "the lengths are {length} and {new}", "both lengths must be at least 1"),
	target: check(EINVAL, "the new address {to} with {length} bytes cannot be mapped", "the ranges must lie in user space, at whole pages"),
	overlap: check(EINVAL, "the new range at {to} overlaps the old one at {addr}", "the ranges must not overlap"),
	oneMapping: check(EFAULT, "{length} bytes from addr {addr} are not of one mapping", "the old range must lie in one mapping"),
	noGap: check(ENOMEM, "no gap of {length} bytes is left in the address space", "the address space must have room for the mapping"),
});

/** Looking at a program's memory, and changing it. */
export const peekChecks = checks("process_vm_readv(2)", {
	notMapped: check(EFAULT, "memory at {addr} cannot be {done}: {fault}", "the memory must be mapped"),
});
