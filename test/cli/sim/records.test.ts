/** sim records, sim hold and sim release, on every vendor's machine. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "../cli.js";

const folder = mkdtempSync(join(tmpdir(), "iommuctl-records-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Iommu {
	iommu: string;
	held: boolean;
	registers: {
		name: string;
		offset: string;
		value: string;
		fields: Record<string, string>;
		lastRead: { value: string; fields: Record<string, string> } | null;
	}[];
	queues: {
		name: string;
		capacity: number;
		unread: number;
		lost: number;
		records: { index: number; words: string[]; name: string; text: string; read: boolean }[];
	}[];
}

/** What each `sim records` of a script printed of its IOMMU. */
function records(lines: readonly string[], machine: string): Iommu[] {
	const all = documents(script(lines, "--machine", machine, "--keep-going", "--json")) as unknown as { schema: string; iommus: Iommu[] }[];
	return all.filter(({ schema }) => schema === "iommuctl.sim.records").map(({ iommus: [iommu] }) => iommu);
}

const queue = ({ queues }: Iommu, name: string) => queues.find((each) => each.name === name) as Iommu["queues"][number];
const register = ({ registers }: Iommu, name: string) => registers.find((each) => each.name === name) as Iommu["registers"][number];
const texts = (iommu: Iommu, name: string) => queue(iommu, name).records.map(({ text }) => text);

/** A machine file: a built-in one with other fields of its IOMMU. */
function machineWith(name: string, fields: Record<string, unknown>): string {
	const machine = JSON.parse(iommuctl(["machine", "show", name, "--format", "json"]).stdout) as { iommus: object[] };
	const file = join(folder, `${name}-${Object.keys(fields).join("-")}.json`);
	writeFileSync(file, JSON.stringify({ ...machine, iommus: [{ ...machine.iommus[0], ...fields }] }));
	return file;
}

const vtd = [
	"d = device bind vfio3",
	"i = ioas alloc",
	"ram = ioas map $i --iova 0 --length 1M",
	"p = hwpt alloc $d $i --flags NEST_PARENT",
	"q = fault alloc",
	"mem write $ram.user_va+0x1000 --words 0x2007",
	"n = hwpt alloc $d $p --vtd-s1 pgtbl_addr=0x1000,addr_width=48 --fault-id $q --flags ALLOC_PASID",
	"device attach vfio3 $n",
];

