/** The call by which a VMM tells KVM of its VFIO files. */
import type { Notification } from "../notify.js";
import type { Served } from "../served.js";

export const KVM_SET_DEVICE_ATTR = 0x4018aee1;

/** KVM_DEV_VFIO_FILE, and its attributes KVM_DEV_VFIO_FILE_ADD and _DEL */
const VFIO_FILE = 1;
const ATTRIBUTES = [1n, 2n];

/** Whether KVM_SET_DEVICE_ATTR names a simulated file, which is nothing to KVM: then it succeeds without KVM. */
export function registersFile({ native, files }: Served, { tid, args: [, , arg] }: Notification): boolean {
	if (files.size === 0) return false;
	const attr = new Uint8Array(24);
	if (native.remote(tid, arg, attr) < attr.length) return false;
	const view = new DataView(attr.buffer);
	if (view.getUint32(4, true) !== VFIO_FILE || !ATTRIBUTES.includes(view.getBigUint64(8, true))) return false;
	const number = new Uint8Array(4);
	if (native.remote(tid, view.getBigUint64(16, true), number) < number.length) return false;
	return files.of(tid, new DataView(number.buffer).getInt32(0, true)) !== undefined;
}
