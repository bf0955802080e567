/** What errnos mean for one command, where it is more than for its family. */
import type { IommuCall } from "../../structs/index.js";
import * as E from "./errno.js";

/** By errno. */
export type Meanings = Readonly<Partial<Record<number, string>>>;

const ofIoctls = {
	IOMMU_DESTROY: {
		[E.EBUSY]: "still in use (a device attached, a page table on it), or a driver's own: close the device's file",
		[E.ENOENT]: "no object has this ID in this context",
	},
	IOMMU_GET_HW_INFO: {
		[E.ENOENT]: "dev_id is no device of this context",
		[E.EOPNOTSUPP]: "unknown flag or reserved field, or the driver does not give this type of information",
		[E.EFAULT]: "data_uptr can not be written for data_len bytes",
		[E.EINVAL]: "the size is too small, or a data type is asked for without its flag",
	},
	IOMMU_HWPT_ALLOC: {
		[E.EINVAL]: "pt_id is of another type or no nesting parent of this IOMMU, or data_type or data does not fit",
		[E.ENOENT]: "dev_id is no device, or fault_id no fault queue, of this context",
		[E.EOPNOTSUPP]: "this hardware has no page table with these flags and data type",
		[E.EADDRINUSE]: "a mapping or allowed range of the IOAS is reserved here, or beyond what the table can address",
		[E.EIO]: "the guest's table entry has bits that a guest may not set",
		[E.EFAULT]: "data_uptr can not be read, or a mapping's user memory can not be pinned",
	},
	IOMMU_HWPT_GET_DIRTY_BITMAP: {
		[E.EINVAL]: "dirty tracking is off, page_size is no power of two or too small, or IOVA and length do not fit it",
		[E.ENOENT]: "hwpt_id is no kernel-managed page table, or the range is not mapped throughout",
		[E.EOPNOTSUPP]: "the page table was not allocated with dirty tracking, or unknown flag or reserved field",
		[E.EOVERFLOW]: "IOVA plus length wraps, or the bitmap would be too long",
		[E.EFAULT]: "data can not be written for one bit per page of the range",
	},
	IOMMU_HWPT_INVALIDATE: {
		[E.ENOENT]: "hwpt_id is no page table or virtual IOMMU of this context",
		[E.EINVAL]: "hwpt_id is not nested, data_type is not its own, or entry_len, entry_num or an entry is wrong",
		[E.EIO]: "the entry holds a command, field or stream ID that this virtual IOMMU does not take",
		[E.EOPNOTSUPP]: "a reserved word or an unknown flag is set, in the call or in the entry",
		[E.E2BIG]: "an entry is longer than the kernel's, and its excess is not zero",
		[E.EFAULT]: "data_uptr can not be read for entry_num times entry_len bytes",
		[E.ETIMEDOUT]: "the hardware did not complete the invalidation in time: expect stale translations",
	},
	IOMMU_HWPT_SET_DIRTY_TRACKING: {
		[E.EOPNOTSUPP]: "the page table was not allocated with dirty tracking, or unknown flag or reserved field",
		[E.ENOENT]: "hwpt_id is no kernel-managed page table",
	},
	IOMMU_IOAS_ALLOC: {
		[E.EOPNOTSUPP]: "flags must be 0",
	},
	IOMMU_IOAS_ALLOW_IOVAS: {
		[E.EADDRINUSE]: "an allowed range overlaps what a device or page table reserves",
		[E.EINVAL]: "a range ends before it starts, ranges overlap, or the reserved field is set",
		[E.ENOENT]: "ioas_id is no IOAS",
	},
	IOMMU_IOAS_CHANGE_PROCESS: {
		[E.EINVAL]: "some mapping of this context is of plain memory: only mappings of files (map-file) can change hands",
	},
	IOMMU_IOAS_COPY: {
		[E.ENOENT]: "src_ioas_id or dst_ioas_id is no IOAS, or the source range is not mapped without gaps",
		[E.EPERM]: "write access is asked for, but the source is mapped read-only",
		[E.EEXIST]: "the destination range touches a mapping that is there already",
		[E.ENOSPC]: "no free IOVA range is long enough in the destination",
		[E.EINVAL]: "an address or the length is not aligned, the range touches a reserved one, or no access flag is set",
		[E.EOVERFLOW]: "length is 0 or too long, or a range wraps",
	},
	IOMMU_IOAS_IOVA_RANGES: {
		[E.EMSGSIZE]: "the array is too short: num_iovas now says how many there are",
		[E.ENOENT]: "ioas_id is no IOAS",
	},
	IOMMU_IOAS_MAP: {
		[E.EEXIST]: "the range touches a mapping that is there already",
		[E.EINVAL]: "address or length not aligned, range reserved, no access flag, or read-only on a VT-d nesting parent",
		[E.ENOENT]: "ioas_id is no IOAS",
		[E.ENOSPC]: "no free IOVA range is long enough: look at ioas ranges, and at what is allowed",
		[E.EOVERFLOW]: "length is 0 or too long, or the range wraps",
		[E.EFAULT]: "the user memory is not mapped, or not writable although WRITEABLE is asked for",
		[E.EOPNOTSUPP]: "unknown flag, or the reserved field is set",
	},
	IOMMU_IOAS_MAP_FILE: {
		[E.EEXIST]: "the range touches a mapping that is there already",
		[E.EINVAL]: "fd is no memory file, start or length is not aligned or beyond it, or the IOVAs are reserved",
		[E.EBADF]: "fd is not open",
		[E.ENOENT]: "ioas_id is no IOAS",
		[E.ENOSPC]: "no free IOVA range is long enough: look at ioas ranges, and at what is allowed",
		[E.EOVERFLOW]: "length is 0 or too long, or a range wraps",
	},
	IOMMU_IOAS_NOIOMMU_GET_PA: {
		[E.EOPNOTSUPP]: "this kernel has no no-IOMMU mode, or the IOAS serves no such device",
		[E.ENOENT]: "ioas_id is no IOAS, or the IOVA is not mapped",
	},
	IOMMU_IOAS_UNMAP: {
		[E.ENOENT]: "nothing is mapped there, a mapping sticks out (those before it are gone), or ioas_id is no IOAS",
		[E.EBUSY]: "a hardware queue still uses the memory",
		[E.EOVERFLOW]: "the range wraps",
		[E.EINVAL]: "length is 0",
	},
	IOMMU_OPTION: {
		[E.EADDRINUSE]: "mappings are there that are not page aligned: unmap them first",
		[E.EBUSY]: "the context has objects already: set this right after opening",
		[E.EPERM]: "the memory accounting mode needs CAP_SYS_RESOURCE",
		[E.EINVAL]: "op or val64 is not allowed, object_id is not 0 (RLIMIT_MODE), or mappings are there (HUGE_PAGES)",
		[E.ENOENT]: "object_id is no IOAS",
		[E.EOPNOTSUPP]: "unknown option_id, or the reserved field is set",
	},
	IOMMU_FAULT_QUEUE_ALLOC: {
		[E.EOPNOTSUPP]: "flags must be 0",
		[E.EMFILE]: "the queue's file needs a descriptor, and this process has too many open (ulimit -n)",
	},
	IOMMU_VFIO_IOAS: {
		[E.ENODEV]: "no IOAS is set for VFIO calls",
		[E.ENOENT]: "ioas_id is no IOAS",
		[E.EOPNOTSUPP]: "unknown op, or the reserved field is set",
	},
	IOMMU_VIOMMU_ALLOC: {
		[E.EOPNOTSUPP]: "this hardware has no virtual IOMMU of this type (no nesting, not coherent), or flags are set",
		[E.ENOENT]: "dev_id is no device, or hwpt_id no page table, of this context",
		[E.EINVAL]: "hwpt_id is no nesting parent, or belongs to another IOMMU; or data does not fit the type",
	},
	IOMMU_VDEVICE_ALLOC: {
		[E.EEXIST]: "this device has a virtual device already, or this virt_id is taken",
		[E.EINVAL]: "the device is behind another physical IOMMU, or virt_id is too big for the type",
		[E.ENOENT]: "viommu_id is no virtual IOMMU, or dev_id no device",
	},
	IOMMU_VEVENTQ_ALLOC: {
		[E.EEXIST]: "this virtual IOMMU has an event queue of this type already",
		[E.EINVAL]: "veventq_depth must be 1 to 2^19",
		[E.ENOENT]: "viommu_id is no virtual IOMMU",
		[E.EOPNOTSUPP]: "this virtual IOMMU has no events of this type, or flags or the reserved field are set",
		[E.EMFILE]: "the queue's file needs a descriptor, and this process has too many open (ulimit -n)",
	},
	IOMMU_HW_QUEUE_ALLOC: {
		[E.ENOENT]: "viommu_id is no virtual IOMMU, or the queue's memory is not mapped in its nesting parent",
		[E.EFAULT]: "the queue's memory is not contiguous for the hardware",
		[E.EEXIST]: "this index has a queue already",
		[E.EIO]: "the queues before this index have to be allocated first",
		[E.EINVAL]: "type, length or index is 0 or too big",
		[E.EOVERFLOW]: "address plus length wraps",
		[E.ERANGE]: "address plus length goes beyond what can be addressed",
		[E.EOPNOTSUPP]: "this virtual IOMMU has no hardware queues of this type, or flags are set",
	},
	IOMMU_TEST_CMD: {
		[E.EINVAL]: "the check failed, or a field is not what this test command takes",
		[E.ENOENT]: "an ID is unknown or of another type, or the memory is not mapped",
		[E.ENOTTY]: "the kernel was built without CONFIG_IOMMUFD_TEST",
		[E.EOPNOTSUPP]: "unknown test command or flag",
		[E.EIO]: "the value that was looked at is not the one expected",
		[E.EADDRINUSE]: "a mapping or an allowed range is in the way",
		[E.EPERM]: "the memory is mapped read-only",
	},
	VFIO_DEVICE_BIND_IOMMUFD: {
		[E.EBADF]: "iommufd is no open file",
		[E.EBADFD]: "iommufd is a file, but not /dev/iommu",
		[E.EPERM]: "interrupts are not isolated, or the host or another context uses a device of its group",
		[E.EACCES]: "a virtual function needs the token of its physical function",
		[E.EBUSY]: "its group is open the old way, or (simulated) a virtual device of its function is in the context",
		[E.EINVAL]: "it is bound already, here or through another file; or argsz, a flag or iommufd is wrong",
		[E.EFAULT]: "the struct or the token can not be read, or the device takes no token",
	},
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: {
		[E.ENOENT]: "no object has the ID pt_id in this context",
		[E.EINVAL]: "pt_id is of another type, its group is attached elsewhere, or the table does not fit (PASID, nested)",
		[E.EADDRINUSE]: "a mapping or allowed range lies in what the device reserves, or is not aligned for its IOMMU",
		[E.EBUSY]: "PASID 0 is attached: detach that first",
		[E.ENODEV]: "the table wants faults, and this device or its IOMMU can not report them",
		[E.ENOSPC]: "the PASID is out of range",
		[E.EOPNOTSUPP]: "this device has no PASIDs",
	},
	VFIO_DEVICE_DETACH_IOMMUFD_PT: {
		[E.EOPNOTSUPP]: "this device has no PASIDs",
	},
	VFIO_DEVICE_GET_INFO: {
		[E.EINVAL]: "argsz is too small, or the device is not bound to an iommufd yet",
	},
	VFIO_IOMMU_MAP_DMA: {
		[E.EEXIST]: "the range touches a mapping that is there already",
		[E.EINVAL]: "argsz, a flag, alignment or length is wrong, or the range touches a reserved one",
	},
	VFIO_IOMMU_UNMAP_DMA: {
		[E.ENOENT]: "nothing is mapped there, or a mapping sticks out of the range",
		[E.EINVAL]: "argsz, a flag, alignment or length is wrong, or a dirty bitmap is asked for (iommufd gives none)",
	},
	VFIO_SET_IOMMU: {
		[E.EINVAL]: "this type of IOMMU is not offered: type 1 or type 1 v2",
	},
	VFIO_GET_API_VERSION: {
		[E.EINVAL]: "the file is a device that is not bound to an iommufd yet",
	},
	VFIO_CHECK_EXTENSION: {},
	VFIO_IOMMU_GET_INFO: {},
	VFIO_IOMMU_ENABLE: {},
	VFIO_IOMMU_DISABLE: {},
	VFIO_IOMMU_DIRTY_PAGES: {},
	VFIO_DEVICE_FEATURE: {},
} satisfies Record<IommuCall, Meanings>;

