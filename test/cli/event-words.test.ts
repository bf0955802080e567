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
	expect(script(guest, "--machine", "smmuv3").stdout).toContain("1 event read\n      sequence 0  C_BAD_CD sid=0x42\n");
	const read = documents(script(guest, "--machine", "smmuv3", "--json")).find(({ command }) => command === "veventq read");
	expect(read).toMatchObject({ details: { events: [{ decoded: { name: "C_BAD_CD", type: 10, fields: { sid: "0x42" } } }] } });
});

test("a fault's record, an unknown type, and Tegra's map of errors", () => {
	const record = encodeSmmuEvent("F_TRANSLATION", { sid: 7n, rnw: 1n, address: 0x3000n, class: 2n });
	expect(eventWords("iommu_vevent_arm_smmuv3", record)?.text).toBe("F_TRANSLATION sid=0x7 rnw=0x1 address=0x3000 class=0x2");
	const unknown = new Uint8Array(32).fill(0xee, 0, 1);
	expect(eventWords("iommu_vevent_arm_smmuv3", unknown)).toEqual({ text: "event type 0xee", json: { name: null, type: 0xee, fields: {} } });
	const map = new Uint8Array(16);
	map[0] = 0b1001;
	map[8] = 1;
	expect(eventWords("iommu_vevent_tegra241_cmdqv", map)?.text).toBe("errors of logical command queues: 0, 3, 64");
	expect(eventWords("iommu_viommu_event_selftest", new Uint8Array(4))).toBeUndefined();
});
