/** The RISC-V machine by its commands: records, walks, guests' queues, explanations. */
import { describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "../cli.js";

const guest = [
	"d = device bind vfio3",
	"i = ioas alloc",
	"ram = ioas map $i --iova 0 --length 1M",
	"p = hwpt alloc $d $i --flags NEST_PARENT",
	"q = fault alloc",
	"mem write $ram.user_va+0x10000 --words 0x1001,0x8000000000000001",
	"mem write $ram.user_va+0x1000 --words 0x801",
	"mem write $ram.user_va+0x2000 --words 0xc01",
	"mem write $ram.user_va+0x3008 --words 0x14d7",
	"mem write $ram.user_va+0xf0000 --words 0x227,0,0,0x1000000000000010",
	"n = hwpt alloc $d $p --riscv dc_len=32,dc_uptr=$ram.user_va+0xf0000,event_len=32,out_event_uptr=$ram.user_va+0xf1000 --fault-id $q",
];

const MACHINE = ["--machine", "riscv", "--uapi", "riscv-nested"];
const run = (...lines: string[]) => script([...guest, "device attach vfio3 $n", ...lines], ...MACHINE).stdout;

test("the machine, its kernel option, and what 7.3 lacks", () => {
	expect(iommuctl(["machine", "show", "riscv"]).stdout).toContain("iommu riscv0: riscv, capabilities 0x1f803068610\n");
	const { kernel, arch } = JSON.parse(iommuctl(["machine", "show", "riscv", "--json"]).stdout) as { kernel: object; arch: string };
	expect([arch, kernel]).toEqual(["riscv64", expect.objectContaining({ riscv_nested: false })]);
	const plain = script(
		["d = device bind vfio3", "i = ioas alloc", "expect EOPNOTSUPP hwpt alloc $d $i --flags NEST_PARENT"],
		"--machine",
		"riscv",
	);
	expect(plain.stdout).toContain("3 commands: 3 ok");
});

describe("records", () => {
	test("raw and in words, with the registers as the driver finds them", () => {
		const lines = [
			"sim hold riscv0",
			"expect EFAULT sim dma vfio3 --iova 0x1000 --read --pasid 0x105",
			"sim dma vfio3 --iova 0x2000 --write --text abc",
			"sim records riscv0",
			"sim release riscv0",
			"sim records riscv0",
		];
		const { stdout, status } = script([...guest, "device attach vfio3 $n", ...lines], ...MACHINE, "--json");
		expect(status).toBe(0);
		type Records = {
			schema: string;
			iommus: [{ registers: { name: string; value: string }[]; queues: { records: object[]; unread: number }[] }];
		};
		const [held, read] = (documents({ stdout } as never) as unknown as Records[]).filter(({ schema }) => schema === "iommuctl.sim.records");
		const [faults, requests] = held.iommus[0].queues;
		expect(faults).toMatchObject({
			unread: 1,
			records: [
				{
					words: ["0x902100105104", "0x0", "0x1000", "0x0"],
					text: "cause 260: transaction type disallowed, device 00:12.0, process 0x105, ATS translation request, iova 0x1000",
				},
			],
		});
		expect(requests).toMatchObject({
			records: [{ words: ["0x900000000000", "0x2006"], text: expect.stringContaining("group 0, its last") }],
		});
		const register = ({ iommus: [iommu] }: Records, name: string) => iommu.registers.find((each) => each.name === name)?.value;
		expect([register(held, "ipsr"), register(read, "ipsr"), register(held, "fqh"), register(read, "fqh")]).toEqual([
			"0xa",
			"0x0",
			"0x0",
			"0x1",
		]);
	});

	test("a fault of any cause is raised by its number", () => {
		const out = run("sim event vfio3 272 --pasid 7", "sim records riscv0", "kernel log");
		expect(out).toContain("cause 272: internal data path error, device 00:12.0, process 0x7, read, iova 0x0");
		expect(out).toContain("riscv-iommu riscv0: Fault 272 devid: 0x90 iotval: 0 iotval2: 0 (internal data path error)");
	});
});

test("a walk: process context, entries, the one to blame; and from the table's side", () => {
	const out = run("expect EFAULT sim walk vfio3 --iova 0x2000 --write", "hwpt walk $n --iova 0x1000");
	expect(out).toMatch(/process context +0x10000 += 0x1001 0x8000000000000001 +V PSCID=1 Sv39 -> 0x1000/);
	expect(out).toMatch(/stage 1 +PTE 0 +0x3010 += 0x0 +not valid +<-- 15\n/);
	expect(out).toMatch(/stage 1 +PTE 0 +0x3008 += 0x14d7 +V R W U A D -> 0x5000\n/);
});

test("page requests: sent by hand, and explained", () => {
	const out = run("sim page-request vfio3 --addr 0x7000 --pasid 5", "fault read $q", "sim explain-fault 00:12.0 --pasid 5");
	expect(out).toMatch(/PASID_VALID\|LAST_PAGE \(0x3\) +1 +5 +0 +READ \(0x1\) +0x7000/);
	expect(out.slice(out.indexOf("> sim explain-fault"))).toContain("0000:00:12.0");
});

test("without EN_PRI the IOMMU answers page requests itself: nothing is queued, and nothing waits", () => {
	const out = script(
		[
			...guest,
			"mem write $ram.user_va+0xf0000 --words 0x223,0,0,0x1000000000000010",
			"m = hwpt alloc $d $p --riscv dc_len=32,dc_uptr=$ram.user_va+0xf0000,event_len=32,out_event_uptr=$ram.user_va+0xf1000 --fault-id $q",
			"device attach vfio3 $m",
			"sim page-request vfio3 --addr 0x7000",
			"sim requests",
			"sim records riscv0",
		],
		...MACHINE,
		"--keep-going",
	).stdout;
	expect(out.slice(out.indexOf("> sim page-request"))).toContain("INVALID");
	expect(out).toContain("page request queue: empty");
});

describe("a process directory that is bound as a whole", () => {
	const bound = (...lines: string[]) =>
		script(
			[...guest, "device attach vfio3 $p", "b = vsva bind vfio3 --base 0x10000 --size 256 --fault-id $q", ...lines],
			...MACHINE,
			"--keep-going",
		).stdout;

	test("a time-out of the device's invalidation stops the queue at the fence", () => {
		const out = bound(
			"sim dma vfio3 --iova 0x1000 --write --text bound",
			"sim fail vfio3 --ite",
			"vsva forward --vendor riscv --table $b --op IOTINVAL_VMA,av=1,pscv=1,pscid=1,addr=0x1000 --op ATS_INVAL,rid=0x90,addr=0x1000 --op IOFENCE_C --op IOTINVAL_VMA",
		);
		expect(out).toContain("0  IOTINVAL_VMA  done, 1 cached entry dropped\n");
		expect(out).toContain("1  ATS_INVAL  failed (cmd_to)");
		expect(out).toContain("2  IOFENCE_C  not completed");
		expect(out).toContain("3  IOTINVAL_VMA  not fetched: the queue has stopped at descriptor 2 (cmd_to)");
	});

	test("an illegal command stops it at once; ATS_PRGR answers a page request, and the DMA goes on", () => {
		const out = bound(
			"t = sim dma vfio3 --iova 0x2000 --write --text asked",
			"mem write $ram.user_va+0x3010 --words 0x18d7",
			"vsva forward --vendor riscv --table $b --op IOTINVAL_GVMA,pscv=1 --op ATS_PRGR,rid=0x90,prgi=0",
			"vsva forward --vendor riscv --table $b --op ATS_PRGR,rid=0x90,prgi=0",
			"sim dma-result $t",
			"mem read $ram.user_va+0x6000 5",
		);
		expect(out).toMatch(/0 +IOTINVAL_GVMA +failed \(cmd_ill\).*PSCV is 1\n +1 +ATS_PRGR +not fetched/);
		expect(out).toContain("0  ATS_PRGR  done");
		expect(out).toContain("asked");
	});
});
