/** The names of VFIO's requests. */
import * as requests from "./requests.js";

/** A call of VFIO's files. */
export type VfioRequest = keyof typeof requests;

const names = new Map(Object.entries(requests).map(([name, request]) => [request, name as VfioRequest]));

/** The name of a request; undefined: VFIO has none with this number. */
export function requestName(request: number): VfioRequest | undefined {
	return names.get(request);
}