describe("VT-d", () => {
	test("fault recording registers, raw and in words; FSTS as the driver found it", () => {
		const [iommu] = records(
			[...vtd, "sim event vfio3 0x71 address=0x5123 write=1 --pasid 5", "sim dma vfio3 --iova 0x1000 --read --priv", "sim records dmar0"],
			"vtd",
		);
		expect(queue(iommu, "fault recording registers")).toMatchObject({ capacity: 1, unread: 0, lost: 0 });
		expect(queue(iommu, "fault recording registers").records.map(({ words }) => words)).toEqual([
			["0x5000", "0x8000057180000090"],
			["0x1000", "0xd000005d20000090"],
		]);
		expect(texts(iommu, "fault recording registers")).toEqual([
			"fault reason 0x71, the first-stage entry is not present, device 00:12.0, PASID 0x5, iova 0x5000, write",
			"fault reason 0x5d, the PASID table entry refuses supervisor requests, device 00:12.0, iova 0x1000, privileged read, translation request",
		]);
		expect(register(iommu, "FSTS_REG")).toMatchObject({ offset: "0x34", value: "0x0", lastRead: { value: "0x2", fields: { ppf: "0x1" } } });
	});

	test("page request descriptors, and ITE and ICE with the requester in IQERCD", () => {
		const [iommu, ice] = records(
			[
				...vtd,
				"sim page-request vfio3 --addr 0x7000 --addr 0x8000 --perm READ,WRITE --group 3",
				"sim fail vfio3 --ite",
				"hwpt invalidate $n --vtd-s1 addr=0x1000,npages=1",
				"sim records dmar0",
				"sim fail vfio3 --ice",
				"hwpt invalidate $n --vtd-s1 addr=0x1000,npages=1",
				"sim records",
			],
			"vtd",
		);
		expect(queue(iommu, "page request queue").records.map(({ words }) => words)).toEqual([
			["0x900001", "0x701b", "0x0", "0x0"],
			["0x900001", "0x801f", "0x0", "0x0"],
		]);
		expect(texts(iommu, "page request queue")).toEqual([
			"device 00:12.0, group 3, iova 0x7000, read write",
			"device 00:12.0, group 3, its last, iova 0x8000, read write",
		]);
		expect(register(iommu, "PQT_REG").value).toBe("0x40");
		expect(register(iommu, "FSTS_REG").lastRead?.fields).toMatchObject({ ite: "0x1", ice: "0x0" });
		expect(register(iommu, "IQERCD_REG").lastRead?.fields).toMatchObject({ itesid: "0x90", icesid: "0x0" });
		expect(register(ice, "IQERCD_REG").lastRead?.fields).toMatchObject({ itesid: "0x0", icesid: "0x90" });
	});

	test("while the driver is held, the second fault overflows (PFO), and reports wait", () => {
		const lines = [
			...vtd,
			"sim hold dmar0",
			"sim event vfio3 0x71 address=0x5000",
			"sim event vfio3 0x71 address=0x6000",
			"sim page-request vfio3 --addr 0x7000",
			"fault read $q",
			"kernel log",
			"sim records dmar0",
			"sim release dmar0",
			"fault read $q",
			"kernel log",
			"sim records dmar0",
		];
		const [held, after] = records(lines, "vtd");
		expect(held).toMatchObject({ held: true });
		expect(register(held, "FSTS_REG").fields).toMatchObject({ ppf: "0x1", pfo: "0x1", fri: "0x0" });
		expect(register(held, "PRS_REG").fields).toMatchObject({ ppr: "0x1", pro: "0x0" });
		expect(queue(held, "fault recording registers")).toMatchObject({ unread: 1, lost: 1 });
		expect(after).toMatchObject({ held: false });
		expect(register(after, "FSTS_REG")).toMatchObject({ value: "0x0", lastRead: { value: "0x3" } });
		const text = script(lines, "--machine", "vtd", "--keep-going").stdout;
		expect(text.match(/nothing is queued/g)).toHaveLength(1);
		expect(text.match(/1 page fault read/g)).toHaveLength(1);
		expect(text.match(/fault addr 0x5000/g)).toHaveLength(1);
		expect(text).not.toContain("fault addr 0x6000");
	});

	test("a full page request queue (PRO) answers SUCCESS by itself, and the device asks again", () => {
		const file = machineWith("vtd", { queues: { page_requests: 2 } });
		const lines = [
			...vtd,
			"sim hold dmar0",
			"sim page-request vfio3 --addr 0x7000 --addr 0x8000",
			"sim page-request vfio3 --addr 0x9000",
			"t = sim dma vfio3 --iova 0xa000 --read",
			"sim records dmar0",
			"sim release dmar0",
			"sim records dmar0",
			"fault read $q",
		];
		const [held, after] = records(lines, file);
		expect(register(held, "PRS_REG").fields).toMatchObject({ ppr: "0x1", pro: "0x1" });
		expect(queue(held, "page request queue")).toMatchObject({ capacity: 2, unread: 2, lost: 2 });
		expect(register(after, "PRS_REG")).toMatchObject({ value: "0x0", lastRead: { fields: { ppr: "0x1", pro: "0x0" } } });
		const text = script(lines, "--machine", file, "--keep-going").stdout;
		expect(text).toContain("is lost: its last request is answered SUCCESS by the IOMMU itself");
		expect(text).toContain("waits until it may send a page request");
		// the group of two, and the transfer's, which asked again
		expect(text).toContain("3 page faults read");
	});

	test("a group that lost a request is ignored", () => {
		const file = machineWith("vtd", { queues: { page_requests: 2 } });
		const lines = [...vtd, "sim hold dmar0", "sim page-request vfio3 --addr 0x7000 --addr 0x8000 --addr 0x9000", "sim release dmar0"];
		const text = script([...lines, "fault read $q", "sim requests"], "--machine", file, "--keep-going").stdout;
		expect(text).toContain("nothing is queued");
		expect(text).toContain("0 of 32 outstanding");
	});

	test("a reset forgets what the driver has not read", () => {
		const text = script(
			[
				"d = device bind vfio9 --token 11111111-1111-1111-1111-111111111111",
				"i = ioas alloc",
				"q = fault alloc",
				"h = hwpt alloc $d $i --fault-id $q",
				"device attach vfio9 $h",
				"sim hold dmar0",
				"sim page-request vfio9 --addr 0x7000",
				"raw 0x3b6f --on-device vfio9 --arg-value 0",
				"sim requests",
				"sim release dmar0",
				"fault read $q",
			],
			"--machine",
			"vtd",
		).stdout;
		expect(text).toMatch(/ 0 of \d+ outstanding; 1 sent/);
		expect(text).toContain("nothing is queued");
	});
});

