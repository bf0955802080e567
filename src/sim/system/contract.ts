/** The checks of the calls that all files have, and of memory, in the order in which the kernel makes them. */
import { fileContract as iommufdFiles } from "../iommufd/contract.js";
import { mappingChecks, unmappingChecks } from "../memory/checks.js";
import {
	bufferChecks,
	closeChecks,
	eventfdChecks,
	eventfdIoChecks,
	fdTableChecks,
	ioctlChecks,
	memfdChecks,
	mmapChecks,
	offsetIoChecks,
	openChecks,
	peekChecks,
	readWriteChecks,
} from "../process/checks.js";
import { olderNodeChecks } from "../uapi/checks.js";
import { vfioFileChecks } from "../vfio/contract.js";
import type { Group } from "../why/check.js";
import { pathChecks } from "./checks.js";

/** pread and pwrite, and then what files of one kind check */
const offsetIo: Group = { all: offsetIoChecks, vfio: vfioFileChecks.io, buffer: bufferChecks };

/** A program's own calls, by their names in IDs of checks. */
export const fileContract = {
	open: { all: openChecks, older: olderNodeChecks, path: pathChecks, vfio: vfioFileChecks.open, descriptor: fdTableChecks },
	close: closeChecks,
	ioctl: { all: ioctlChecks, ...iommufdFiles.ioctl, vfio: vfioFileChecks.ioctl },
	read: { all: readWriteChecks, eventfd: eventfdIoChecks, ...iommufdFiles.read, vfio: vfioFileChecks.io },
	write: { all: readWriteChecks, eventfd: eventfdIoChecks, ...iommufdFiles.write, vfio: vfioFileChecks.io },
	pread: offsetIo,
	pwrite: offsetIo,
	mmap: { all: mmapChecks, ...iommufdFiles.mmap, vfio: vfioFileChecks.mmap, space: mappingChecks },
	munmap: unmappingChecks,
	memfd: memfdChecks,
	eventfd: eventfdChecks,
	peek: peekChecks,
	poke: peekChecks,
} satisfies Record<string, Group>;
