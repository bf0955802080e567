/** Page fault, virtual interrupt, or unhandled: who gets what an SMMUv3 reports. */
import { describe, expect, test } from "vitest";
import { attack, logOf, memory, printed, run } from "./guest.js";

const smmu = ["--machine", "smmuv3"];
/** Word 0 of the CD at 0x10000, which leads to the table at 0x11000: 0x1000 is at 0x5000. */
const CD = "0x16204c0000010";
const STALLING_CD = "0x17204c0000010";

const guest = (cd = CD, more = "") => [
	...memory("vfio3"),
	"viommu = viommu alloc $d $parent --type ARM_SMMUV3",
	"vdevice alloc $viommu $d 0x42",
	`mem write $ram.user_va+0x10000 --words ${cd},0x11000`,
	"mem write $ram.user_va+0x11000 --words 0x12003",
	"mem write $ram.user_va+0x12000 --words 0x13003",
	"mem write $ram.user_va+0x13000 --words 0x14003",
	"mem write $ram.user_va+0x14008 --words 0x5743",
	"q = fault alloc",
	`nested = hwpt alloc $d $viommu --smmuv3 v=1,config=S1,s1contextptr=0x10000${more}`,
	"device attach vfio3 $nested",
];
const queue = (depth: number) => `ev = veventq alloc $viommu --type ARM_SMMUV3 --veventq-depth ${depth}`;
const fault = "expect EFAULT sim dma vfio3 --iova 0x3000 --read --length 4";
const unhandled =
	"unhandled event 0x10 F_TRANSLATION client 0000:00:12.0 sid 0x90 ssid none iova 0x3000 ipa 0x0 class IN flags RnW (read): ";

describe("other stage-1 events", () => {
	test("without an event queue are printed with every field, and no message claims a queue: r04", () => {
		const ran = attack("r04-no-unhandled-print.iommu", ...smmu);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain(`${unhandled}the virtual IOMMU has no event queue`);
		expect(ran.stdout).toContain("raised; nobody takes it (the virtual IOMMU has no event queue)");
		expect(ran.stdout).not.toContain("the event queue reports it");
	});

	test("with one go there and are not printed", () => {
		const log = logOf([...guest(), queue(2), fault, "veventq read $ev"], ...smmu);
		expect(log).not.toContain("unhandled");
	});

	test("that do not fit are lost, which is what is said", () => {
		const lines = [...guest(), queue(1), "sim event vfio3 F_TRANSLATION address=0x1000", "sim event vfio3 F_TRANSLATION address=0x2000"];
		const [first, second] = printed(lines, ...smmu).filter(({ command }) => command === "sim event") as unknown as {
			details: Record<string, unknown>;
		}[];
		expect(first.details).toMatchObject({ fate: "queued", delivered: true, virtId: "0x42" });
		expect(second.details).toMatchObject({ fate: "lost", delivered: false });
	});

	test.each([
		["a queue that was closed", [queue(2), "veventq close $ev", "destroy $ev"], "the virtual IOMMU has no event queue"],
		["a device that is attached elsewhere", [queue(2), "device attach vfio3 $parent"], "is not attached to a guest's stream table entry"],
	])("%s: printed", (_what, more, why) => {
		const shown = run([...guest(), ...more, "sim event vfio3 F_TRANSLATION address=0x1000", "kernel log"], ...smmu);
		expect(shown).toContain(why);
		expect(shown).toContain("unhandled event 0x10");
	});

	test("that a driver keeps to itself are printed, with their substream", () => {
		const lines = [...guest(), queue(2), "sim event vfio3 F_TLB_CONFLICT address=0x1000 --pasid 3"];
		expect(logOf(lines, ...smmu)).toContain("unhandled event 0x20 F_TLB_CONFLICT client 0000:00:12.0 sid 0x90 ssid 0x3 iova 0x1000");
	});
});

describe("stage 2", () => {
	test("its faults are the host's: printed, never sent to the guest: r05", () => {
		const ran = attack("r05-s2-fault-of-s1-walk.iommu", ...smmu);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("no event is queued");
	});

	test("the print has the intermediate address and says that a table was walked", () => {
		const walk = [
			...guest(),
			queue(2),
			"mem write $ram.user_va+0x12000 --words 0x900003",
			"expect EFAULT sim dma vfio3 --iova 0x1000 --read",
		];
		expect(logOf(walk, ...smmu)).toMatch(/unhandled event 0x10 .* iova 0x1000 ipa 0x900000 class TT flags RnW,S2 \(read\): /);
	});

	test("raised on purpose it stays with the host too, even as a stall", () => {
		const lines = [...guest(CD, " --fault-id $q"), queue(2), "sim event vfio3 F_PERMISSION address=0x1000 s2=1 stall=1"];
		expect(run([...lines, "veventq read $ev", "fault read $q"], ...smmu)).toMatch(/no event is queued[\s\S]*nothing is queued/);
	});
});

describe("stalls", () => {
	const stalling = guest(STALLING_CD, " --fault-id $q");

	test("are page requests of the table's fault queue, not events; the answer lets DMA go on", () => {
		const shown = run(
			[
				...stalling,
				queue(2),
				"x = sim dma vfio3 --iova 0x2000 --write --text late",
				"veventq read $ev",
				"fault read $q",
				"mem write $ram.user_va+0x14010 --words 0x6743",
				"fault respond $q 1 SUCCESS",
				"sim dma-result $x",
				"mem read $ram.user_va+0x6000 4",
			],
			...smmu,
		);
		expect(shown).toContain("no event is queued");
		expect(shown).toContain("late");
	});

	test("raised on purpose go there too", () => {
		const shown = run(
			[...stalling, queue(2), "g = sim event vfio3 F_TRANSLATION address=0x7000 stall=1 stag=9", "fault read $q", "sim requests"],
			...smmu,
		);
		expect(shown).toContain("it stalls, and the fault queue has it as page request group 9");
		expect(shown).toMatch(/LAST_PAGE \(0x2\) +1 +0 +9 +WRITE \(0x2\) +0x7000/);
	});

	test("without a fault queue are answered INVALID and printed", () => {
		const log = logOf([...guest(STALLING_CD), queue(2), "expect EFAULT sim dma vfio3 --iova 0x3000 --read --length 4"], ...smmu);
		expect(log).toMatch(/unhandled event 0x10 .* stag 0x0 class IN flags RnW,STALL \(read\): no fault queue takes its page request/);
	});
});

test("iommu_virq_alloc has the 24 bytes of the posted patches", () => {
	const shown = run(["struct show iommu_virq_alloc", "struct encode iommu_virq_alloc viommu_id=3 type=IOMMU_VIRQ_TYPE_ARM_SMMUV3"]);
	expect(shown).toContain("struct iommu_virq_alloc, 24 bytes");
	expect(shown).not.toMatch(/depth|__reserved/);
	expect(shown).toContain("180000000000000003000000010000000000000000000000");
});