test("requests of a virtual device carry its PASID, which its reports leave out", () => {
	const lines = [
		"d = device bind vfio11",
		"i = ioas alloc",
		"q = fault alloc",
		"h = hwpt alloc $d $i --fault-id $q",
		"device attach vfio11 $h",
		"sim page-request vfio11 --addr 0x7000",
		"sim records dmar0",
	];
	const [iommu] = records(lines, "vtd");
	expect(texts(iommu, "page request queue")).toEqual(["device 00:12.0, PASID 0x40, group 0, its last, iova 0x7000, read"]);
});

describe("what goes while the driver has not read it", () => {
	const asking = [...vtd, "sim hold dmar0", "sim page-request vfio3 --addr 0x7000", "t = sim dma vfio3 --iova 0x2000 --read"];

	test("requests of a detached device are answered INVALID at once, and never reported", () => {
		const lines = [
			...asking,
			"device detach vfio3",
			"sim requests",
			"expect EFAULT sim dma-result $t",
			"sim release dmar0",
			"fault read $q",
		];
		const text = script(lines, "--machine", "vtd").stdout;
		expect(text).toContain("0 of 32 outstanding; 2 sent, 0 SUCCESS, 2 INVALID");
		expect(text).toContain("nothing is queued");
	});

	test("another context that gets the device does not get them", () => {
		const lines = [
			...asking,
			"device detach vfio3",
			"device attach vfio3 $n",
			"sim requests",
			"sim release dmar0",
			"fault read $q",
			"sim page-request vfio3 --addr 0x9000",
			"fault read $q",
		];
		const text = script(lines, "--machine", "vtd").stdout;
		expect(text.match(/nothing is queued/g)).toHaveLength(1);
		expect(text).toMatch(/1 page fault read[\s\S]*0x9000/);
	});

	test("an SMMU's event does not go to a guest that got the device later", () => {
		const lines = [
			"d = device bind vfio0",
			"i = ioas alloc",
			"ioas map $i --iova 0 --length 1M",
			"p = hwpt alloc $d $i --flags NEST_PARENT",
			"v = viommu alloc $d $p --type ARM_SMMUV3",
			"vd = vdevice alloc $v $d 0x42",
			"n = hwpt alloc $d $v --smmuv3 v=1,config=BYPASS",
			"device attach vfio0 $n",
			"q = veventq alloc $v --type ARM_SMMUV3 --veventq-depth 8",
			"sim hold smmu0",
			"sim event vfio0 F_TRANSLATION address=0x3000 rnw=1 class=2",
			"device detach vfio0",
			"destroy $vd",
			"vdevice alloc $v $d 0x43",
			"device attach vfio0 $n",
			"sim release smmu0",
			"veventq read $q",
			"kernel log",
		];
		const text = script(lines, "--machine", "smmuv3").stdout;
		expect(text).toContain("no event is queued");
		expect(text).toContain("was attached to another table before the driver read it");
	});
});

