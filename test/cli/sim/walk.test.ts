/** sim walk and hwpt walk, on every vendor's machine. */
import { describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "../cli.js";

interface Step {
	stage: number;
	name: string;
	address: string;
	words: string[];
	flags: string[];
	next: string | null;
	fault: string | null;
}

interface Walk {
	schema: string;
	device: string | null;
	hwpt: number | null;
	access: string;
	tables: string;
	steps: Step[];
	output: string | null;
	fault: string | null;
	why: string | null;
	cached: { first: string; output: string; stale: boolean }[];
}

const walks = (lines: readonly string[], machine: string) =>
	(documents(script(lines, "--machine", machine, "--json")) as unknown as Walk[]).filter(({ schema }) => schema === "iommuctl.sim.walk");

/** `stage name address [flags] fault` of each step. */
const lines = ({ steps }: Walk) =>
	steps.map(({ stage, name, address, flags, fault }) =>
		[stage, name, address, flags.join(" "), ...(fault === null ? [] : [fault])].join(" "),
	);

const vtd = [
	"d = device bind vfio3",
	"i = ioas alloc",
	"ram = ioas map $i --iova 0 --length 1M",
	"p = hwpt alloc $d $i --flags NEST_PARENT",
	"mem write $ram.user_va+0x1000 --words 0x2007",
	"mem write $ram.user_va+0x2000 --words 0x3007",
	"mem write $ram.user_va+0x3000 --words 0x4007",
	"mem write $ram.user_va+0x4008 --words 0x5007,0x6005,0,0x900007",
	"n = hwpt alloc $d $p --vtd-s1 pgtbl_addr=0x1000,addr_width=48",
	"device attach vfio3 $n",
];

describe("VT-d", () => {
	test("every entry through both stages, with its address, value and flags", () => {
		const [walk] = walks([...vtd, "sim walk vfio3 --iova 0x1010"], "vtd");
		expect(walk).toMatchObject({ device: "0000:00:12.0", hwpt: null, access: "read", fault: null, why: null, cached: [] });
		expect(lines(walk)).toEqual([
			"2 host 0x1000 RW",
			"1 PML4E 0x1000 P RW US",
			"2 host 0x2000 RW",
			"1 PDPTE 0x2000 P RW US",
			"2 host 0x3000 RW",
			"1 PDE 0x3000 P RW US",
			"2 host 0x4008 RW",
			"1 PTE 0x4008 P RW US",
			"2 host 0x5010 RW",
		]);
		expect(walk.steps[7]).toMatchObject({ words: ["0x5007"], next: "0x5000" });
		expect(walk.output).toBe(walk.steps[8].next);
	});

	test("the failing entry is marked with the fault that it raises: the guest's, or the host's mapping", () => {
		const [write, absent, host, sre] = walks(
			[
				...vtd,
				"sim walk vfio3 --iova 0x2000 --write",
				"sim walk vfio3 --iova 0x3000",
				"sim walk vfio3 --iova 0x4000",
				"sim walk vfio3 --iova 0x1000 --priv",
			],
			"vtd",
		);
		expect(lines(write).at(-1)).toBe("1 PTE 0x4010 P US 0x85");
		expect(lines(absent).at(-1)).toBe("1 PTE 0x4018 not present 0x71");
		expect(lines(host).at(-1)).toBe("2 host 0x900000 not mapped 0x79");
		expect(sre).toMatchObject({ steps: [], fault: "0x5d", access: "privileged read" });
		expect(host.why).toBe("fault reason 0x79: the second stage does not map the page");
	});

	test("changes nothing, and says what an access would use in its place", () => {
		const [before, after] = walks(
			[
				...vtd,
				"sim walk vfio3 --iova 0x1000 --write",
				"sim dma vfio3 --iova 0x1000 --read",
				"mem write $ram.user_va+0x4008 --words 0x8007",
				"sim walk vfio3 --iova 0x1000",
			],
			"vtd",
		);
		expect(before.steps.map(({ words: [word] }) => word).filter((word) => word !== undefined)).toEqual([
			"0x2007",
			"0x3007",
			"0x4007",
			"0x5007",
		]);
		expect(before.cached).toEqual([]);
		expect(after.steps[1].words).toEqual(["0x2027"]);
		expect(after.cached).toEqual([{ first: "0x1000", output: before.output, stale: true }]);
	});

	test("through a guest's whole PASID directory", () => {
		const [walk, absent] = walks(
			[
				...vtd.slice(0, 8),
				"device attach vfio3 $p",
				"mem write $ram.user_va+0x10000 --words 0x11001",
				"mem write $ram.user_va+0x11140 --words 0x41,7,0x1000",
				"vsva bind vfio3 --base 0x10000 --size 64",
				"sim walk vfio3 --iova 0x1000 --pasid 5",
				"sim walk vfio3 --iova 0x1000 --pasid 6",
			],
			"vtd",
		);
		expect(lines(walk).slice(0, 5)).toEqual([
			"2 host 0x10000 RW",
			"0 PASID directory entry 0x10000 P",
			"2 host 0x11140 RW",
			"0 PASID table entry 0x11140 P PGTT DID=7",
			"2 host 0x1000 RW",
		]);
		expect(lines(absent).at(-1)).toBe("0 PASID table entry 0x11180  0x59");
	});

	test("hwpt walk does the same for a table, the host's too; text marks the failing line", () => {
		const commands = [...vtd, "hwpt walk $n --iova 0x3000", "hwpt walk $p --iova 0x1000", "expect ENOENT hwpt walk 77 --iova 0"];
		const [nested, parent] = walks(commands, "vtd");
		expect(nested).toMatchObject({ device: null, hwpt: 4, fault: "0x71" });
		expect(parent).toMatchObject({ hwpt: 3, tables: "the host's second stage", fault: null });
		const text = script(commands, "--machine", "vtd").stdout;
		expect(text).toMatch(/stage 1 {2}PTE {4}0x4018 {2}= 0x0 {5}not present {3}<-- 0x71/);
		expect(text).toContain("fault reason 0x71: the first-stage entry is not present");
		// a table of the host alone has no second stage
		expect(text).toMatch(/page table 3, read at 0x1000: the host's second stage\n {4}host {4}0x1000 {4}RW -> /);
	});
});

test("SMMUv3: context descriptor, tables, and the fault's event with its stage", () => {
	const [good, guest, host] = walks(
		[
			"d = device bind vfio0",
			"i = ioas alloc",
			"ram = ioas map $i --iova 0 --length 1M",
			"p = hwpt alloc $d $i --flags NEST_PARENT",
			"v = viommu alloc $d $p --type ARM_SMMUV3",
			"vdevice alloc $v $d 0x42",
			"mem write $ram.user_va+0x10000 --words 0x16202c0003519,0x11000",
			"mem write $ram.user_va+0x11000 --words 0x12003,0x900003",
			"mem write $ram.user_va+0x12000 --words 0x13003",
			"mem write $ram.user_va+0x13008 --words 0x5743",
			"n = hwpt alloc $d $v --smmuv3 v=1,config=S1,s1contextptr=0x10000",
			"device attach vfio0 $n",
			"sim walk vfio0 --iova 0x1000",
			"sim walk vfio0 --iova 0x2000",
			"hwpt walk $n --iova 0x40000000",
		],
		"smmuv3",
	);
	expect(lines(good).map((line) => line.slice(0, 24))).toEqual([
		"2 host 0x10000 RW",
		"0 CD 0x10000 T0SZ=25 IR0",
		"2 host 0x11000 RW",
		"1 level 1 table 0x11000 ",
		"2 host 0x12000 RW",
		"1 level 2 table 0x12000 ",
		"2 host 0x13008 RW",
		"1 level 3 page 0x13008 R",
		"2 host 0x5000 RW",
	]);
	expect(good.steps[7].flags).toEqual(expect.arrayContaining(["RW", "EL0", "AF"]));
	expect(lines(guest).at(-1)).toBe("1 level 3 0x13010 invalid F_TRANSLATION");
	expect(guest.why).toBe("F_TRANSLATION at stage 1");
	expect(lines(host).at(-1)).toBe("2 host 0x900000 not mapped F_TRANSLATION");
	expect(host.why).toBe("F_TRANSLATION at stage 2");
});

test("AMD: guest CR3 table, tables, events", () => {
	const [good, bad] = walks(
		[
			"d = device bind vfio3",
			"i = ioas alloc",
			"ram = ioas map $i --iova 0 --length 1M",
			"p = hwpt alloc $d $i --flags NEST_PARENT",
			"v = viommu alloc $d $p --type 2",
			"vdevice alloc $v $d 0x42",
			"mem write $ram.user_va+0x10028 --words 0x1001",
			"mem write $ram.user_va+0x1000 --words 0x2007",
			"mem write $ram.user_va+0x2000 --words 0x3007",
			"mem write $ram.user_va+0x3000 --words 0x4007",
			"mem write $ram.user_va+0x4008 --words 0x5007",
			"n = hwpt alloc $d $v --amd dte=0x80000000000003,0x20000,0,0",
			"device attach vfio3 $n",
			"sim walk vfio3 --pasid 5 --iova 0x1000",
			"sim walk vfio3 --pasid 6 --iova 0x1000",
		],
		"amd",
	);
	expect(lines(good).slice(0, 4)).toEqual([
		"2 host 0x10028 RW",
		"0 GCR3 table entry, level 1 0x10028 V",
		"2 host 0x1000 RW",
		"1 PML4E 0x1000 P RW US",
	]);
	expect(lines(good).at(-2)).toBe("1 PTE 0x4008 P RW US");
	expect(lines(bad).at(-1)).toBe("0 GCR3 table entry, level 1 0x10030  IO_PAGE_FAULT");
});

test("mistakes, and expectations", () => {
	expect(iommuctl(["sim", "walk", "vfio0"]).stderr).toContain("the address is missing");
	expect(iommuctl(["sim", "walk", "vfio0", "--iova", "0", "--write", "--exec"]).status).toBe(2);
	expect(iommuctl(["sim", "walk", "vfio0", "--iova", "0"]).status).toBe(0);
	expect(iommuctl(["sim", "walk", "vfio0", "--iova", "0", "--expect", "EFAULT"]).status).toBe(0);
	const attached = ["d = device bind vfio0", "i = ioas alloc", "ioas map $i --iova 0 --length 4k", "device attach vfio0 $i"];
	expect(script([...attached, "expect EFAULT sim walk vfio0 --iova 0"]).status).toBe(1);
	expect(script([...attached, "expect EFAULT sim walk vfio0 --iova 0x1000"]).status).toBe(0);
});
