/** Events of virtual IOMMUs are read in words. */
import { expect, test } from "vitest";
import { eventWords } from "../../src/cli/call/event-words.js";
import { encodeSmmuEvent } from "../../src/formats/smmuv3/events.js";
import { documents, script } from "./cli.js";

const guest = [
	"i = ioas alloc",
	"d = device bind vfio0",
	"p = hwpt alloc $d $i --flags NEST_PARENT",
	"v = viommu alloc $d $p --type ARM_SMMUV3",
	"vdevice alloc $v $d 0x42",
	"q = veventq alloc $v --type ARM_SMMUV3 --veventq-depth 4",
	"n = hwpt alloc $d $v --smmuv3 V=1,Config=BYPASS",
	"device attach vfio0 $n",
	"sim event vfio0 C_BAD_CD",
	"veventq read $q",
];

test("SMMUv3's by name and fields", () => {
	expect(script(guest, "--machine", "smmuv3").stdout).toContain("1 event read\n      sequence 0  C_BAD_CD, sid 0x42\n");
	const read = documents(script(guest, "--machine", "smmuv3", "--json")).find(({ command }) => command === "veventq read");
	expect(read).toMatchObject({ details: { events: [{ decoded: { name: "C_BAD_CD", type: 10, fields: { sid: "0x42" } } }] } });
});

test("a fault's record, an unknown type, and Tegra's map of errors", () => {
	const record = encodeSmmuEvent("F_TRANSLATION", { sid: 7n, rnw: 1n, address: 0x3000n, class: 2n });
	expect(eventWords("iommu_vevent_arm_smmuv3", record)?.text).toBe("F_TRANSLATION, sid 0x7, iova 0x3000, read");
	const unknown = new Uint8Array(32).fill(0xee, 0, 1);
	expect(eventWords("iommu_vevent_arm_smmuv3", unknown)).toEqual({
		text: "event type 0xee, sid 0x0",
		json: { name: null, type: 0xee, words: "event type 0xee, sid 0x0", fields: {} },
	});
	const map = new Uint8Array(16);
	map[0] = 0b1001;
	map[8] = 1;
	expect(eventWords("iommu_vevent_tegra241_cmdqv", map)?.text).toBe("errors of logical command queues: 0, 3, 64");
	expect(eventWords("iommu_viommu_event_selftest", new Uint8Array(4))).toBeUndefined();
});

test("what else a record says: substream, privilege, stage 2, stalls, hints", () => {
	const words = (...event: Parameters<typeof encodeSmmuEvent>) => eventWords("iommu_vevent_arm_smmuv3", encodeSmmuEvent(...event))?.text;
	const access = { sid: 7n, ssv: 1n, ssid: 5n, address: 0x3000n };
	expect(words("F_PERMISSION", { ...access, pnu: 1n, ind: 1n, rnw: 1n, class: 2n })).toBe(
		"F_PERMISSION, sid 0x7, ssid 0x5, iova 0x3000, privileged instruction read",
	);
	expect(words("F_PERMISSION", { ...access, class: 1n, s2: 1n, ipa: 0x9000n })).toBe(
		"F_PERMISSION, sid 0x7, ssid 0x5, iova 0x3000, write, walking stage 1, stage 2, ipa 0x9000, writing the table",
	);
	expect(words("F_TRANSLATION", { ...access, rnw: 1n, class: 2n, stall: 1n, stag: 3n })).toBe(
		"F_TRANSLATION, sid 0x7, ssid 0x5, iova 0x3000, read, stalled, stag 0x3",
	);
	expect(words("F_CD_FETCH", { sid: 7n, fetch: 0x1000n })).toBe("F_CD_FETCH, sid 0x7, fetch 0x1000");
	expect(words("E_PAGE_REQUEST", { sid: 7n, address: 0x3000n, span: 2n, ur: 1n, pw: 1n })).toBe(
		"E_PAGE_REQUEST, sid 0x7, iova 0x3000, 2 pages, user read, privileged write",
	);
});
