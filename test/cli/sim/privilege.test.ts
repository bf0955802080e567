/** sim dma --priv and --exec, on every vendor's machine. */
import { describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "../cli.js";

/** What `sim dma` said, one for each line that ran it: "done", or why it was aborted. */
function outcomes(lines: readonly string[], machine: string): string[] {
	const all = documents(script(lines, "--machine", machine, "--keep-going", "--json")) as unknown as {
		command: string;
		details: { state: string; why: string | null };
	}[];
	return all.filter(({ command }) => command === "sim dma").map(({ details }) => details.why ?? details.state);
}

describe("VT-d", () => {
	/** Pages for users at 0x1000, read-only at 0x2000, for supervisors at 0x3000. */
	const guest = (flags: string) => [
		"d = device bind vfio3",
		"i = ioas alloc",
		"ram = ioas map $i --iova 0 --length 1M",
		"p = hwpt alloc $d $i --flags NEST_PARENT",
		"mem write $ram.user_va+0x1000 --words 0x2007",
		"mem write $ram.user_va+0x2000 --words 0x3007",
		"mem write $ram.user_va+0x3000 --words 0x4007",
		"mem write $ram.user_va+0x4008 --words 0x5007,0x6005,0x7003",
		`n = hwpt alloc $d $p --vtd-s1 pgtbl_addr=0x1000,addr_width=48${flags}`,
		"device attach vfio3 $n",
		"sim dma vfio3 --iova 0x1000 --read --priv",
		"sim dma vfio3 --iova 0x2000 --write --priv",
		"sim dma vfio3 --iova 0x2000 --write",
		"sim dma vfio3 --iova 0x3000 --read --priv",
		"sim dma vfio3 --iova 0x3000 --read",
		"sim dma vfio3 --iova 0x1000 --read --exec",
	];
	const reasons = (flags: string) => outcomes(guest(flags), "vtd").map((why) => /0x\w\w/.exec(why)?.[0] ?? why);

	test("SRE allows privileged requests, WPE holds them to what is writable, U/S keeps users out, and ERE is not to be had", () => {
		expect(reasons("")).toEqual(["0x5d", "0x5d", "0x85", "0x5d", "0x81", "0x5c"]);
		expect(reasons(",flags=SRE")).toEqual(["done", "done", "0x85", "done", "0x81", "0x5c"]);
		expect(reasons(",flags=SRE|WPE")).toEqual(["done", "0x85", "0x85", "done", "0x81", "0x5c"]);
	});

	test("the kernel's own first stage takes neither; a second stage knows neither", () => {
		const own = (flags: string) => [
			"d = device bind vfio3",
			"i = ioas alloc",
			"ioas map $i --iova 0 --length 1M",
			`h = hwpt alloc $d $i ${flags}`,
			"device attach vfio3 $h",
			"sim dma vfio3 --iova 0x1000 --read --priv",
			"sim dma vfio3 --iova 0x1000 --read --exec",
		];
		expect(outcomes(own(""), "vtd")).toEqual([expect.stringContaining("0x5d"), expect.stringContaining("0x5c")]);
		expect(outcomes(own("--flags NEST_PARENT"), "vtd")).toEqual(["done", "done"]);
	});
});

test("SMMUv3: AP, UXN, PXN, and PXN by what users may write; InD and PnU are in the record", () => {
	const guest = [
		"d = device bind vfio0",
		"i = ioas alloc",
		"ram = ioas map $i --iova 0 --length 1M",
		"p = hwpt alloc $d $i --flags NEST_PARENT",
		"v = viommu alloc $d $p --type ARM_SMMUV3",
		"vdevice alloc $v $d 0x42",
		"mem write $ram.user_va+0x10000 --words 0x16204c0000010,0x11000",
		"mem write $ram.user_va+0x10000 --words 0x16202c0003519,0x11000",
		"mem write $ram.user_va+0x11000 --words 0x12003",
		"mem write $ram.user_va+0x12000 --words 0x13003",
		// users read and write; users read, UXN; users read, PXN; supervisors read and write
		"mem write $ram.user_va+0x13008 --words 0x5743,0x400000000067c3,0x200000000077c3,0x8703",
		"n = hwpt alloc $d $v --smmuv3 v=1,config=S1,s1contextptr=0x10000",
		"device attach vfio0 $n",
		"q = veventq alloc $v --type ARM_SMMUV3 --veventq-depth 8",
		"sim dma vfio0 --iova 0x1000 --read --exec",
		"sim dma vfio0 --iova 0x1000 --read --exec --priv",
		"sim dma vfio0 --iova 0x2000 --read --exec",
		"sim dma vfio0 --iova 0x2000 --read --exec --priv",
		"sim dma vfio0 --iova 0x3000 --read --exec",
		"sim dma vfio0 --iova 0x3000 --read --exec --priv",
		"sim dma vfio0 --iova 0x4000 --read",
		"sim dma vfio0 --iova 0x4000 --read --priv",
	];
	const [fault, done] = ["F_PERMISSION", "done"];
	expect(outcomes(guest, "smmuv3")).toEqual([done, fault, fault, done, done, fault, fault, done]);
	const read = documents(script([...guest, "veventq read $q"], "--machine", "smmuv3", "--keep-going", "--json")).at(-2) as unknown as {
		details: { events: { decoded: { fields: Record<string, string> } }[] };
	};
	expect(read.details.events.map(({ decoded: { fields } }) => [fields.ind, fields.pnu])).toEqual([
		["0x1", "0x1"],
		["0x1", undefined],
		["0x1", "0x1"],
		[undefined, undefined],
	]);
});

test("AMD: user and supervisor pages, NX, and read-only for everybody", () => {
	const guest = [
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
		"mem write $ram.user_va+0x4008 --words 0x5007,0x6005,0x7003,0x8000000000008007",
		"n = hwpt alloc $d $v --amd dte=0x80000000000003,0x20000,0,0",
		"device attach vfio3 $n",
		"sim dma vfio3 --pasid 5 --iova 0x1000 --read --exec --priv",
		"sim dma vfio3 --pasid 5 --iova 0x2000 --write --priv",
		"sim dma vfio3 --pasid 5 --iova 0x3000 --read",
		"sim dma vfio3 --pasid 5 --iova 0x3000 --read --priv",
		"sim dma vfio3 --pasid 5 --iova 0x4000 --read --exec",
		"sim dma vfio3 --pasid 5 --iova 0x9000 --read --exec",
	];
	expect(outcomes(guest, "amd")).toEqual([
		"done",
		"IO_PAGE_FAULT, flags 0x71 (privileged write, the page forbids it)",
		"IO_PAGE_FAULT, flags 0x55 (read, the page forbids it)",
		"done",
		"IO_PAGE_FAULT, flags 0x57 (read for execution, the page forbids it)",
		"IO_PAGE_FAULT, flags 0x7 (read for execution, not present)",
	]);
});

test("--exec is for reads, and without a PASID the output says that PCIe cannot do it", () => {
	const wrong = iommuctl(["sim", "dma", "vfio0", "--iova", "0", "--write", "--exec"]);
	expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("--exec marks a read")]);
	const lines = ["d = device bind vfio3", "i = ioas alloc", "device attach vfio3 $i", "sim dma vfio3 --iova 0 --read --priv"];
	expect(script(lines, "--keep-going").stderr).toContain("in the PASID prefix only");
	expect(script([...lines.slice(0, 3), `${lines[3]} --pasid 5`], "--keep-going").stderr).not.toContain("in the PASID prefix only");
});
