/** Calls that also open a file, which exit has to close too. */
import { allCalls, groupCalls, iommu_test_cmd, isMadeFile } from "../../../structs/index.js";

/** Offset of the new file's descriptor in a call's struct, in bytes; with `op`, only if the struct has this one. */
interface Descriptor {
	readonly offset: number;
	readonly op: number | undefined;
}

const descriptors: ReadonlyMap<number, readonly Descriptor[]> = new Map(
	allCalls()
		.filter(({ makes }) => makes?.some(isMadeFile))
		.map(({ request, struct, makes = [] }) => [
			request,
			makes.filter(isMadeFile).map(({ fd, op }) => ({ offset: struct?.offsets[fd] as number, op })),
		]),
);
const opOffset = iommu_test_cmd.offsets.op;

/** The bytes of the struct up to the number's end, with every number that the request may have. */
const ends: ReadonlyMap<number, number> = new Map(
	[...descriptors].map(([request, found]) => [request, Math.max(...found.map(({ offset }) => offset + 4))]),
);

/** How many bytes of its struct a call needs for the number of the file that it may open; 0: it opens none, or returns it as its value. */
export function madeFileEnd(request: number): number {
	return ends.get(request) ?? 0;
}

/** Whether a successful call with this request may open a file; a quick check for all other calls. */
export function mayMakeFile(request: number): boolean {
	return descriptors.has(request) || request === groupCalls.VFIO_GROUP_GET_DEVICE_FD;
}

/** The file that a successful call opened; `read32` reads a word of the struct after the call. */
export function madeFile(request: number, ret: number, read32: (offset: number) => number | undefined): number | undefined {
	if (request === groupCalls.VFIO_GROUP_GET_DEVICE_FD) return ret;
	const found = descriptors.get(request)?.find(({ op }) => op === undefined || read32(opOffset) === op);
	return found && read32(found.offset);
}
