/** The checks of a program's own calls: on descriptors, buffers, memory. */
import {
	EACCES,
	EAGAIN,
	EBADF,
	EBUSY,
	EEXIST,
	EFAULT,
	EINVAL,
	EMFILE,
	ENODEV,
	ENOENT,
	ENOMEM,
	ENOTTY,
	EPERM,
	ESPIPE,
} from "../../kernel/errno.js";
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

const hugePageSize = check(EINVAL, "there are no huge pages of {size} bytes", "huge pages of x86 have 2M or 1G");

/** mmap of a memory file */
export const memfdMapChecks = checks("mmap(2), fcntl(2)", {
	hugeOffset: check(EINVAL, "offset {offset} is not a multiple of {size}", "a file in huge pages is mapped at a multiple of their size"),
	sealed: check(EPERM, "the file is sealed: {seals}", "a file that is sealed against writing cannot be mapped for it"),
});

export const mmapChecks = checks("mmap(2)", {
	length: lengthChecks,
	tooLong: check(ENOMEM, "length is {length}, more than an address space has", "length must be at most 2^47"),
	hugePageSize,
	mmapMemory: outOfMemory,
	notOpen,
	offsetAlignment: check(EINVAL, "offset {offset} is not a multiple of 0x1000", "offset must be a multiple of the page size"),
	notMappable: check(ENODEV, "{kind} files cannot be mapped", "the file must be of a kind that can be mapped"),
	memfd: memfdMapChecks,
});

const hugeLength = check(EINVAL, "length {length} is not a multiple of {size}", "a file in huge pages has whole ones");

export const memfdChecks = checks("memfd_create(2), ftruncate(2)", {
	fileLength: check(EINVAL, "length is {length}", "length must be between 0 and 2^62"),
	hugePageSize,
	hugeLength,
	memfdMemory: outOfMemory,
	descriptor: fdTableChecks,
});

export const eventfdChecks = checks("eventfd(2)", { eventfdMemory: outOfMemory, descriptor: fdTableChecks });

/** read and write of an eventfd */
export const eventfdIoChecks = checks("eventfd(2)", {
	eightBytes: check(EINVAL, "the buffer has {length} bytes", "an eventfd is read into at least 8 bytes"),
	countZero: check(EAGAIN, "the count is 0", "there must be something to read: a read would wait"),
	exactlyEight: check(EINVAL, "the buffer has {length} bytes", "an eventfd is written in exactly 8 bytes", {
		source: "observed on Linux 7.3.4",
	}),
	valueTooLarge: check(EINVAL, "the value is 2^64-1", "the value must be at most 2^64-2"),
	countFull: check(EAGAIN, "the count {count} and the value {value} are more than 2^64-2", "there must be room: the write would wait"),
});

const addressAlignment = check(EINVAL, "addr {addr} is not a multiple of 0x1000", "addr must be a multiple of the page size");
const hole = check(ENOMEM, "nothing is mapped at {addr}", "all of the range must be mapped");
const addressEnd = check(ENOMEM, "{length} bytes from addr {addr} end beyond {end}", "the range must lie in user space");

const hugeCut = check(EINVAL, "the range cuts a huge page at {addr}", "huge pages can only be changed as a whole");

export const protectChecks = checks("mprotect(2)", {
	addressAlignment,
	addressEnd,
	hole,
	hugeCut,
	sealed: check(EACCES, "the file that is mapped at {addr} was sealed against writing before", "such a mapping stays read-only"),
});

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
	hugeFree: check(EINVAL, "huge pages at {addr} cannot be freed by advice", "the memory must not be in huge pages"),
	hugeCut,
	hole,
});

/** fcntl(2) F_ADD_SEALS */
export const sealChecks = checks("fcntl(2) F_ADD_SEALS", {
	notOpen,
	notMemory: check(EINVAL, "{kind} files have no seals", "the file must be a memory file"),
	unknownSeal: check(EINVAL, "seals are {seals:x}", "the seals must be ones that the kernel knows"),
	sealed: check(EPERM, "the file has the seal SEAL", "no seal may be added after SEAL"),
	mapped: check(
		EBUSY,
		"the file is mapped so that it may be written (shared mappings: {count})",
		"WRITE needs that no shared mapping may write: unmap them",
	),
	pinned: check(EBUSY, "pages of the file are pinned", "WRITE needs that no page is pinned: unmap the IOVAs"),
});

export const truncateChecks = checks("ftruncate(2)", {
	notOpen,
	notMemory: check(EINVAL, "{kind} files have no length to change", "the file must be a memory file"),
	fileLength: check(EINVAL, "length is {length}", "length must be between 0 and 2^62"),
	hugeLength,
	shrinkSealed: check(EPERM, "the file is sealed: {seals}", "a file with the seal SHRINK cannot become shorter"),
	growSealed: check(EPERM, "the file is sealed: {seals}", "a file with the seal GROW cannot become longer"),
});

/** write and pwrite of a memory file */
export const memfdWriteChecks = checks("write(2), fcntl(2)", {
	hugeWrite: check(EINVAL, "the file is in huge pages", "a file in huge pages is only written through mappings"),
	writeSealed: check(EPERM, "the file is sealed: {seals}", "a file with the seal WRITE or FUTURE_WRITE cannot be written"),
	growSealed: check(EPERM, "the file is sealed: {seals}", "a file with the seal GROW cannot become longer"),
});

