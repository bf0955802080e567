/** The checks of a device's file, and of binding and attaching through it. */
import {
	E2BIG,
	EACCES,
	EBADF,
	EBADFD,
	EBUSY,
	EFAULT,
	EINVAL,
	ENOENT,
	ENOMEM,
	ENOSPC,
	ENOTTY,
	EOPNOTSUPP,
	EPERM,
} from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";
import { argReadChecks, UNREADABLE } from "./args.js";

const CDEV = "Documentation/driver-api/vfio.rst, VFIO device cdev";
const TOKENS = "uAPI: vfio_device_bind_iommufd, token_uuid_ptr";

/** What every call of a device's file but BIND needs first. */
export const boundChecks = checks(CDEV, {
	notBound: check(EINVAL, "{device} is not bound through this file", "VFIO_DEVICE_BIND_IOMMUFD must come first"),
});

/** What ATTACH and DETACH need. */
export const aloneChecks = checks(CDEV, {
	throughGroup: check(
		ENOTTY,
		"{device} was opened through its group's file, which attaches it",
		"the device must have been opened as /dev/vfio/devices/vfioN",
	),
});

/** Calls that the device's driver does not have. */
export const deviceCallChecks = checks("include/uapi/linux/vfio.h", {
	unknownDeviceCall: check(ENOTTY, "{device} does not know request {request:x}", "the request must be one of the device's driver"),
});

/** The tokens of SR-IOV functions. */
export const tokenChecks = checks(TOKENS, {
	tokenUnreadable: check(EFAULT, "token_uuid_ptr {addr} cannot be read: {fault}", "token_uuid_ptr must point to 16 bytes"),
	vfToken: check(
		EACCES,
		"{device} is a virtual function of {pf}, and {given}",
		"a virtual function is opened with the token of its physical function",
	),
	noToken: check(EINVAL, "{device} has no token, and one was given", "only physical and virtual functions of SR-IOV have tokens"),
	pfToken: check(
		EACCES,
		"virtual functions of {device} are open ({count}), and {given}",
		"while virtual functions are open, the physical function is opened with the token that they were opened with",
	),
});

/** Binding a device to a context. */
export const bindingChecks = checks("iommufd.allow_unsafe_interrupts", {
	notIsolated: check(
		EPERM,
		"interrupts of {device} are not isolated: its IOMMU does not remap them",
		"interrupts must be remapped, or unsafe ones allowed (kernel.unsafe_interrupts of the machine)",
	),
});

/** VFIO_DEVICE_BIND_IOMMUFD, up to the device */
export const bindChecks = checks("uAPI: vfio_device_bind_iommufd", {
	argsz: argReadChecks,
	argszTooSmall: check(
		EINVAL,
		"argsz is {argsz}, less than the {least} bytes that this call needs",
		"argsz must be at least that of the fields up to out_devid",
	),
	argszTooLarge: check(E2BIG, "argsz is {argsz}, more than {most}", "argsz must be at most a page"),
	tailNotZero: check(
		E2BIG,
		"argsz is {argsz}, and beyond the {known} bytes that this kernel knows something is not zero",
		"bytes that the kernel does not know must be zero",
	),
	tailUnreadable: check(
		EFAULT,
		"the struct's {argsz} bytes at {addr} cannot be read: {fault}",
		"all of the struct's bytes must be readable",
	),
	structUnreadable: check(EFAULT, "the struct at {addr} cannot be read: {fault}", "all of the struct's bytes must be readable"),
	flags: check(EINVAL, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have VFIO_DEVICE_BIND_FLAG_TOKEN"),
	fdNegative: check(EINVAL, "iommufd is {fd}", "iommufd must be an open /dev/iommu"),
	groupBound: check(
		EINVAL,
		"{device} was opened through its group's file, which has bound it",
		"the device must have been opened as /dev/vfio/devices/vfioN",
	),
	groupOpen: check(EBUSY, "{group} is open", "a group is used as a whole or device by device: its file must be closed first"),
	boundHere: check(EINVAL, "{device} is bound through this file already, with the ID {id}", "a file binds its device once"),
	token: tokenChecks,
	noFile: check(EBADF, "iommufd {fd} is not open", "iommufd must be an open /dev/iommu"),
	notIommufd: check(EBADFD, "iommufd {fd} is a file of the kind {kind}", "iommufd must be an open /dev/iommu"),
	boundElsewhere: check(EINVAL, "another open file has bound {device}, with the ID {id}", "that file must be closed first"),
	bindMemory: check(ENOMEM, "allocation {number} of this kernel was made to fail", "the kernel must have memory for the call", {
		source: "fail-nth",
	}),
});

/** Finding the PASID that ATTACH and DETACH act on. */
export const pasidArgChecks = checks("uAPI: vfio_device_attach_iommufd_pt", {
	noPasids: check(EOPNOTSUPP, "{device} is emulated in software and has no PASIDs", "the device must be behind an IOMMU"),
	pasidMissing: check(EINVAL, "argsz is {argsz}, and pasid needs {least}", "argsz must include pasid"),
	pasidUnreadable: check(EFAULT, UNREADABLE, "the argument must reach to the end of pasid"),
});

/** Attaching a PASID of a device behind an IOMMU. */
export const attachPasidChecks = checks("observed on Linux 7.3.4", {
	pasidUntracked: check(ENOSPC, "pasid is {pasid:x}", "pasid must be at most 0x7fffffff, what VFIO can keep track of"),
});

/** Attaching a device that software emulates. */
export const attachEmulatedChecks = checks("uAPI: vfio_device_attach_iommufd_pt", {
	noIoas: check(ENOENT, "no IOAS has the ID {id}", "software emulates the device, so pt_id must be the ID of an IOAS"),
});

export const attachPtChecks = checks("uAPI: vfio_device_attach_iommufd_pt", {
	fixed: argReadChecks,
	argsz: check(
		EINVAL,
		"argsz is {argsz}, less than the {least} bytes that this call needs",
		"argsz must be at least that of the fields up to pt_id",
	),
	flags: check(EINVAL, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have VFIO_DEVICE_ATTACH_PASID"),
	pasid: pasidArgChecks,
	attachPasid: attachPasidChecks,
	emulated: attachEmulatedChecks,
});

export const detachPtChecks = checks("uAPI: vfio_device_detach_iommufd_pt", {
	fixed: argReadChecks,
	argsz: check(
		EINVAL,
		"argsz is {argsz}, less than the {least} bytes that this call needs",
		"argsz must be at least that of argsz and flags",
	),
	flags: check(EINVAL, "flags is {flags:x}, with unknown bits {unknown:x}", "flags may have VFIO_DEVICE_DETACH_PASID"),
	pasid: pasidArgChecks,
});
