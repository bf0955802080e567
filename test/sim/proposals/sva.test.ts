/** Shared virtual addressing from end to end: a device touches a page that the guest has not mapped yet. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { iommuctl, temporaryFolder } from "../../cli/cli.js";
import { memory, run, tables } from "./guest.js";

/** PASID 5's table at 0x1000 or 0x11000 maps 0x1000; `map` maps 0x2000 to guest-physical 0x6000, and `unmap` unmaps it again. */
interface Guest {
	readonly machine: string;
	readonly pasidTable: readonly string[];
	readonly map: string;
	readonly unmap: string;
	/** drops what is cached of 0x2000, as the guest would */
	readonly flush: readonly string[];
	/** answers group 0 of PASID 5 */
	readonly answer: string;
}

const ram = "$ram.user_va";
const x86 = { map: `mem write ${ram}+0x4010 --words 0x6007`, unmap: `mem write ${ram}+0x4010 --words 0` };
const guests: readonly Guest[] = [
	{
		machine: "vtd",
		pasidTable: [`mem write ${ram}+0x10000 --words 0x11001`, `mem write ${ram}+0x11140 --words 0x41,7,0x1000`, ...tables(ram)],
		...x86,
		flush: [
			"PASID_IOTLB,pasid=5,did=7,granularity=3,address=0x2000",
			"PASID_DEVICE_TLB,sid=0x90,pasid=5,address=0x2000",
			"WAIT,status_write=1",
		],
		answer: "PAGE_GROUP_RESPONSE,rid=0x90,pasid_present=1,pasid=5,group=0,code=0,last=1",
	},
	{
		machine: "smmuv3",
		pasidTable: [
			`mem write ${ram}+0x10140 --words 0x16204c0000010,0x11000`,
			`mem write ${ram}+0x11000 --words 0x12003`,
			`mem write ${ram}+0x12000 --words 0x13003`,
			`mem write ${ram}+0x13000 --words 0x14003`,
			`mem write ${ram}+0x14008 --words 0x5743`,
		],
		map: `mem write ${ram}+0x14010 --words 0x6743`,
		unmap: `mem write ${ram}+0x14010 --words 0`,
		flush: ["TLBI_NH_VA,asid=1,address=0x2000,leaf=1", "ATC_INV,sid=0x90,ssv=1,ssid=5,address=0x2000", "SYNC"],
		answer: "PRI_RESP,sid=0x90,ssv=1,ssid=5,prg_index=0,resp=2",
	},
	{
		machine: "amd",
		pasidTable: [`mem write ${ram}+0x10028 --words 0x1001`, ...tables(ram)],
		...x86,
		flush: [
			"INVALIDATE_IOMMU_PAGES,domain_id=0,pasid=5,gn=1,address=0x2000",
			"INVALIDATE_IOTLB_PAGES,device_id=0x90,pasid=5,gn=1,address=0x2000",
			"COMPLETION_WAIT",
		],
		answer: "COMPLETE_PPR_REQUEST,device_id=0x90,pasid=5,gn=1,tag=0,code=0",
	},
];

