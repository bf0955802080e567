/** `vsva convert-response`: page responses of 2017 and of today. */
import {
	iommu_hwpt_pgfault_flags as FLAG,
	iommu_hwpt_page_response,
	iommu_hwpt_pgfault,
	page_response_msg,
	type StructType,
	toJson,
} from "../../../../../structs/index.js";
import { toNewResponse, toOldResponse } from "../../../../client/page-response.js";
import { encodeEntry } from "../../../call/entries/encode.js";
import { parseNumber, showLeaf } from "../../../call/natural.js";
import type { Invocation } from "../../../frame/command.js";
import { done, type Outcome, UsageError } from "../../../frame/exit.js";
import { hexBytes } from "../../../frame/text.js";
import { printDocument } from "../control.js";

// biome-ignore lint/suspicious/noExplicitAny: any struct, whatever its value
type AnyStruct = StructType<any, any, any>;
const bytesOf = (struct: AnyStruct, text: string, where: string): Uint8Array =>
	encodeEntry({ name: where, type: 0, struct, example: "" }, text, where);

/** Converts a page response of 2017 to today's, or back; makes no call. */
export async function convertResponse(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	const fields = args.slice(1).join(",");
	if (args[0] === "today") {
		const cookie = Number(
			parseNumber((options.cookie as string | undefined) ?? missing("--cookie", "the one that came with the page fault"), "--cookie"),
		);
		const { response, lost } = toNewResponse(page_response_msg.decode(bytesOf(page_response_msg, fields, "page_response_msg")), cookie);
		return show(inv, iommu_hwpt_page_response, iommu_hwpt_page_response.encode(response), lost);
	}
	if (args[0] !== "2017") throw new UsageError(`"${args[0]}" is neither today nor 2017`, "give the form to convert to");
	const faultText =
		(options.fault as string | undefined) ??
		missing("--fault", "the request that is answered: grpid=3,pasid=5,flags=PASID_VALID,addr=0x1000");
	const fault = iommu_hwpt_pgfault.decode(bytesOf(iommu_hwpt_pgfault, faultText, "--fault"));
	const request = {
		addr: fault.addr,
		pasid: fault.pasid,
		pasidValid: (fault.flags & FLAG.IOMMU_PGFAULT_FLAGS_PASID_VALID) !== 0,
		grpid: fault.grpid,
	};
	const old = toOldResponse(
		iommu_hwpt_page_response.decode(bytesOf(iommu_hwpt_page_response, fields, "iommu_hwpt_page_response")),
		request,
	);
	const lost = fault.grpid > 0x1ff ? [`group ${fault.grpid} does not fit into the nine bits of 2017`] : [];
	return show(inv, page_response_msg, page_response_msg.encode(old), lost);
}

function missing(option: string, what: string): never {
	throw new UsageError(`${option} is missing`, what);
}

function show(inv: Invocation, struct: AnyStruct, bytes: Uint8Array, lost: readonly string[]): Outcome {
	if (inv.common.json)
		printDocument(inv, "iommuctl.vsva.response", {
			struct: struct.name,
			value: toJson(struct, struct.decode(bytes)),
			bytes: hexBytes(bytes),
			lost,
		});
	else {
		const leaves = struct.leaves.filter((leaf: (typeof struct.leaves)[number]) => leaf.role !== "reserved");
		const text = leaves.map((leaf: (typeof leaves)[number]) => `${leaf.name}=${showLeaf(leaf, bytes)}`).join(" ");
		inv.io.stdout.write(
			[`struct ${struct.name}: ${text}`, hexBytes(bytes), ...lost.map((line) => `lost: ${line}`)].map((line) => `${line}\n`).join(""),
		);
	}
	return done;
}
