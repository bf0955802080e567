/** The line of the kernel log for an event that no queue takes. */
import { smmuAccessWords } from "../../../formats/smmuv3/event-words.js";
import { decodeSmmuEvent, SMMU_EVENT_LAYOUTS, SMMU_EVENTS } from "../../../formats/smmuv3/events.js";
import type { SmmuStream } from "./stream.js";
import { type SmmuEvent, smmuEventRecord } from "./translate.js";

/** CLASS (IHI0070, 7.3.12): what was accessed when it faulted. */
const CLASSES = ["CD", "TT", "IN"];
/** Fields of one bit that say something about the access. */
const FLAGS = { rnw: "RnW", pnu: "PnU", ind: "InD", s2: "S2", nsipa: "NSIPA", stall: "STALL", ttrnw: "TTRnW", gpcf: "GPCF" } as const;

/** Every field that tells of the fault: event, stream, substream, address, intermediate address, class, flags. */
export function unhandledLine({ smmu, device }: SmmuStream, event: SmmuEvent, why: string): string {
	const { name } = event;
	const { fields } = decodeSmmuEvent(smmuEventRecord(event));
	const layout = SMMU_EVENT_LAYOUTS[name];
	const value = (field: string) => `0x${(fields[field] ?? 0n).toString(16)}`;
	const shown = (title: string, field: string) => (field in layout ? ` ${title} ${value(field)}` : "");
	const ssid = fields.ssv === 1n ? value("ssid") : "none";
	const flags = Object.entries(FLAGS).flatMap(([field, title]) => (fields[field] === 1n ? [title] : []));
	const cls = "class" in layout ? ` class ${CLASSES[Number(fields.class ?? 0n)] ?? value("class")}` : "";
	const access = smmuAccessWords(fields);
	const id = `0x${SMMU_EVENTS[name].toString(16).padStart(2, "0")}`;
	return `${smmu.name}: unhandled event ${id} ${name} client ${device.name} sid ${value("sid")} ssid ${ssid}${shown("iova", "address")}${shown("ipa", "ipa")}${shown(
		"fetch address",
		"fetch",
	)}${shown("reason", "reason")}${fields.stall === 1n ? shown("stag", "stag") : ""}${cls} flags ${flags.join(",") || "none"}${access === undefined ? "" : ` (${access})`}: ${why}`;
}