const ofSystemCalls: Readonly<Record<string, Meanings>> = {
	open: {
		[E.ENOENT]: "there is no such file",
		[E.EACCES]: "this user may not open it (run as root, or chown the file)",
		[E.EBUSY]: "it is open already, or its group is",
		[E.ENXIO]: "nothing stands behind this file",
	},
	read: {
		[E.EINVAL]: "too short for the first event or page request that waits, or the device is not bound",
		[E.ESPIPE]: "the length is no multiple of a message, or an offset is given",
		[E.EAGAIN]: "nothing there yet: poll it",
	},
	write: {
		[E.EINVAL]: "a response's cookie or code is unknown (no response before it counted), or this file takes none",
		[E.ESPIPE]: "the length is no multiple of a page response",
	},
	pread: { [E.EINVAL]: "no such region, beyond its end, or the device is not bound" },
	pwrite: { [E.EINVAL]: "no such region, beyond its end, or the device is not bound" },
	mmap: {
		[E.EEXIST]: "something is mapped there already",
		[E.EPERM]: "that address is below what programs may map (vm.mmap_min_addr), or the file does not allow it",
		[E.EINVAL]: "address, offset or length are not page aligned, or length is 0",
		[E.ENOMEM]: "out of memory or address space (ulimit -v)",
	},
	close: { [E.EBADF]: "that file descriptor is not open" },
};

/** By the ioctl's or system call's name. */
export const commandMeanings: Readonly<Partial<Record<string, Meanings>>> = { ...ofIoctls, ...ofSystemCalls };
