/** The names of VFIO's requests. */
import * as requests from "./requests.js";

/** A call of VFIO's files. */
export type VfioRequest = keyof typeof requests;

function named(prefix: string): ReadonlyMap<number, string> {
	return new Map(Object.entries(requests).flatMap(([name, request]) => (name.startsWith(prefix) ? [[request, name]] : [])));
}

const deviceCalls = named("VFIO_DEVICE_");
const groupCalls = named("VFIO_GROUP_");

/** The name of a device file's request; `ioctl` for an unknown one. */
export function deviceCallName(request: number): string {
	return deviceCalls.get(request) ?? "ioctl";
}

/** The same for a group's file. */
export function groupCallName(request: number): string {
	return groupCalls.get(request) ?? "ioctl";
}
