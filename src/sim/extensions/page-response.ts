/** Page responses as proposed in 2017: through a device's own file. */
import { iommu_page_response_code as CODE, iommu_page_response_type as TYPE } from "../../../structs/index.js";
import { type FaultGroup, RESPONSE_INVALID, RESPONSE_SUCCESS } from "../contract/page-request.js";
import type { HwDevice } from "../vendors/common/device.js";

/** The part of a device's page requests that a response of 2017 needs. */
interface Requests {
	readonly device: HwDevice;
	readonly counts: { refusedResponses: number };
	/** Finds a waiting group. */
	find(group: number, pasid: number | undefined): FaultGroup | undefined;
	/** A failure response ends its page requests altogether. */
	fail(group: FaultGroup): void;
}

/** The part of the machine's control that a response of 2017 needs. */
interface Asking {
	requests(device: HwDevice): Requests;
	/** devices that made page requests */
	readonly requesting: Iterable<Requests>;
	readonly sim: { warn(line: string): void };
}

/** The fields of a page response of 2017 (struct page_response_msg). */
export interface PageResponse2017 {
	readonly resp_code: number;
	readonly pasid_present: number;
	readonly pasid: number;
	readonly page_req_group_id: number;
	/** absent: a group response */
	readonly type?: number;
	/** of a stream response: the address and the private data of the request */
	readonly addr?: bigint;
	readonly private_data?: number;
}

export type ResponseResult =
	| { readonly taken: true; readonly requests: number }
	/** it had no effect, and is counted for the device whose file it was written to */
	| { readonly taken: false; readonly why: string };

/** Requests carry bits 63:12 of an address. */
const PAGE = ~0xfffn;

/**
 * Handles a response written to a device's own file. The requester ID is that device's, whatever the writer meant, so it can
 * only answer what is pending for this device.
 */
export function respond2017(control: Asking, device: HwDevice, response: PageResponse2017): ResponseResult {
	const requests = control.requests(device);
	const refuse = (why: string): ResponseResult => {
		requests.counts.refusedResponses++;
		control.sim.warn(`iommu: page response for ${device.name} refused: ${why}`);
		return { taken: false, why };
	};
	const { resp_code, page_req_group_id: group, type = TYPE.IOMMU_PAGE_GROUP_RESP } = response;
	const pasid = response.pasid_present ? response.pasid : undefined;
	const types: readonly number[] = [TYPE.IOMMU_PAGE_STREAM_RESP, TYPE.IOMMU_PAGE_GROUP_RESP];
	if (!types.includes(type)) return refuse(`response type ${type} is unknown`);
	const known: readonly number[] = [CODE.IOMMU_PAGE_RESP_SUCCESS, CODE.IOMMU_PAGE_RESP_INVALID, CODE.IOMMU_PAGE_RESP_FAILURE];
	if (!known.includes(resp_code)) return refuse(`response code ${resp_code} is unknown`);
	const found = requests.find(group, pasid);
	if (found === undefined) {
		const owner = ownerOf(control, group, pasid);
		const what = `group ${group}${pasid === undefined ? "" : ` with PASID ${pasid}`}`;
		return refuse(owner === undefined ? `${what} is not pending` : `${what} is pending for ${owner.name}, not for this device`);
	}
	if (type === TYPE.IOMMU_PAGE_STREAM_RESP) {
		const why = streamMismatch(found, response);
		if (why !== undefined) return refuse(why);
	}
	// the cookie is unknown from now on
	found.holder?.forget(found);
	if (resp_code === CODE.IOMMU_PAGE_RESP_FAILURE) requests.fail(found);
	else found.respond(resp_code === CODE.IOMMU_PAGE_RESP_SUCCESS ? RESPONSE_SUCCESS : RESPONSE_INVALID);
	return { taken: true, requests: found.requests.length };
}

/** Why a stream response does not answer the one request of a group; undefined: it does. */
function streamMismatch(
	{ requests }: FaultGroup,
	{ addr = 0n, private_data = 0, page_req_group_id: group }: PageResponse2017,
): string | undefined {
	if (requests.length > 1) return `group ${group} has ${requests.length} requests, and a stream response answers one`;
	const [{ addr: asked, privateData = 0 }] = requests;
	if ((addr & PAGE) !== (asked & PAGE)) return `group ${group} asked for 0x${asked.toString(16)}, not for 0x${addr.toString(16)}`;
	if (private_data !== privateData)
		return `the request's private data is 0x${privateData.toString(16)}, not 0x${private_data.toString(16)}`;
	return undefined;
}

/** The other device for which this is pending, if any. */
function ownerOf(control: Asking, group: number, pasid: number | undefined): HwDevice | undefined {
	for (const requests of control.requesting) if (requests.find(group, pasid) !== undefined) return requests.device;
	return undefined;
}
