/** The checks of opening files below /dev/vfio, and of group files. */
import { EBADF, EBADFD, EBUSY, EFAULT, EINVAL, ENODEV, ENOENT, ENOTTY } from "../../../kernel/errno.js";
import { check, checks } from "../../why/check.js";
import { argReadChecks, argWriteChecks } from "./args.js";
import { tokenChecks } from "./device-file.js";

/** Opening a path below /dev/vfio. */
export const nodeChecks = checks("Documentation/driver-api/vfio.rst", {
	noDevice: check(ENOENT, "there is no {path}: the machine has {devices}", "the path must be that of a device that a VFIO driver has"),
	noGroup: check(
		ENOENT,
		"there is no {path}: the machine has {groups}",
		"the path must be that of a group with a device that a VFIO driver has",
	),
	groupOpen: check(EBUSY, "{path} is open already", "a group's file is opened once"),
	groupInUse: check(
		EBUSY,
		"devices of the group are bound one by one: {devices}",
		"a group is used as a whole or device by device: their files must be closed first",
	),
});

/** Calls that a group's file does not know. */
export const groupCallChecks = checks("include/uapi/linux/vfio.h", {
	unknownGroupCall: check(ENOTTY, "a group's file does not know request {request:x}", "the request must be a VFIO_GROUP_* call"),
});

export const groupStatusChecks = checks("uAPI: vfio_group_status", {
	read: argReadChecks,
	argsz: check(EINVAL, "argsz is {argsz}, less than the 8 bytes of the struct", "argsz must be at least the size of the struct"),
	write: argWriteChecks,
});

export const setContainerChecks = checks("uAPI: VFIO_GROUP_SET_CONTAINER", {
	read: argReadChecks,
	fdNegative: check(EINVAL, "the descriptor is {fd}", "the argument must point to the descriptor of an open /dev/iommu"),
	noFile: check(EBADF, "fd {fd} is not open", "the descriptor must be that of an open /dev/iommu"),
	containerSet: check(EINVAL, "{group} has a context already", "VFIO_GROUP_UNSET_CONTAINER must come first"),
	notIommufd: check(EBADFD, "fd {fd} is a file of the kind {kind}", "the descriptor must be that of an open /dev/iommu"),
});

/** What needs the group's context. */
export const containerChecks = checks("uAPI: VFIO_GROUP_SET_CONTAINER", {
	noContainer: check(EINVAL, "{group} has no context", "VFIO_GROUP_SET_CONTAINER must come first"),
});

export const getDeviceFdChecks = checks("uAPI: VFIO_GROUP_GET_DEVICE_FD", {
	name: check(EFAULT, "the name at {addr} {fault}", "the argument must point to a device's name that ends with a zero byte"),
	noDevice: check(ENODEV, "{group} has no device {name}: it has {devices}", "the name must be that of a device of the group"),
	tokenText: check(EINVAL, "vf_token={token} is not a UUID", "the token must be written as a UUID"),
	token: tokenChecks,
	container: containerChecks,
});
