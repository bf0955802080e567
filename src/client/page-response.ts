/** Translates page responses between the struct proposed in 2017 and today's. */
import {
	iommufd_page_response_code as NEW,
	iommu_page_response_code as OLD,
	iommu_page_response_type as OLD_TYPE,
} from "../../structs/index.js";

/** A page response as it was proposed in 2017 (struct page_response_msg). */
export interface OldResponse {
	readonly addr: bigint;
	readonly pasid: number;
	readonly resp_code: number;
	readonly pasid_present: number;
	readonly page_req_group_id: number;
	readonly type: number;
	readonly private_data: number;
}

/** Today's page response, which names the group by the cookie of the request. */
export interface NewResponse {
	readonly cookie: number;
	readonly code: number;
}

/** The parts of a request that a response of 2017 has to repeat: fields of struct iommu_hwpt_pgfault. */
export interface Request {
	readonly addr: bigint;
	readonly pasid: number;
	readonly pasidValid: boolean;
	readonly grpid: number;
}

/**
 * Today's response. `lost` lists what it cannot express: a failure, which would have ended the device's page
 * requests altogether; a stream response, which did not name a group; and private data.
 */
export function toNewResponse(old: OldResponse, cookie: number): { readonly response: NewResponse; readonly lost: readonly string[] } {
	const lost: string[] = [];
	if (old.resp_code === OLD.IOMMU_PAGE_RESP_FAILURE) lost.push("FAILURE is INVALID today: the device's page requests go on");
	if (old.type === OLD_TYPE.IOMMU_PAGE_STREAM_RESP) lost.push("stream responses are gone: a group is answered as a whole");
	if (old.private_data !== 0) lost.push("private_data: the kernel keeps it with the cookie today");
	const code = old.resp_code === OLD.IOMMU_PAGE_RESP_SUCCESS ? NEW.IOMMUFD_PAGE_RESP_SUCCESS : NEW.IOMMUFD_PAGE_RESP_INVALID;
	return { response: { cookie, code }, lost };
}

/** The response of 2017 to a request; today's code is only success or invalid. */
export function toOldResponse({ code }: NewResponse, request: Request): OldResponse {
	return {
		addr: request.addr,
		pasid: request.pasidValid ? request.pasid : 0,
		resp_code: code === NEW.IOMMUFD_PAGE_RESP_SUCCESS ? OLD.IOMMU_PAGE_RESP_SUCCESS : OLD.IOMMU_PAGE_RESP_INVALID,
		pasid_present: request.pasidValid ? 1 : 0,
		page_req_group_id: request.grpid & 0x1ff,
		type: OLD_TYPE.IOMMU_PAGE_GROUP_RESP,
		private_data: 0,
	};
}
