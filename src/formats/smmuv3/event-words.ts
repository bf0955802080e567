/** What an SMMUv3 event record says, in words. */
import type { Values } from "../words.js";
import { decodeSmmuEvent } from "./events.js";

const CLASSES = ["fetching the CD", "walking stage 1"];

/** The access that an event is about: `privileged read`; undefined: the event is about none. */
export function smmuAccessWords({ rnw, ind, pnu }: Readonly<Values>): string | undefined {
	if (rnw === undefined) return undefined;
	const access = rnw === 0n ? "write" : ind === 1n ? "instruction read" : "read";
	return pnu === 1n ? `privileged ${access}` : access;
}

/** In words: `F_TRANSLATION, sid 0x42, iova 0x3000, read`. */
export function smmuEventWords(record: Uint8Array): string {
	const { name, type, fields } = decodeSmmuEvent(record);
	const said: string[] = [name ?? `event type 0x${type.toString(16)}`];
	const show = (title: string, value: bigint | undefined) => value !== undefined && said.push(`${title} 0x${value.toString(16)}`);
	show("sid", fields.sid);
	if (fields.ssv === 1n) show("ssid", fields.ssid);
	show("iova", fields.address);
	if (name === "E_PAGE_REQUEST") {
		said.push(`${fields.span} pages`);
		for (const [who, prefix] of [
			["user", "u"],
			["privileged", "p"],
		])
			for (const [what, suffix] of [
				["read", "r"],
				["write", "w"],
				["execute", "x"],
			])
				if (fields[prefix + suffix] === 1n) said.push(`${who} ${what}`);
		return said.join(", ");
	}
	const access = smmuAccessWords(fields);
	if (access !== undefined) said.push(access);
	const cls = fields.class === undefined ? undefined : CLASSES[Number(fields.class)];
	if (cls !== undefined) said.push(cls);
	if (fields.s2 === 1n) {
		said.push("stage 2");
		show("ipa", fields.ipa);
	}
	if (fields.ttrnw !== undefined && fields.class === 1n) said.push(fields.ttrnw === 1n ? "reading the table" : "writing the table");
	if (fields.fetch !== undefined) show("fetch", fields.fetch);
	if (fields.stall === 1n) {
		said.push("stalled");
		show("stag", fields.stag);
	}
	if (fields.reason !== undefined && fields.reason !== 0n) show("reason", fields.reason);
	return said.join(", ");
}
