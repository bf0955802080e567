/** Whose fault is it: by requester and PASID, for tables bound as a whole too. */
import { describe, expect, test } from "vitest";
import { changed, directory, memory, multi, otherContext, printed, run } from "./guest.js";

/** s0 and s1 own the same PASID of vfio2. */
const twins = changed('parent: "0000:00:12.0", pasid: 65', 'parent: "0000:00:12.0", pasid: 64');

describe("a guest's whole table", () => {
	const bound = [
		...memory("vfio2"),
		...directory(),
		"device attach vfio2 $parent",
		"q = fault alloc",
		"t = vsva bind vfio2 --base 0x10000 --size 64 --fault-id $q",
	];

	test("its PASIDs belong to its device, its table and its queue; the others still to the virtual devices", () => {
		const shown = run(
			[...bound, ...otherContext("vfio20"), "sim explain-fault 00:12.0 --pasid 5", "sim explain-fault 00:12.0 --pasid 0x40"],
			...multi,
		);
		expect(shown).toContain(
			"vfio2 (0000:00:12.0), group 2; device 1 of context 1; the guest's PASID table 1; on page table 3; page requests go to fault queue 4",
		);
		expect(shown).toContain("vfio20 (s0), one PASID of its parent, group 8; device 1 of context 2; page table 4");
	});

	test("a PASID behind its end has no page table", () => {
		const [told] = printed([...bound, "sim explain-fault 00:12.0 --pasid 0x50"], ...multi).filter(
			({ schema }) => schema === "iommuctl.sim.explain-fault",
		) as unknown as { owners: unknown[]; why: string[] }[];
		expect(told.owners).toMatchObject([{ node: "vfio2", guestTable: null, hwpt: null, faultQueue: null }]);
		expect(told.why).toContain("no page table is attached for it: page requests are answered INVALID");
		run(
			[...bound, "sim page-request vfio2 --addr 0x1000 --pasid 0x50", "expect EFAULT sim dma vfio2 --pasid 0x50 --iova 0x1000 --read"],
			...multi,
		);
	});

	test("its fault messages name the device that asked, also for two that share it", () => {
		const lines = [...bound, "device bind vfio0", "device attach vfio0 $parent", "vsva bind vfio0 --table $t"];
		const shown = run(
			[...lines, "sim page-request vfio0 --addr 0x2000 --pasid 5", "sim page-request vfio2 --addr 0x2000 --pasid 5", "fault read $q"],
			...multi,
		);
		expect(shown).toMatch(/LAST_PAGE \(0x3\) +5 +5 +0 /);
		expect(shown).toMatch(/LAST_PAGE \(0x3\) +1 +5 +0 /);
	});
});

describe("two mediated devices of one process that share requester and PASID", () => {
	const both = [
		"d = device bind vfio20",
		"e = device bind vfio21",
		"ioas = ioas alloc",
		"ram = ioas map $ioas --iova 0x10000 --length 64k",
		"q = fault alloc",
		"t = hwpt alloc $d $ioas --fault-id $q",
		"device attach vfio20 $t",
		"device attach vfio21 $t",
	];

	test("share a group, so they share a context and its page tables", () => {
		run(
			[
				...both,
				"t2 = hwpt alloc $d $ioas",
				"device close vfio21",
				"other = file open /dev/iommu",
				"expect EPERM device bind vfio21 --iommufd $other",
			],
			...twins,
		);
	});

	test("a request of either is reported once, for the first, and its answer serves both", () => {
		const shown = run(
			[
				...both,
				"x = sim dma vfio21 --iova 0x2000 --write --text one",
				"y = sim dma vfio20 --iova 0x2000 --write --text two",
				"sim page-request vfio20 --addr 0x2fff --perm WRITE",
				"fault read $q",
				"fault read $q",
				"ioas map $ioas --iova 0x2000 --length 4k",
				"fault respond $q 1 SUCCESS",
				"sim dma-result $x",
				"sim dma-result $y",
				"sim explain-fault 00:12.0 --pasid 0x40",
			],
			...twins,
		);
		expect(shown).toContain("1 page fault read");
		expect(shown).toMatch(/LAST_PAGE \(0x2\) +1 +0 +0 +WRITE/);
		expect(shown).toContain("nothing is queued");
		expect(shown).toContain("not sent again: group 0");
		expect(shown).toContain("s0, s1 look the same to the IOMMU");
		expect(shown.match(/3 of 3 bytes written to 0x2000, after 1 page request/g)).toHaveLength(2);
	});

	test("another page is another request, and more permission too", () => {
		const shown = run(
			[
				...both,
				"sim page-request vfio21 --addr 0x2000",
				"sim page-request vfio20 --addr 0x3000",
				"sim page-request vfio20 --addr 0x2000 --perm WRITE",
				"sim requests",
			],
			...twins,
		);
		expect(shown).toContain("page request interface of 0000:00:12.0: 3 of 4 outstanding");
	});

	test("what one is refused, both are", () => {
		run(
			[
				...both,
				"x = sim dma vfio21 --iova 0x2000 --write",
				"y = sim dma vfio20 --iova 0x2000 --write",
				"fault read $q",
				"fault respond $q 1 INVALID",
				"expect EFAULT sim dma-result $x",
				"expect EFAULT sim dma-result $y",
			],
			...twins,
		);
	});
});

describe("who cannot be told", () => {
	test("a bridge's and function 0's requester ID stand for several devices: ENOTUNIQ; nobody's: ENODEV", () => {
		run(["expect ENOTUNIQ sim explain-fault 00:13.0", "expect ENODEV sim explain-fault 1f:00.0", "sim explain-fault 00:10.0"], ...multi);
		run(["expect ENOTUNIQ sim explain-fault 03:00.0"]);
	});

	test("a mediated device in software never faults: a failed access is just that", () => {
		const lines = [
			"device bind vfio30",
			"ioas = ioas alloc",
			"device attach vfio30 $ioas",
			"expect ENOENT sim dma vfio30 --iova 0x1000 --read",
		];
		expect(run([...lines, "kernel log", "expect EOPNOTSUPP sim page-request vfio30 --addr 0x1000"], ...multi)).not.toContain("DMAR");
	});
});
