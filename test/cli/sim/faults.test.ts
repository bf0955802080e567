/** Faults of DMA by the specifications, as sim dma and the kernel log show them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "../cli.js";

const folder = mkdtempSync(join(tmpdir(), "iommuctl-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Why each `sim dma` was aborted, or "done". */
function outcomes(lines: readonly string[], machine: string): string[] {
	const all = documents(script(lines, "--machine", machine, "--keep-going", "--json")) as unknown as {
		command: string;
		details: { state: string; why: string | null };
	}[];
	return all.filter(({ command }) => command === "sim dma").map(({ details }) => details.why ?? details.state);
}

const reasons = (lines: readonly string[], machine: string) => outcomes(lines, machine).map((why) => /0x\w\w/.exec(why)?.[0] ?? why);

describe("VT-d", () => {
	/** A second-stage table: a page that can be written at 0, one that cannot at 0x1000. */
	const second = [
		"d = device bind vfio0",
		"i = ioas alloc",
		"ioas map $i --iova 0 --length 4k",
		"ioas map $i --iova 0x1000 --length 4k --flags READABLE,FIXED_IOVA",
		"h = hwpt alloc $d $i --flags DIRTY_TRACKING",
		"device attach vfio0 $h",
		"sim dma vfio0 --iova 0 --write",
		"sim dma vfio0 --iova 0x1000 --write",
		"sim dma vfio0 --iova 0x2000 --read",
		"sim dma vfio0 --iova 0x1000000000000 --read",
	];

	test("the second stage's reasons are those of the mode", () => {
		expect(reasons(second, "vtd")).toEqual(["done", "0x85", "0x79", "0x84"]);
		const machine = JSON.parse(iommuctl(["machine", "show", "vtd", "--format", "json"]).stdout) as { iommus: object[]; siov: object[] };
		const legacy = join(folder, "legacy.json");
		writeFileSync(legacy, JSON.stringify({ ...machine, siov: [], iommus: [{ ...machine.iommus[0], scalable: false }] }));
		const lines = second.map((line) => line.replace("--flags DIRTY_TRACKING", ""));
		expect(reasons(lines, legacy)).toEqual(["done", "0x05", "0x06", "0x04"]);
	});

	test("a device behind a PCIe-to-PCI bridge has no context entry in scalable mode", () => {
		const lines = [
			"d = device bind vfio7",
			"i = ioas alloc",
			"ioas map $i --iova 0 --length 4k",
			"device attach vfio7 $i",
			"sim dma vfio7 --iova 0 --read",
		];
		expect(reasons(lines, "vtd")).toEqual(["0x41"]);
	});

	const nested = [
		"d = device bind vfio3",
		"i = ioas alloc",
		"ram = ioas map $i --iova 0 --length 1M",
		"p = hwpt alloc $d $i --flags NEST_PARENT",
		"mem write $ram.user_va+0x1000 --words 0x2007",
		"mem write $ram.user_va+0x2000 --words 0x3007",
		"mem write $ram.user_va+0x3000 --words 0x4007,0x1000000000007",
		"mem write $ram.user_va+0x4008 --words 0x5007,0x1000000000007,0x8000000000007",
	];

	test("an address in the first stage beyond MGAW is 0x74, in a table and in a page", () => {
		const lines = [
			...nested,
			"n = hwpt alloc $d $p --vtd-s1 pgtbl_addr=0x1000,addr_width=48",
			"device attach vfio3 $n",
			"sim dma vfio3 --iova 0x1000 --read",
			"sim dma vfio3 --iova 0x2000 --read",
			"sim dma vfio3 --iova 0x3000 --read",
			"sim dma vfio3 --iova 0x200000 --read",
		];
		expect(reasons(lines, "vtd")).toEqual(["done", "0x74", "0x74", "0x74"]);
	});

	test("a reserved word of the guest's PASID table entry is 0x5a", () => {
		const lines = [
			...nested,
			"device attach vfio3 $p",
			"mem write $ram.user_va+0x10000 --words 0x11001",
			"mem write $ram.user_va+0x11140 --words 0x41,7,0x1000",
			"mem write $ram.user_va+0x11180 --words 0x41,7,0x1000,0,0,0,0,1",
			"vsva bind vfio3 --base 0x10000 --size 64",
			"sim dma vfio3 --iova 0x1000 --read --pasid 5",
			"sim dma vfio3 --iova 0x1000 --read --pasid 6",
		];
		expect(reasons(lines, "vtd")).toEqual(["done", "0x5a"]);
	});
});

