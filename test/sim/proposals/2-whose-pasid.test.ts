/** Whose PASID is it: those of a function are one space. */
import { describe, expect, test } from "vitest";
import { script } from "../../cli/cli.js";
import { attack, changed, directory, memory, multi, otherContext, run, tables } from "./guest.js";

/** vfio2 with tables for PASIDs: $n0 without PASID, $n1. */
const parent = [
	...memory("vfio2"),
	...tables("$ram.user_va"),
	"n0 = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48 --flags ALLOC_PASID",
	"n1 = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48 --flags ALLOC_PASID",
	"device attach vfio2 $n0",
];

describe("what a virtual device owns", () => {
	test("cannot be attached to by its parent's owner, nor used: r02", () => {
		const ran = attack("r02-pasid-collision.iommu", ...multi);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("victim..");
		expect(ran.stdout).not.toContain("ATTACK..");
	});

	test("nor be covered by a guest's PASID table: r03", () => {
		const ran = attack("r03-vsva-over-siov.iommu", ...multi);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("PASID 0x40 of 0000:00:12.0 belongs to s0");
	});

	test("is its own before anybody has bound it, and after it was closed", () => {
		run([...parent, "expect EBUSY device attach vfio2 $n1 --pasid 0x41"], ...multi);
		run([...otherContext("vfio20"), "device close vfio20", ...parent, "expect EBUSY device attach vfio2 $n1 --pasid 0x40"], ...multi);
	});

	test("a table of fewer PASIDs is not in its way; one PASID more is", () => {
		const lines = ["d = device bind vfio2"];
		run([...lines, "vsva bind vfio2 --base 0x1000 --size 64"], ...multi);
		run([...lines, "expect EBUSY vsva bind vfio2 --base 0x1000 --size 128"], ...multi);
		// a directory entry has 64 PASIDs, whatever the size says
		run([...lines, "expect EBUSY vsva bind vfio2 --base 0x1000 --size 32"], ...changed("pasid: 64, vfio: 20", "pasid: 40, vfio: 20"));
	});

	test("the same number on another function is another PASID", () => {
		const lines = [...otherContext("vfio20"), ...memory("vfio0"), ...tables("$ram.user_va")];
		const own = [
			"n = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48 --flags ALLOC_PASID",
			"device attach vfio0 $n --pasid 0x40",
		];
		expect(
			run([...lines, ...own, "sim dma vfio0 --pasid 0x40 --iova 0x1000 --write --text mine", "mem read $m2+0x5000 4"], ...multi),
		).toContain("00 00 00 00");
	});
});

describe("PASIDs that are asked for", () => {
	const second = (fd: string, device: string) => [
		`${fd} = file open /dev/iommu`,
		`device bind ${device} --iommufd $${fd}`,
		`raw IOMMU_IOAS_ALLOC --on-fd $${fd} size=12`,
		`raw IOMMU_HWPT_ALLOC --on-fd $${fd} size=48 flags=8 dev_id=1 pt_id=2`,
		`device attach ${device} 3`,
	];

	test("by two siblings: the second is refused, until the first gives it back", () => {
		run(
			[
				...second("one", "vfio20"),
				...second("two", "vfio21"),
				"device attach vfio20 3 --pasid 7",
				"expect EBUSY device attach vfio21 3 --pasid 7",
				"expect EINVAL sim dma vfio21 --iova 0 --read --pasid 7",
				"expect EFAULT sim dma vfio20 --iova 0 --read --pasid 7",
				"device detach vfio20 --pasid 7",
				"device attach vfio21 3 --pasid 7",
				"expect EBUSY device attach vfio20 3 --pasid 7",
				"device close vfio21",
				"device attach vfio20 3 --pasid 7",
			],
			...multi,
		);
	});

	test("by the parent's owner first: then not by a virtual device, and no guest's table covers them", () => {
		run(
			[
				...memory("vfio2"),
				"s2 = hwpt alloc $d $ioas --flags DIRTY_TRACKING,ALLOC_PASID",
				"device attach vfio2 $s2",
				"device attach vfio2 $s2 --pasid 7",
				...second("one", "vfio20"),
				"expect EBUSY device attach vfio20 3 --pasid 7",
				"expect EBUSY vsva bind vfio2 --base 0x10000 --size 64",
				"device detach vfio2 --pasid 7",
				"vsva bind vfio2 --base 0x10000 --size 64",
			],
			...multi,
		);
	});

	test("beside a guest's whole table: neither by its owner nor by a virtual device", () => {
		run(
			[
				...memory("vfio2"),
				...directory(),
				"device attach vfio2 $parent",
				"n = hwpt alloc $d $ioas --flags ALLOC_PASID",
				"t = vsva bind vfio2 --base 0x10000 --size 64",
				...second("one", "vfio20"),
				"expect EBUSY device attach vfio20 3 --pasid 7",
				"device attach vfio20 3 --pasid 0x4f",
				"expect EINVAL device attach vfio2 $n --pasid 7",
				"vsva unbind $t",
				"device attach vfio20 3 --pasid 7",
			],
			...multi,
		);
	});
});

describe("a virtual device with several PASIDs", () => {
	const several = changed(
		'{name: s0, parent: "0000:00:12.0", pasid: 64, vfio: 20}',
		'{name: s0, parent: "0000:00:12.0", pasids: [64, 80], vfio: 20}',
	);

	test("attaches the others by number, each to a table of its own", () => {
		const lines = [
			...otherContext("vfio20"),
			"device attach vfio20 4 --pasid 80",
			"sim dma vfio20 --pasid 80 --iova 0x1000 --write --text eighty",
			"mem read $m2+0x5000 6",
			"expect EBUSY device attach vfio20 4 --pasid 64",
			...parent,
			"expect EBUSY device attach vfio2 $n1 --pasid 80",
		];
		expect(run(lines, ...several)).toContain("eighty");
	});

	test("faults of each are its own", () => {
		expect(run([...otherContext("vfio20"), "sim explain-fault 00:12.0 --pasid 80"], ...several)).toContain(
			"vfio20 (s0), one PASID of its parent",
		);
	});

	test("two that overlap are a mistake in the machine file; the very same list is not", () => {
		const s1 = '{name: s1, parent: "0000:00:12.0", pasid: 65, vfio: 21}';
		const overlapping = script(["device list"], ...changed(s1, '{name: s1, parent: "0000:00:12.0", pasids: [65, 64], vfio: 21}'));
		expect(overlapping.stderr).toContain("PASID 64 already belongs to s0");
		expect(overlapping.status).toBe(2);
	});
});

test("siblings of one function cannot share a context", () => {
	run(["device bind vfio20", "expect EBUSY device bind vfio21", "expect EBUSY device bind vfio2", "device bind vfio22"], ...multi);
});
