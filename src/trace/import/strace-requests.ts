/** Requests in strace logs: names, of which a number has several, and on which file which of them is meant. */
import { type Ioctl, ioctlByRequest, ioctlNamed, ioctls } from "../../../structs/index.js";

/** What a file is: /dev/iommu or a container, a VFIO device, or a VFIO group. */
export type FileKind = "context" | "device" | "group";

export interface Request {
	readonly number: number;
	/** as the log names it, or the number */
	readonly name: string;
	readonly ioctl?: Ioctl;
	readonly kind: FileKind;
	/** what the argument is: an address of something, or a number (or nothing) */
	readonly takes: "address" | "number";
}

/** Names that strace knows for VFIO's numbers and that are not in the uAPI's table. */
const OTHER_NAMES: Readonly<Record<string, number>> = {
	VFIO_GROUP_GET_STATUS: 0x67,
	VFIO_GROUP_SET_CONTAINER: 0x68,
	VFIO_GROUP_UNSET_CONTAINER: 0x69,
	VFIO_GROUP_GET_DEVICE_FD: 0x6a,
	VFIO_IOMMU_SPAPR_TCE_GET_INFO: 0x70,
	VFIO_IOMMU_SPAPR_REGISTER_MEMORY: 0x75,
	VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY: 0x76,
	VFIO_IOMMU_SPAPR_TCE_CREATE: 0x77,
	VFIO_IOMMU_SPAPR_TCE_REMOVE: 0x78,
	VFIO_EEH_PE_OP: 0x79,
};

/** Calls without a struct whose argument is a number or that have none; the others without a struct point to something of any length. */
const WITH_NUMBERS: ReadonlySet<string> = new Set([
	"VFIO_GET_API_VERSION",
	"VFIO_CHECK_EXTENSION",
	"VFIO_SET_IOMMU",
	"VFIO_IOMMU_ENABLE",
	"VFIO_IOMMU_DISABLE",
	"VFIO_DEVICE_RESET",
	"VFIO_GROUP_UNSET_CONTAINER",
]);

/** Calls that ask what is always the same: by themselves they are no reason to keep a trace. */
export const CONSTANT_ANSWERS: ReadonlySet<string> = new Set([ioctls.VFIO_GET_API_VERSION.name, ioctls.VFIO_CHECK_EXTENSION.name]);

export function kindOfFile(path: string): FileKind | undefined {
	if (path === "/dev/iommu" || path === "/dev/vfio/vfio") return "context";
	if (path.startsWith("/dev/vfio/devices/")) return "device";
	return /^\/dev\/vfio\/(?:noiommu-)?\d+$/.test(path) ? "group" : undefined;
}

/**
 * A request: a name, the names of one number (`A or B`), `_IOC(...)`, or a number; undefined for other drivers' requests. Of several names,
 * the file decides; without one, the first that the uAPI's table has.
 */
export function requestIn(text: string, file: FileKind | undefined): Request | undefined {
	const names = text.split(" or ").map((name) => name.trim());
	const numbers = names.flatMap((name) => numberOf(name) ?? []);
	const number = numbers[0] ?? numeric(text);
	if (number === undefined || ((number >> 8) & 0xff) !== 0x3b) return undefined;
	const name = (file && names.find((one) => isOn(one, file))) ?? names.find((one) => ioctlNamed(one)) ?? names[0];
	const kind = file ?? (name.startsWith("VFIO_DEVICE_") ? "device" : name.startsWith("VFIO_GROUP_") ? "group" : "context");
	const ioctl = ioctlNamed(name) ?? (kind === "group" ? undefined : ioctlByRequest(number, kind));
	const takes = ioctl?.struct == null && WITH_NUMBERS.has(ioctl?.name ?? name) ? "number" : "address";
	return { number, name, kind, takes, ...(ioctl && { ioctl }) };
}

function isOn(name: string, file: FileKind): boolean {
	if (file === "context") return !/^VFIO_(?:DEVICE|GROUP|EEH)_|_SPAPR_/.test(name);
	return name.startsWith(file === "device" ? "VFIO_DEVICE_" : "VFIO_GROUP_");
}

function numberOf(name: string): number | undefined {
	const other = OTHER_NAMES[name];
	return ioctlNamed(name)?.request ?? (other === undefined ? undefined : 0x3b00 | other);
}

function numeric(text: string): number | undefined {
	const parts = /^_IOC\(([^,]+), 0x3b, (0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+)\)$/.exec(text);
	if (parts === null) return /^0x[0-9a-f]{1,8}$/.test(text) ? Number(text) : undefined;
	const direction = (/READ/.test(parts[1]) ? 2 : 0) | (/WRITE/.test(parts[1]) ? 1 : 0);
	return direction * 2 ** 30 + Number(parts[3]) * 2 ** 16 + 0x3b00 + Number(parts[2]);
}