describe("SMMUv3", () => {
	const guest = (vfio: number, ste: string) => [
		`d = device bind vfio${vfio}`,
		"i = ioas alloc",
		"ram = ioas map $i --iova 0 --length 1M",
		"p = hwpt alloc $d $i --flags NEST_PARENT",
		"v = viommu alloc $d $p --type ARM_SMMUV3",
		"vdevice alloc $v $d 0x42",
		"mem write $ram.user_va+0x10000 --words 0x16202c0003519,0x11000",
		"mem write $ram.user_va+0x11000 --words 0x900003",
		`n = hwpt alloc $d $v --smmuv3 v=1,config=S1,s1contextptr=0x10000${ste}`,
		`device attach vfio${vfio} $n`,
		"q = veventq alloc $v --type ARM_SMMUV3 --veventq-depth 4",
	];

	test("a stage 2 fault on the way to a stage 1 table is the host's: S2, CLASS TT, the descriptor's IPA; the guest sees nothing", () => {
		const text = script(
			[...guest(0, ""), "sim dma vfio0 --iova 0x1000 --read --length 4", "veventq read $q", "kernel log", "sim records smmu0"],
			"--machine",
			"smmuv3",
			"--keep-going",
		).stdout;
		expect(text).toContain("no event is queued");
		expect(text).toMatch(
			/F_TRANSLATION client .* iova 0x1000 ipa 0x900000 class TT flags RnW,S2 \(read\): the host's own tables are at fault/,
		);
		expect(text).toContain("F_TRANSLATION, sid 0x80, iova 0x1000, read, walking stage 1, stage 2, ipa 0x900000");
	});

	test("an ATS request that finds a bad CD leaves no record", () => {
		const lines = [
			...guest(6, ",eats=1"),
			"mem write $ram.user_va+0x10000 --words 0",
			"sim dma vfio6 --iova 0x1000 --read",
			"veventq read $q",
			"sim records smmu0",
		];
		const ran = script(lines, "--machine", "smmuv3", "--keep-going");
		expect(outcomes(lines, "smmuv3")).toEqual(["the SMMU answered the ATS request with Completer Abort (C_BAD_CD)"]);
		expect(ran.stdout).toContain("no event is queued");
		expect(ran.stdout).toContain("EVENTQ: empty");
		// without ATS the same CD is recorded
		const plain = script(
			[...guest(0, ""), "mem write $ram.user_va+0x10000 --words 0", "sim dma vfio0 --iova 0x1000 --read", "veventq read $q"],
			"--machine",
			"smmuv3",
			"--keep-going",
		);
		expect(plain.stdout).toContain("C_BAD_CD, sid 0x42");
	});

	test("E_PAGE_REQUEST has a span and what users and privileged software will do", () => {
		const lines = [...guest(0, ""), "sim event vfio0 E_PAGE_REQUEST address=0x7000 span=3 uR=1 pW=1", "sim records smmu0"];
		expect(script(lines, "--machine", "smmuv3").stdout).toContain(
			"E_PAGE_REQUEST, sid 0x80, iova 0x7000, 3 pages, user read, privileged write",
		);
	});
});

