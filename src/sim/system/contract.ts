/** The checks of the calls that all files have, and of memory, in the order in which the kernel makes them. */
import { fileContract as iommufdFiles } from "../iommufd/contract.js";
import { mappingChecks, unmappingChecks } from "../memory/checks.js";
import {
	apiChecks,
	bufferChecks,
	closeChecks,
	eventfdChecks,
	eventfdIoChecks,
	fdTableChecks,
	ioctlChecks,
	memfdChecks,
	memfdWriteChecks,
	mmapChecks,
	offsetIoChecks,
	openChecks,
	peekChecks,
	rangeChecks,
	readWriteChecks,
	registerChecks,
	sealChecks,
	serveChecks,
	truncateChecks,
	unregisterChecks,
	userfaultChecks,
	userfaultfdChecks,
	userfaultIoctlChecks,
	userfaultReadChecks,
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
	ioctl: { all: ioctlChecks, userfault: userfaultIoctlChecks, ...iommufdFiles.ioctl, vfio: vfioFileChecks.ioctl },
	read: { all: readWriteChecks, eventfd: eventfdIoChecks, userfault: userfaultReadChecks, ...iommufdFiles.read, vfio: vfioFileChecks.io },
	write: { all: readWriteChecks, memfd: memfdWriteChecks, eventfd: eventfdIoChecks, ...iommufdFiles.write, vfio: vfioFileChecks.io },
	pread: offsetIo,
	pwrite: { ...offsetIo, memfd: memfdWriteChecks },
	mmap: { all: mmapChecks, ...iommufdFiles.mmap, vfio: vfioFileChecks.mmap, space: mappingChecks },
	munmap: unmappingChecks,
	memfd: memfdChecks,
	fcntl: sealChecks,
	ftruncate: truncateChecks,
	userfaultfd: userfaultfdChecks,
	"uffdio-api": { all: userfaultChecks, api: apiChecks },
	"uffdio-register": { all: userfaultChecks, register: registerChecks },
	"uffdio-unregister": { all: userfaultChecks, unregister: unregisterChecks },
	"uffdio-wake": { all: userfaultChecks, range: rangeChecks },
	"uffdio-copy": { all: userfaultChecks, serve: serveChecks },
	"uffdio-zeropage": { all: userfaultChecks, serve: serveChecks },
	eventfd: eventfdChecks,
	peek: peekChecks,
	poke: peekChecks,
} satisfies Record<string, Group>;