describe.each(guests)("$machine", ({ machine, pasidTable, map, unmap, flush, answer }) => {
	const on = ["--machine", machine];
	const bound = [
		...memory("vfio3"),
		...pasidTable,
		"device attach vfio3 $parent",
		"q = fault alloc",
		"t = vsva bind vfio3 --base 0x10000 --size 64 --fault-id $q",
	];
	const touch = "x = sim dma vfio3 --iova 0x2000 --write --text late --pasid 5";
	const queue = (ops: readonly string[]) => `vsva forward --table $t ${ops.map((op) => `--op ${op}`).join(" ")}`;

	test("page request, fault queue, the guest maps, response: DMA goes on", () => {
		const shown = run(
			[
				...bound,
				"sim dma vfio3 --iova 0x1000 --write --text early --pasid 5",
				touch,
				"expect EAGAIN sim dma-result $x",
				"fault read $q",
				map,
				"fault respond $q 1 SUCCESS",
				"sim dma-result $x",
				"mem read $ram.user_va+0x6000 4",
				"sim requests",
			],
			...on,
		);
		expect(shown).toMatch(/PASID_VALID\|LAST_PAGE \(0x3\) +1 +5 +0 +WRITE \(0x2\) +0x2000/);
		expect(shown).toContain("4 of 4 bytes written to 0x2000, after 1 page request");
		expect(shown).toContain("6c 61 74 65");
	});

	test("the guest answers through its own queue, and its invalidations end the mapping", () => {
		run(
			[
				...bound,
				touch,
				map,
				queue([answer]),
				"sim dma-result $x",
				unmap,
				"sim dma vfio3 --iova 0x2000 --write --pasid 5",
				queue(flush),
				"y = sim dma vfio3 --iova 0x2000 --write --pasid 5",
				"expect EAGAIN sim dma-result $y",
				`expect EIO ${queue([answer.replace(/(group|prg_index|tag)=0/, "$1=7")])}`,
			],
			...on,
		);
	});

	test("a response that lies (nothing mapped) makes the device ask again; INVALID ends the DMA", () => {
		const shown = run(
			[
				...bound,
				touch,
				"fault read $q",
				"fault respond $q 1 SUCCESS",
				"expect EAGAIN sim dma-result $x",
				"fault read $q",
				"fault respond $q 1 INVALID",
				"expect EFAULT sim dma-result $x",
			],
			...on,
		);
		expect(shown).toContain("was answered INVALID");
	});

	test("unbinding while requests are pending, read or not: they are answered, and their cookies unknown", () => {
		const shown = run(
			[
				...bound,
				touch,
				"fault read $q",
				"y = sim dma vfio3 --iova 0x3000 --read --pasid 5",
				"sim page-request vfio3 --addr 0x7000 --pasid 5 --incomplete",
				"vsva unbind $t",
				"expect EFAULT sim dma-result $x",
				"expect EFAULT sim dma-result $y",
				"fault read $q",
				"expect EINVAL fault respond $q 1 SUCCESS",
				"sim requests",
				"expect EFAULT sim dma vfio3 --iova 0x1000 --read --pasid 5",
				"t = vsva bind vfio3 --base 0x10000 --size 64 --fault-id $q",
				"sim dma vfio3 --iova 0x1000 --read --pasid 5",
			],
			...on,
		);
		expect(shown).toContain("nothing is queued");
		expect(shown).toContain("0 of 32 outstanding");
	});

	test("closing the device ends them too, and the table with it; so does a detach", () => {
		const closed = [
			"device close vfio3",
			"expect EFAULT sim dma-result $x",
			"expect ENOENT vsva unbind $t",
			"fault close $q",
			"destroy $q",
		];
		run([...bound, touch, ...closed], ...on);
		run([...bound, touch, "device detach vfio3", "vsva unbind $t", "expect EFAULT sim dma-result $x"], ...on);
	});

	test("a detach ends them while the table is still bound, and nothing can ask until the next attach", () => {
		const shown = run(
			[
				...bound,
				touch,
				"sim page-request vfio3 --addr 0x5000 --pasid 5",
				"fault read $q",
				"device detach vfio3",
				"expect EFAULT sim dma-result $x",
				"expect EINVAL fault respond $q 1 SUCCESS",
				"sim requests",
				"sim page-request vfio3 --addr 0x5000 --pasid 5",
				"device attach vfio3 $parent",
				"sim page-request vfio3 --addr 0x6000 --pasid 5",
			],
			...on,
		);
		expect(shown).toContain("0 of 32 outstanding");
		expect(shown).toContain("answered INVALID at once");
		expect(shown).toMatch(/waits for a response\n[^\n]*\n?$/);
	});

	test("the queue that it uses cannot be destroyed before it", () => {
		run([...bound, "fault close $q", "expect EBUSY destroy $q", "vsva unbind $t", "destroy $q"], ...on);
	});
});