export const userfaultfdChecks = checks("userfaultfd(2)", { userfaultfdMemory: outOfMemory, descriptor: fdTableChecks });

/** The range of an ioctl of a userfaultfd. */
export const rangeChecks = checks("ioctl_userfaultfd(2)", {
	rangeAlignment: check(EINVAL, "{length} bytes at {addr} are not whole pages", "start and length must be multiples of the page size"),
	rangeEnd: check(EINVAL, "{length} bytes at {addr} do not lie in user space", "the range must lie in user space"),
});

const nothingMapped = check(EINVAL, "nothing is mapped at {addr}", "memory must be mapped in the range");

/** UFFDIO_REGISTER */
export const registerChecks = checks("ioctl_userfaultfd(2)", {
	mode: check(EINVAL, "mode is {mode:x}", "the mode must be known; only missing pages (1) can be registered here"),
	range: rangeChecks,
	nothingMapped,
	notPageable: check(EINVAL, "what is mapped at {addr} is {kind}", "only memory has faults that a program can serve"),
	mayNotWrite: check(
		EPERM,
		"the file that is mapped at {addr} was sealed against writing",
		"the mapping must be one that may become writable",
	),
	hugeCut,
	otherServer: check(EBUSY, "another userfaultfd serves the memory at {addr}", "one userfaultfd serves a mapping"),
});

/** UFFDIO_UNREGISTER */
export const unregisterChecks = checks("ioctl_userfaultfd(2)", {
	range: rangeChecks,
	nothingMapped,
	hugeCut,
	notOwn: check(EINVAL, "another userfaultfd serves the memory at {addr}", "only whoever registered memory may unregister it"),
});

/** UFFDIO_COPY and UFFDIO_ZEROPAGE */
export const serveChecks = checks("ioctl_userfaultfd(2)", {
	range: rangeChecks,
	serveMode: check(EINVAL, "mode is {mode:x}", "the mode must be 0 or 1 (whoever waits is not woken)"),
	notRegistered: check(
		ENOENT,
		"no one mapping at {addr} that is registered has {length} bytes",
		"the range must lie in one registered mapping",
	),
	hugeCut,
	noZeroPage: check(EINVAL, "there is no huge page of zeroes", "huge pages are served by UFFDIO_COPY"),
	there: check(EEXIST, "the page at {addr} is there already", "the first page must be missing"),
	source: check(EFAULT, "the contents cannot be read: {fault}", "the contents must be readable memory"),
	partly: check(
		EAGAIN,
		"{done} of {length} bytes were served: the page behind them was not missing, or not readable",
		"all pages must be missing",
	),
});

/** A request that a userfaultfd does not have */
export const userfaultIoctlChecks = checks("ioctl_userfaultfd(2)", {
	unknownIoctl: check(
		EINVAL,
		"request {request:x} is not one of a userfaultfd",
		"the request must be UFFDIO_API, UFFDIO_REGISTER and so on",
	),
});

/** ioctls of a userfaultfd */
export const userfaultChecks = checks("ioctl_userfaultfd(2)", {
	noApi: check(EINVAL, "UFFDIO_API was not called yet", "UFFDIO_API must be the first call"),
	unreadable: check(EFAULT, "the struct cannot be copied: {fault}", "the struct must be in memory"),
});

/** UFFDIO_API */
export const apiChecks = checks("ioctl_userfaultfd(2)", {
	secondApi: check(EINVAL, "UFFDIO_API was called already", "UFFDIO_API is called once"),
	version: check(EINVAL, "api is {api:x}, and features are {features:x}", "api must be 0xaa, and the features known"),
});

/** read of a userfaultfd */
export const userfaultReadChecks = checks("read(2)", {
	noApi: check(EINVAL, "UFFDIO_API was not called yet", "UFFDIO_API must be the first call"),
	messageLength: check(EINVAL, "the buffer has {length} bytes", "a message has 32 bytes"),
	noFault: check(EAGAIN, "nobody waits for a page", "there must be a fault: a read would wait"),
});

export const remapChecks = checks("mremap(2)", {
	addressAlignment,
	lengthZero: check(EINVAL, "the lengths are {length} and {new}", "both lengths must be at least 1"),
	target: check(EINVAL, "the new address {to} with {length} bytes cannot be mapped", "the ranges must lie in user space, at whole pages"),
	huge: check(
		EINVAL,
		"huge pages at {addr} cannot go from {length} to {new} bytes",
		"huge pages keep their number or lose some, at whole pages",
	),
	overlap: check(EINVAL, "the new range at {to} overlaps the old one at {addr}", "the ranges must not overlap"),
	oneMapping: check(EFAULT, "{length} bytes from addr {addr} are not of one mapping", "the old range must lie in one mapping"),
	noGap: check(ENOMEM, "no gap of {length} bytes is left in the address space", "the address space must have room for the mapping"),
});

/** Looking at a program's memory, and changing it. */
export const peekChecks = checks("process_vm_readv(2)", {
	notMapped: check(EFAULT, "memory at {addr} cannot be {done}: {fault}", "the memory must be mapped"),
});
