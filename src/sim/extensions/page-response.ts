/** Page responses as proposed in 2017: through a device's own file. */
import { iommu_page_response_code as CODE } from "../../../structs/index.js";
import { type FaultGroup, RESPONSE_INVALID, RESPONSE_SUCCESS } from "../contract/page-request.js";
import { Device } from "../iommufd/device.js";
import { FaultQueue } from "../iommufd/fault-queue.js";
import type { HwDevice } from "../vendors/common/device.js";

/** The part of a device's page requests that a response of 2017 needs. */
interface Requests {
	readonly device: HwDevice;
	readonly counts: { refusedResponses: number };
	/** Finds a waiting group. */
	find(group: number, pasid: number | undefined): FaultGroup | undefined;
	/** Stops the device from sending more. */
	stop(): void;
}

/** The part of the machine's control that a response of 2017 needs. */
interface Asking {
	requests(device: HwDevice): Requests;
	/** devices that made page requests */
	readonly requesting: Iterable<Requests>;
	readonly sim: { warn(line: string): void };
}

/** The fields of a page response of 2017 (struct page_response_msg) that matter. */
export interface PageResponse2017 {
	readonly resp_code: number;
	readonly pasid_present: number;
	readonly pasid: number;
	readonly page_req_group_id: number;
}

export type ResponseResult =
	| { readonly taken: true; readonly requests: number }
	/** it had no effect, and is counted for the device whose file it was written to */
	| { readonly taken: false; readonly why: string };

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
	const { resp_code, page_req_group_id: group } = response;
	const pasid = response.pasid_present ? response.pasid : undefined;
	const known: readonly number[] = [CODE.IOMMU_PAGE_RESP_SUCCESS, CODE.IOMMU_PAGE_RESP_INVALID, CODE.IOMMU_PAGE_RESP_FAILURE];
	if (!known.includes(resp_code)) return refuse(`response code ${resp_code} is unknown`);
	const found = requests.find(group, pasid);
	if (found === undefined) {
		const owner = ownerOf(control, group, pasid);
		const what = `group ${group}${pasid === undefined ? "" : ` with PASID ${pasid}`}`;
		return refuse(owner === undefined ? `${what} is not pending` : `${what} is pending for ${owner.name}, not for this device`);
	}
	settle(found);
	// Response Failure stops page requests altogether until the device is reset
	if (resp_code === CODE.IOMMU_PAGE_RESP_FAILURE) requests.stop();
	found.respond(resp_code === CODE.IOMMU_PAGE_RESP_SUCCESS ? RESPONSE_SUCCESS : RESPONSE_INVALID);
	return { taken: true, requests: found.requests.length };
}

/** The other device for which this is pending, if any. */
function ownerOf(control: Asking, group: number, pasid: number | undefined): HwDevice | undefined {
	for (const { device, ...rest } of [...control.requesting].map((each) => ({ device: each.device, found: each.find(group, pasid) })))
		if (rest.found !== undefined) return device;
	return undefined;
}

/** Removes the group from the queue that it waits in: its cookie is unknown from now on. */
function settle(group: FaultGroup): void {
	const { owner } = group.handle;
	if (!(owner instanceof Device)) return;
	for (const object of owner.context.objects) if (object instanceof FaultQueue && object.settle(group)) return;
}