test("SMMUv3 without ATS: the transaction stalls, and RESUME by its tag lets it go on", () => {
	const machine = JSON.parse(iommuctl(["machine", "show", "smmuv3", "--json"]).stdout) as { devices: Record<string, unknown>[] };
	const svm = machine.devices.find(({ role }) => role === "svm") as Record<string, unknown>;
	svm.ats = false;
	svm.pri = 0;
	const file = join(temporaryFolder(), "stalls.yaml");
	writeFileSync(file, JSON.stringify(machine));
	const [, { pasidTable, map }] = guests;
	const stalling = pasidTable.map((line) => line.replace("0x16204c0000010", "0x17204c0000010"));
	const lines = [
		...memory("vfio3"),
		...stalling,
		"device attach vfio3 $parent",
		"q = fault alloc",
		"t = vsva bind vfio3 --base 0x10000 --size 64 --fault-id $q",
		"x = sim dma vfio3 --iova 0x2000 --write --text late --pasid 5",
		"fault read $q",
		map,
		"vsva forward --table $t --op RESUME,sid=0x90,stag=0,resp=1",
		"sim dma-result $x",
		"mem read $ram.user_va+0x6000 4",
	];
	const shown = run(lines, "--machine", file);
	expect(shown).toMatch(/PASID_VALID\|LAST_PAGE \(0x3\) +1 +5 +0 +WRITE/);
	expect(shown).toContain("6c 61 74 65");
});

describe("through today's uAPI", () => {
	test("VT-d: a table for one PASID, on a nesting parent, with a fault queue", () => {
		const shown = run(
			[
				...memory("vfio3"),
				...tables(ram),
				"q = fault alloc",
				"own = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48 --flags ALLOC_PASID",
				"five = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48 --flags ALLOC_PASID --fault-id $q",
				"device attach vfio3 $own",
				"device attach vfio3 $five --pasid 5",
				"x = sim dma vfio3 --iova 0x2000 --write --text late --pasid 5",
				"fault read $q",
				`mem write ${ram}+0x4010 --words 0x6007`,
				"fault respond $q 1 SUCCESS",
				"sim dma-result $x",
				"y = sim dma vfio3 --iova 0x3000 --write --pasid 5",
				"device detach vfio3 --pasid 5",
				"expect EFAULT sim dma-result $y",
			],
			"--machine",
			"vtd",
		);
		// the option that implies a flag adds it to those that are given
		expect(shown).toMatch(/PASID_VALID\|LAST_PAGE \(0x3\) +1 +5 +0 +WRITE/);
	});

	test("SMMUv3: the guest's stream table entry has its context descriptors, and the nested table the fault queue", () => {
		const [, { pasidTable, map }] = guests;
		const shown = run(
			[
				...memory("vfio3"),
				...pasidTable,
				"viommu = viommu alloc $d $parent --type ARM_SMMUV3",
				"vdevice alloc $viommu $d 0x42",
				"q = fault alloc",
				"nested = hwpt alloc $d $viommu --smmuv3 v=1,config=S1,s1contextptr=0x10000,s1cdmax=6,s1dss=2,eats=1 --fault-id $q",
				"device attach vfio3 $nested",
				"x = sim dma vfio3 --iova 0x2000 --write --text late --pasid 5",
				"fault read $q",
				map,
				"fault respond $q 1 SUCCESS",
				"sim dma-result $x",
				"y = sim dma vfio3 --iova 0x3000 --write --pasid 5",
				"device attach vfio3 $parent",
				"expect EFAULT sim dma-result $y",
			],
			"--machine",
			"smmuv3",
		);
		expect(shown).toMatch(/PASID_VALID\|LAST_PAGE \(0x3\) +1 +5 +0 +WRITE/);
	});
});
