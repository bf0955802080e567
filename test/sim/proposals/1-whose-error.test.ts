/** Whose error is it: failed device-TLB invalidations belong to the requester and PASID of their descriptor. */
import { describe, expect, test } from "vitest";
import { attack, logOf, memory, multi, otherContext, printed, run, tables } from "./guest.js";

const v10 = ["--uapi", "vtd-inv-v10"];
/** vfio3 of the mixed machine with a table of its own; its function is also that of vfio33 (PASID 0x40). */
const whole = [
	...memory("vfio3"),
	...tables("$ram.user_va", "0x6007"),
	"nested = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48",
	"device attach vfio3 $nested",
	"sim dma vfio3 --iova 0x1000 --write --text a",
];
const theirs = [...otherContext("vfio33"), "sim dma vfio33 --iova 0x1000 --write --text b"];
const invalidateTheirs = [
	"q = mem alloc 4k",
	"mem write $q --words 0x1000,1,0",
	"raw IOMMU_HWPT_INVALIDATE --on-fd $other size=32 hwpt_id=4 data_uptr=$q data_type=0 entry_len=24 entry_num=1",
	"mem read $q+16 8",
];

describe("two contexts on one function", () => {
	test("the virtual device's error comes in its own context's array, not in the parent's", () => {
		const ran = attack("r01-ite-wrong-vm.iommu", ...v10);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("no invalidation entry has reported an error");
		expect(ran.stdout).toContain("dmar0: entry 0: ITE of 00:12.0 PASID 0x40, device ID 1");
		expect(ran.stdout).toContain("00 00 00 00 02 00 00 00");
	});

	test("and the function's error is not the virtual device's, whoever invalidates first", () => {
		const shown = run(
			[
				...whole,
				...theirs,
				"sim fail vfio3 --ite",
				...invalidateTheirs,
				"sim failures",
				"hwpt invalidate $nested --vtd-s1 addr=0x1000,npages=1",
			],
			...v10,
		);
		expect(shown).toContain("no invalidation entry has reported an error");
		expect(shown).toContain("entry 0: hw_error ITE (0x2), device 1");
	});

	test("one PASID of a function fails, another one does not", () => {
		const lines = [...theirs, "sim fail vfio33 --ite --pasid 0x40", ...invalidateTheirs, "sim failures"];
		expect(run(lines, ...v10)).toContain("ITE of 00:12.0 PASID 0x40, device ID 1");
		expect(run(["device bind vfio3", "expect EPERM sim fail vfio3 --ite --pasid 0x40"], ...v10)).toContain("belongs to siov0");
	});
});

describe("several devices in one array", () => {
	const both = [
		...memory("vfio0"),
		"e = device bind vfio1",
		...tables("$ram.user_va", "0x6007"),
		"nested = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48",
		"device attach vfio0 $nested",
		"device attach vfio1 $nested",
		"sim fail vfio0 --ite",
		"sim fail vfio1 --ite",
		"sim fail vfio1 --ice",
	];
	const entries = "--vtd-s1 addr=0x1000,npages=1 --vtd-s1 addr=0x2000,npages=1 --vtd-s1 addr=0x3000,npages=1";

	test("every entry names every device that failed: text, JSON, sim failures", () => {
		const lines = [...both, `hwpt invalidate $nested ${entries}`, "sim failures"];
		const shown = run(lines, ...multi, ...v10);
		const [first, second] = ["entry 0: hw_error ITE (0x2), devices 1, 4", "entry 1: hw_error ICE (0x1), device 4"];
		expect(shown).toContain(first);
		expect(shown).toContain(second);
		expect(shown).toContain("dmar0: entry 0: ITE of 00:10.0, device ID 1\n  dmar0: entry 0: ITE of 00:11.0, device ID 4");
		const made = printed(lines, ...multi, ...v10).find(({ command }) => command === "hwpt invalidate") as unknown as {
			details: { hwErrors: unknown };
		};
		expect(made.details.hwErrors).toEqual([
			{ entry: 0, hw_error: 2, device: 1, devices: [1, 4] },
			{ entry: 1, hw_error: 1, device: 4, devices: [4] },
		]);
	});

	test("also where one command makes several calls, and other arrays failed before", () => {
		const lines = [
			...both,
			"hwpt invalidate $nested --vtd-s1 addr=0x1000,npages=1",
			"sim fail vfio0 --ice",
			`hwpt invalidate $nested --batch 1 ${entries}`,
		];
		const shown = run(lines, ...multi, ...v10);
		expect(shown).toContain("entry 0: hw_error ICE (0x1), devices 1, 4");
		expect(shown).not.toContain("entry 1: hw_error");
	});
});

describe("without the proposal", () => {
	const moved = ["mem write $ram.user_va+0x4008 --words 0x7007", "hwpt invalidate $nested --vtd-s1 addr=0x1000,npages=1"];
	const after = ["sim dma vfio3 --iova 0x1000 --write --text new", "mem read $ram.user_va+0x7000 3"];

	test.each([1, 3])("%i time-outs are healed: the driver submits again, and DMA lands on the new page", (times) => {
		const shown = run([...whole, `sim fail vfio3 --ite --times ${times}`, ...moved, ...after]);
		expect(shown).toContain("6e 65 77");
	});

	test("a completion error is not: what the device cached stays, and the log says so", () => {
		const log = logOf([...whole, "sim fail vfio3 --ice", ...moved, ...after]);
		expect(log).toContain("Invalidation Completion Error (ICE) for device [00:12.0]: its device TLB keeps its entries");
	});

	test("an unmap of the host's is submitted again too", () => {
		const lines = [
			...whole,
			"sim fail vfio3 --ite",
			"ioas unmap $ioas --iova 0 --length 1M",
			"expect EFAULT sim dma vfio3 --iova 0x1000 --read",
		];
		expect(logOf(lines)).toContain("the invalidation is submitted again");
	});
});