test("AMD: PASID faults have GN and US, and the log has the flags in words", () => {
	const lines = [
		"d = device bind vfio3",
		"i = ioas alloc",
		"ioas map $i --iova 0 --length 1M",
		"h = hwpt alloc $d $i --flags ALLOC_PASID",
		"device attach vfio3 $h",
		"device attach vfio3 $h --flags PASID --pasid 5",
		"sim event vfio3 2 address=0x3000 --pasid 5",
		"sim event vfio3 2 address=0x3000 write=1",
		"kernel log",
	];
	const text = script(lines, "--machine", "amd", "--keep-going").stdout;
	expect(text).toContain("IO_PAGE_FAULT device=0000:00:12.0 pasid=0x5 domain=0x0000 address=0x3000 flags=0x0005] read, not present");
	expect(text).toContain("address=0x3000 flags=0x0020] write, not present");
});

test("events of AMD can be named; codes that do not exist, and addresses that are too wide, are refused", () => {
	const named = iommuctl(["sim", "event", "vfio3", "invalid_device_request", "address=0x3000", "--machine", "amd", "--json"]);
	expect(JSON.parse(named.stdout)).toMatchObject({ details: { fate: "unhandled", record: "90000000000000800030000000000000" } });
	const wrong = iommuctl(["sim", "event", "vfio3", "16", "--machine", "amd"]);
	expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("IO_PAGE_FAULT")]);
	expect(iommuctl(["sim", "event", "vfio3", "256", "--machine", "vtd"]).status).toBe(2);
	for (const command of ["walk", "dma"]) {
		const wide = iommuctl(["sim", command, "vfio3", "--iova", "0x10000000000000000", "--read"].slice(0, command === "walk" ? 5 : 6));
		expect([wide.status, wide.stderr]).toEqual([2, expect.stringContaining("not an address of 64 bits")]);
	}
});

describe("translation requests (ATS) that are not allowed", () => {
	test("SMMUv3: F_BAD_ATS_TREQ, and nothing where the entry says abort or EATS allows them", () => {
		const table = (ste: string) => [
			"d = device bind vfio6",
			"i = ioas alloc",
			"ram = ioas map $i --iova 0 --length 1M",
			"p = hwpt alloc $d $i --flags NEST_PARENT",
			"v = viommu alloc $d $p --type ARM_SMMUV3",
			"vdevice alloc $v $d 0x42",
			`n = hwpt alloc $d $v --smmuv3 ${ste}`,
			"device attach vfio6 $n",
			"q = veventq alloc $v --type ARM_SMMUV3 --veventq-depth 4",
			"sim dma vfio6 --iova 0x3000 --write --ats",
			"veventq read $q",
			"sim records smmu0",
		];
		const events = (ste: string) => /EVENTQ: [\s\S]*?PRIQ/.exec(script(table(ste), "--machine", "smmuv3", "--keep-going").stdout)?.[0];
		for (const ste of ["v=1,config=S1,s1contextptr=0x10000", "v=1,config=BYPASS"]) {
			expect(events(ste)).toContain("F_BAD_ATS_TREQ, sid 0x100, iova 0x3000, write");
			expect(script(table(ste), "--machine", "smmuv3", "--keep-going").stdout).toContain("no event is queued");
		}
		expect(events("v=1,config=ABORT")).toContain("empty");
		expect(events("v=1,config=S1,s1contextptr=0x10000,eats=1")).toContain("empty");
	});

	test("VT-d: the context entry blocks them; AMD: INVALID_DEVICE_REQUEST", () => {
		const lines = [
			"d = device bind vfio0",
			"i = ioas alloc",
			"ioas map $i --iova 0 --length 4k",
			"device attach vfio0 $i",
			"sim dma vfio0 --iova 0 --read --ats",
			"sim dma vfio0 --iova 0 --read",
		];
		expect(reasons(lines, "vtd")).toEqual(["0x44", "done"]);
		expect(outcomes(lines, "amd")).toEqual([expect.stringContaining("INVALID_DEVICE_REQUEST"), "done"]);
		expect(
			outcomes(
				lines.map((line) => line.replaceAll("vfio0", "vfio3")),
				"vtd",
			),
		).toEqual(["done", "done"]);
	});
});
