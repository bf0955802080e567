/** Request numbers and their names in traces. */
import type { StructType } from "../../structs/index.js";
import { ioctlByRequest, ioctlNamed } from "../../structs/index.js";
import { FieldError } from "./check.js";

const numbers = new Map<string, number>();
const NUMBER = /^(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/;

/** An ioctl's request number from its uAPI name or its number; throws FieldError if it is neither. */
export function requestNumber(request: string): number {
	const number = knownRequest(request);
	if (number === undefined) throw new FieldError("request", `ioctl: no request is called ${JSON.stringify(request)}`);
	return number;
}

/** The same; undefined if it is neither. */
export function knownRequest(request: string): number | undefined {
	const known = numbers.get(request);
	if (known !== undefined) return known;
	const number = NUMBER.test(request) ? Number(request) : ioctlNamed(request)?.request;
	if (number === undefined || number > 0xffffffff) return undefined;
	numbers.set(request, number);
	return number;
}

/** A request for people: its name if it has one. */
export function requestName(request: number): string {
	return ioctlByRequest(request)?.name ?? hex(request);
}

/** A step's request for people: the name that it was recorded with, or its number's. */
export function shownRequest({ request }: { readonly request: string }): string {
	return ioctlNamed(request) === undefined ? requestName(requestNumber(request)) : request;
}

/** A request as written in a trace: its name on this kind of file if every iommuctl knows it, its number where only a header does. */
export function recordedRequest(request: number, file: "context" | "device"): string {
	const call = ioctlByRequest(request, file);
	return call === undefined || call.header !== undefined ? hex(request) : call.name;
}

const onFile = { context: new Map<string, string>(), device: new Map<string, string>() };

/**
 * A request with the name that it has on this kind of file, where the kind makes a difference: VFIO numbers mean one thing on a
 * device and another on /dev/iommu, and a trace may have the number, or either name. Any other request stays as it is written.
 */
export function requestOn(request: string, file: "context" | "device"): string {
	let name = onFile[file].get(request);
	if (name === undefined) {
		const number = requestNumber(request);
		const differs = ioctlByRequest(number, "device") !== ioctlByRequest(number, "context");
		name = differs ? (ioctlByRequest(number, file)?.name ?? hex(number)) : request;
		onFile[file].set(request, name);
	}
	return name;
}

const hex = (request: number): string => `0x${request.toString(16)}`;

/** The struct that a request (as written in a step) takes; undefined if no such struct is known. */
export function requestStruct(request: string): StructType | undefined {
	return (ioctlNamed(request) ?? ioctlByRequest(requestNumber(request)))?.struct ?? undefined;
}