describe("SMMUv3", () => {
	const smmu = [
		"d = device bind vfio0",
		"i = ioas alloc",
		"ram = ioas map $i --iova 0 --length 1M",
		"p = hwpt alloc $d $i --flags NEST_PARENT",
		"v = viommu alloc $d $p --type ARM_SMMUV3",
		"vdevice alloc $v $d 0x42",
		"n = hwpt alloc $d $v --smmuv3 v=1,config=BYPASS",
		"device attach vfio0 $n",
		"q = veventq alloc $v --type ARM_SMMUV3 --veventq-depth 8",
	];

	test("EVENTQ has the records with the physical stream ID; veventq read has words", () => {
		const lines = [...smmu, "sim event vfio0 F_TRANSLATION address=0x3000 rnw=1 class=2", "sim records smmu0", "veventq read $q"];
		const [iommu] = records(lines, "smmuv3");
		expect(texts(iommu, "EVENTQ")).toEqual([expect.stringMatching(/^F_TRANSLATION, sid 0x[0-9a-f]+, iova 0x3000, read$/)]);
		expect(register(iommu, "SMMU_EVENTQ_PROD").fields).toMatchObject({ index: "0x1", overflow: "0x0" });
		expect(register(iommu, "SMMU_EVENTQ_CONS").fields).toMatchObject({ index: "0x1", acknowledged: "0x0" });
		expect(script(lines, "--machine", "smmuv3").stdout).toContain("sequence 0  F_TRANSLATION, sid 0x42, iova 0x3000, read\n");
		const read = documents(script(lines, "--machine", "smmuv3", "--json")).find(({ command }) => command === "veventq read");
		expect(read).toMatchObject({ details: { events: [{ decoded: { words: "F_TRANSLATION, sid 0x42, iova 0x3000, read" } }] } });
	});

	test("held: events reach the guest on release; OVFLG toggles when the queue is full", () => {
		const file = machineWith("smmuv3", { queues: { events: 2 } });
		const events = ["0x1000", "0x2000", "0x3000"].map((address) => `sim event vfio0 F_TRANSLATION address=${address} rnw=1 class=2`);
		const lines = [
			...smmu,
			"sim hold smmu0",
			...events,
			"veventq read $q",
			"sim records smmu0",
			"sim release smmu0",
			"veventq read $q",
			"sim records smmu0",
		];
		const [held, after] = records(lines, file);
		expect(register(held, "SMMU_EVENTQ_PROD").fields).toMatchObject({ index: "0x2", overflow: "0x1" });
		expect(register(held, "SMMU_EVENTQ_CONS").fields).toMatchObject({ index: "0x0", acknowledged: "0x0" });
		expect(register(after, "SMMU_EVENTQ_CONS").fields).toMatchObject({ index: "0x2", acknowledged: "0x1" });
		const text = script(lines, "--machine", file).stdout;
		expect(text).toContain("no event is queued");
		expect(text).toContain("2 events read");
		expect(text).toContain("there was no room for the record, so it is lost");
	});

	test("page requests are PRIQ records; an ATC_INV that fails shows in GERROR and CMDQ_CONS", () => {
		const [iommu] = records(
			[
				"d = device bind vfio3",
				"i = ioas alloc",
				"q = fault alloc",
				"h = hwpt alloc $d $i --fault-id $q",
				"device attach vfio3 $h",
				"sim page-request vfio3 --addr 0x7000 --perm WRITE",
				"sim fail vfio3 --ite",
				"device detach vfio3",
				"sim records smmu0",
			],
			"smmuv3",
		);
		expect(queue(iommu, "PRIQ").records[0].words[1]).toBe("0x7000");
		expect(texts(iommu, "PRIQ")).toEqual([expect.stringMatching(/^sid 0x[0-9a-f]+, group 0, its last, iova 0x7000, write$/)]);
		expect(register(iommu, "SMMU_GERROR").value).toBe("0x1");
		expect(register(iommu, "SMMU_CMDQ_CONS").lastRead?.fields).toMatchObject({ err: "0x3" });
	});
});

test("AMD: event log and PPR log, with their heads and tails, and the status register", () => {
	const [iommu, held] = records(
		[
			"d = device bind vfio3",
			"i = ioas alloc",
			"q = fault alloc",
			"h = hwpt alloc $d $i --fault-id $q",
			"device attach vfio3 $h",
			"sim event vfio3 2 address=0x3000 write=1",
			"sim event vfio3 2 address=0x4000 --pasid 0x12345",
			"sim page-request vfio3 --addr 0x7000",
			"sim records amdvi0",
			"sim hold amdvi0",
			"sim event vfio3 9 address=0x3000",
			"sim records amdvi0",
		],
		"amd",
	);
	expect(queue(iommu, "event log").records.map(({ words }) => words)).toEqual([
		["0x2020000000000090", "0x3000"],
		["0x2005234500010090", "0x4000"],
	]);
	expect(texts(iommu, "event log")).toEqual([
		"IO_PAGE_FAULT, device 00:12.0, domain 0x0, address 0x3000, write, not present",
		"IO_PAGE_FAULT, device 00:12.0, PASID 0x12345, address 0x4000, read, not present",
	]);
	expect(queue(iommu, "PPR log").records).toMatchObject([
		{ words: ["0x1004020000000090", "0x7000"], text: "device 00:12.0, group 0, its last, address 0x7000, read" },
	]);
	expect(register(iommu, "EventLogTail").value).toBe("0x20");
	expect(register(held, "Status").fields).toMatchObject({ event_log_int: "0x1", event_overflow: "0x0", event_log_run: "0x1" });
	expect(texts(held, "event log").at(-1)).toBe("INVALID_PPR_REQUEST, device 00:12.0, address 0x3000");
});

test("an unknown IOMMU is named with those that there are; a machine without one has no records", () => {
	expect(iommuctl(["sim", "records", "dmar9"]).stderr).toMatch(/no IOMMU is called "dmar9"[\s\S]*dmar0/);
	expect(iommuctl(["sim", "hold", "dmar9"]).status).toBe(2);
	const empty = iommuctl(["sim", "records", "--machine", "vtd"]);
	expect(empty.stdout).toContain("fault recording registers: empty, room for 1\n");
});
