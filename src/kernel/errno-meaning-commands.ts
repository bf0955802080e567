/** What errnos mean for single commands, where that is more specific than for their family. */
import type { IommuCall } from "../../structs/index.js";
import * as E from "./errno.js";

/** By errno. */
export type Meanings = Readonly<Partial<Record<number, string>>>;

const ofIoctls = {
	IOMMU_DESTROY: {
		[E.EBUSY]: "still in use (attached device, nested page table), or owned by a driver: close the device's file",
		[E.ENOENT]: "no object has this ID in this context",
	},
	IOMMU_GET_HW_INFO: {
		[E.ENOENT]: "dev_id is not a device of this context",
		[E.EOPNOTSUPP]: "an unknown flag or a reserved field is set, or the driver does not provide this type of information",
		[E.EFAULT]: "data_len bytes at data_uptr cannot be written",
		[E.EINVAL]: "the size is too small, or a data type is requested without its flag",
	},
	IOMMU_HWPT_ALLOC: {
		[E.EINVAL]: "pt_id has the wrong type or is not a nesting parent of this IOMMU, or data_type or data does not fit",
		[E.ENOENT]: "this context has no device dev_id or no fault queue fault_id",
		[E.EOPNOTSUPP]: "this hardware has no page table with these flags and data type",
		[E.EADDRINUSE]: "a mapping or allowed range of the IOAS is reserved here, or beyond what the table can address",
		[E.EIO]: "the guest's table entry has bits that a guest may not set",
		[E.EFAULT]: "data_uptr cannot be read, or a mapping's user memory cannot be pinned",
	},
	IOMMU_HWPT_GET_DIRTY_BITMAP: {
		[E.EINVAL]: "dirty tracking is off, page_size is not a power of 2 or too small, or does not fit IOVA and length",
		[E.ENOENT]: "hwpt_id is not a kernel-managed page table, or the range has unmapped gaps",
		[E.EOPNOTSUPP]: "the page table was not allocated with dirty tracking, or an unknown flag or a reserved field is set",
		[E.EOVERFLOW]: "IOVA plus length wraps",
		[E.EFAULT]: "data cannot be written for one bit per page of the range",
	},
	IOMMU_HWPT_INVALIDATE: {
		[E.ENOENT]: "hwpt_id is not a page table or virtual IOMMU of this context",
		[E.EINVAL]: "hwpt_id is not nested, data_type does not match it, or entry_len, entry_num or an entry is wrong",
		[E.EIO]: "the entry holds a command, field or stream ID that this virtual IOMMU does not accept",
		[E.EOPNOTSUPP]: "a reserved word or an unknown flag is set, in the call or in the entry",
		[E.E2BIG]: "an entry is longer than the kernel's, and its excess is not zero",
		[E.EFAULT]: "entry_num times entry_len bytes at data_uptr cannot be read",
		[E.ETIMEDOUT]: "the hardware did not complete the invalidation in time: expect stale translations",
	},
	IOMMU_HWPT_SET_DIRTY_TRACKING: {
		[E.EOPNOTSUPP]: "the page table was not allocated with dirty tracking, or an unknown flag or a reserved field is set",
		[E.ENOENT]: "hwpt_id is not a kernel-managed page table",
	},
	IOMMU_IOAS_ALLOC: {
		[E.EOPNOTSUPP]: "flags must be 0",
	},
	IOMMU_IOAS_ALLOW_IOVAS: {
		[E.EADDRINUSE]: "an allowed range overlaps what a device or page table reserves",
		[E.EINVAL]: "a range does not end behind its start, or ranges overlap",
		[E.ENOENT]: "ioas_id is not an IOAS",
	},
	IOMMU_IOAS_CHANGE_PROCESS: {
		[E.EINVAL]: "this context maps plain memory: only mappings of files (map-file) can change process",
	},
	IOMMU_IOAS_COPY: {
		[E.ENOENT]: "src_ioas_id or dst_ioas_id is not an IOAS, or the source range has unmapped gaps",
		[E.EPERM]: "write access is requested, but the source is mapped read-only",
		[E.EEXIST]: "the destination range overlaps an existing mapping",
		[E.ENOSPC]: "no free IOVA range is long enough in the destination",
		[E.EINVAL]: "length is 0, address or length not aligned, range reserved, or no access flag",
		[E.EOVERFLOW]: "a range wraps, a field is 2^64-1, or no place is that long",
	},
	IOMMU_IOAS_IOVA_RANGES: {
		[E.EMSGSIZE]: "the array is too short: num_iovas now holds the number of ranges",
		[E.ENOENT]: "ioas_id is not an IOAS",
	},
	IOMMU_IOAS_MAP: {
		[E.EEXIST]: "the range overlaps an existing mapping",
		[E.EINVAL]: "length 0, misaligned, range reserved, no access flag, or read-only on a VT-d nesting parent",
		[E.ENOENT]: "ioas_id is not an IOAS",
		[E.ENOSPC]: "no free IOVA range is long enough: check ioas ranges and the allowed ranges",
		[E.EOVERFLOW]: "the range or the memory wraps, iova or length is 2^64-1, or no place is that long",
		[E.EFAULT]: "the user memory is not mapped, or WRITEABLE is requested and it is not writable",
		[E.EOPNOTSUPP]: "an unknown flag or the reserved field is set",
	},
	IOMMU_IOAS_MAP_FILE: {
		[E.EEXIST]: "the range overlaps an existing mapping",
		[E.EINVAL]: "fd is not a memory file or ends too early, length is 0, something misaligned, or the IOVAs reserved",
		[E.EBADF]: "fd is not open",
		[E.ENOENT]: "ioas_id is not an IOAS",
		[E.ENOSPC]: "no free IOVA range is long enough: check ioas ranges and the allowed ranges",
		[E.EOVERFLOW]: "a range wraps, iova or length is 2^64-1, or no place is that long",
	},
	IOMMU_IOAS_NOIOMMU_GET_PA: {
		[E.EOPNOTSUPP]: "this kernel has no no-IOMMU mode, or no such device is attached to the IOAS",
		[E.ENOENT]: "ioas_id is not an IOAS, or the IOVA is not mapped",
	},
	IOMMU_IOAS_UNMAP: {
		[E.ENOENT]: "nothing mapped, a mapping extends past the range (earlier ones are gone), or ioas_id is not an IOAS",
		[E.EBUSY]: "a hardware queue still uses the memory",
		[E.EDEADLK]: "an access does not release the memory although it was asked to",
		[E.EOVERFLOW]: "the range wraps",
		[E.EINVAL]: "length is 0",
	},
	IOMMU_OPTION: {
		[E.EADDRINUSE]: "some mappings are not page aligned: unmap them first",
		[E.EBUSY]: "the context already has objects: set this right after opening",
		[E.EPERM]: "the memory accounting mode needs CAP_SYS_RESOURCE",
		[E.EINVAL]: "val64 is neither 0 nor 1, or page tables hold mappings (HUGE_PAGES)",
		[E.ENOENT]: "object_id is not an IOAS",
		[E.EOPNOTSUPP]: "option_id or op is unknown, object_id is not 0 (RLIMIT_MODE), or the reserved field is set",
	},
	IOMMU_FAULT_QUEUE_ALLOC: {
		[E.EOPNOTSUPP]: "flags must be 0",
		[E.EMFILE]: "the queue's file needs a descriptor, and this process has too many open (ulimit -n)",
	},
	IOMMU_VFIO_IOAS: {
		[E.ENODEV]: "no IOAS is set for VFIO calls",
		[E.ENOENT]: "ioas_id is not an IOAS",
		[E.EOPNOTSUPP]: "op is unknown, or the reserved field is set",
	},
	IOMMU_VIOMMU_ALLOC: {
		[E.EOPNOTSUPP]: "this hardware has no virtual IOMMU of this type (no nesting, not coherent), or flags are set",
		[E.ENOENT]: "this context has no device dev_id or no page table hwpt_id",
		[E.EINVAL]: "hwpt_id is not a nesting parent or belongs to another IOMMU, or data does not fit the type",
	},
	IOMMU_VDEVICE_ALLOC: {
		[E.EEXIST]: "this device already has a virtual device, or this virt_id is taken",
		[E.EINVAL]: "the device is behind another physical IOMMU, or virt_id is too big for the type",
		[E.ENOENT]: "viommu_id is not a virtual IOMMU, or dev_id is not a device",
	},
	IOMMU_VEVENTQ_ALLOC: {
		[E.EEXIST]: "this virtual IOMMU already has an event queue of this type",
		[E.EINVAL]: "veventq_depth must be 1 to 2^19",
		[E.ENOENT]: "viommu_id is not a virtual IOMMU",
		[E.EOPNOTSUPP]: "this virtual IOMMU has no events of this type, or flags or the reserved field are set",
		[E.EMFILE]: "the queue's file needs a descriptor, and this process has too many open (ulimit -n)",
	},
	IOMMU_HW_QUEUE_ALLOC: {
		[E.ENOENT]: "viommu_id is not a virtual IOMMU, or the queue's memory is not mapped in its nesting parent",
		[E.EFAULT]: "the queue's memory is not physically contiguous",
		[E.EEXIST]: "this index already has a queue",
		[E.EIO]: "the queues before this index must be allocated first",
		[E.EINVAL]: "type, length or index is 0 or too big",
		[E.EOVERFLOW]: "address plus length wraps",
		[E.ERANGE]: "address plus length goes beyond what can be addressed",
		[E.EOPNOTSUPP]: "this virtual IOMMU has no hardware queues of this type, or flags are set",
	},
	IOMMU_TEST_CMD: {
		[E.EINVAL]: "the check failed, or this test command does not accept a field's value",
		[E.ENOENT]: "an ID is unknown or of another type, or the memory is not mapped",
		[E.ENOTTY]: "the kernel was built without CONFIG_IOMMUFD_TEST",
		[E.EOPNOTSUPP]: "the test command or a flag is unknown",
		[E.EIO]: "the checked value is not the expected one",
		[E.EADDRINUSE]: "a mapping or an allowed range is in the way",
		[E.EPERM]: "the memory is mapped read-only",
		[E.EBADE]: "the pinned pages are not the pages at uptr",
	},
	VFIO_DEVICE_BIND_IOMMUFD: {
		[E.EBADF]: "iommufd is not an open file",
		[E.EBADFD]: "iommufd is a file, but not /dev/iommu",
		[E.EPERM]: "interrupts are not isolated, or the host or another context uses a device of its group",
		[E.EACCES]: "a virtual function needs the token of its physical function",
		[E.EBUSY]: "its VFIO group is open, or (simulated) a virtual device of its function is in the context",
		[E.EINVAL]: "it is already bound, through this or another file; or argsz, a flag or iommufd is wrong",
		[E.EFAULT]: "the struct or the token cannot be read, or the device takes no token",
	},
	VFIO_DEVICE_ATTACH_IOMMUFD_PT: {
		[E.ENOENT]: "no object has the ID pt_id in this context, or a nested table has no virtual device for this one",
		[E.EINVAL]: "pt_id has the wrong type, its group is attached elsewhere, or the table does not fit (PASID, nested)",
		[E.EADDRINUSE]: "a mapping or allowed range overlaps what the device reserves, or is not aligned for its IOMMU",
		[E.EBUSY]: "PASID 0 is attached: detach that first",
		[E.EOVERFLOW]: "a mapping's memory ends beyond the address space",
		[E.ENODEV]: "the table wants faults, and this device or its IOMMU cannot report them",
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
		[E.EEXIST]: "the range overlaps an existing mapping",
		[E.EINVAL]: "argsz, a flag, alignment or length is wrong, or the range overlaps a reserved one",
	},
	VFIO_IOMMU_UNMAP_DMA: {
		[E.ENOENT]: "nothing is mapped there, or a mapping extends beyond the range",
		[E.EDEADLK]: "an access does not release the memory although it was asked to",
		[E.EINVAL]: "argsz, a flag, alignment or length is wrong, or a dirty bitmap is requested (iommufd gives none)",
	},
	VFIO_SET_IOMMU: {
		[E.EINVAL]: "this type of IOMMU is not supported: use type 1 or type 1 v2",
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
		[E.EBUSY]: "it is already open, or its group is",
		[E.ENXIO]: "no device is behind this file",
	},
	read: {
		[E.EINVAL]: "too short for the first waiting event or page request, or the device is not bound",
		[E.ESPIPE]: "the length is not a multiple of the message size, or an offset is given",
		[E.EAGAIN]: "nothing to read yet: poll it",
	},
	write: {
		[E.EINVAL]: "unknown cookie or code in a response (none before it was accepted), or this file takes no responses",
		[E.ESPIPE]: "the length is not a multiple of the size of a page response",
	},
	pread: { [E.EINVAL]: "the region does not exist or ends before that offset, or the device is not bound" },
	pwrite: { [E.EINVAL]: "the region does not exist or ends before that offset, or the device is not bound" },
	mmap: {
		[E.EEXIST]: "something is already mapped there",
		[E.EPERM]: "that address is below what programs may map (vm.mmap_min_addr), or the file does not allow it",
		[E.EINVAL]: "address, offset or length are not page aligned, or length is 0",
		[E.ENOMEM]: "out of memory or address space (ulimit -v)",
		[E.ENXIO]: "the context has no memory to map at this offset",
		[E.ENODEV]: "this file cannot be mapped",
	},
	close: { [E.EBADF]: "that file descriptor is not open" },
};

/** VFIO's calls on a device's file that do not belong to iommufd. */
const ofDeviceCalls: Readonly<Record<string, Meanings>> = {
	VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: {
		[E.ENOSPC]: "argsz has no room for all devices: it takes 12 bytes, and 8 for each device",
		[E.ENODEV]: "the device's bus cannot be reset",
	},
};

/** By the ioctl's or system call's name. */
export const commandMeanings: Readonly<Partial<Record<string, Meanings>>> = { ...ofIoctls, ...ofDeviceCalls, ...ofSystemCalls };
