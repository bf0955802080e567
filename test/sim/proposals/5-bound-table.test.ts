/** A guest's whole PASID table: who shares it, what is cached of it, and what comes back from the guest's queue. */
import { describe, expect, test } from "vitest";
import { attack, changed, directory, memory, multi, printed, run } from "./guest.js";

const base = "--base 0x10000 --size 64";
/** vfio0 and vfio1 on the guest's memory. */
const two = [...memory("vfio0"), "e = device bind vfio1", ...directory(), "device attach vfio0 $parent", "device attach vfio1 $parent"];
const dma = (device: string) => `sim dma ${device} --iova 0x1000 --write --text x --pasid 5`;

describe("devices that share it", () => {
	test("join later: the same table and one cache, and nothing of the first one's is flushed", () => {
		const lines = [
			...two,
			`t = vsva bind vfio0 ${base}`,
			dma("vfio0"),
			"sim stats",
			"vsva bind vfio1 --table $t",
			dma("vfio1"),
			dma("vfio0"),
		];
		const shown = run([...lines, "sim cache", "sim stats", "vsva list"], ...multi);
		expect(shown).not.toContain("host-unmap");
		expect(shown.match(/table1 +iotlb/g)).toHaveLength(1);
		expect(shown.match(/table1 +atc/g)).toHaveLength(2);
		expect(shown).toContain("0000:00:10.0=0x80 0000:00:11.0=0x88");
	});

	test("join by the same base and size too; leave one by one; the last one ends the table", () => {
		const [first, second] = printed([...two, `vsva bind vfio0 ${base}`, `vsva bind vfio1 ${base}`], ...multi).filter(
			({ command }) => command === "vsva bind",
		) as unknown as { id: number }[];
		expect(second.id).toBe(first.id);
		run(
			[
				...two,
				`t = vsva bind vfio0 vfio1 ${base}`,
				"vsva unbind $t vfio0",
				"expect ENOENT vsva unbind $t vfio0",
				"expect EFAULT sim dma vfio0 --iova 0x1000 --read --pasid 5",
				dma("vfio1"),
				"vsva unbind $t vfio1",
				"expect ENOENT vsva unbind $t",
				"expect ENOENT vsva forward --table $t --op WAIT",
			],
			...multi,
		);
	});

	test("that have different memory beneath it do not see each other's", () => {
		const shown = run(
			[
				...two,
				"ioas2 = ioas alloc",
				"ram2 = ioas map $ioas2 --iova 0 --length 1M",
				"parent2 = hwpt alloc $e $ioas2 --flags NEST_PARENT",
				...directory("$ram2.user_va"),
				`t = vsva bind vfio0 vfio1 ${base}`,
				dma("vfio0"),
				"device attach vfio1 $parent2",
				"sim dma vfio1 --iova 0x1000 --write --text other --pasid 5",
				"mem read $ram2.user_va+0x5000 5",
				"mem read $ram.user_va+0x5000 5",
				"ioas unmap $ioas2 --all",
				dma("vfio0"),
				"expect EFAULT sim dma vfio1 --iova 0x1000 --read --pasid 5",
			],
			...multi,
		);
		expect(shown).toMatch(/6f 74 68 65 72[\s\S]*78 00 00 00 00/);
	});

	test("are all functions of a group: vfio6 without having been named", () => {
		const lines = [...memory("vfio5"), "device bind vfio6", ...directory(), "device attach vfio5 $parent", "device attach vfio6 $parent"];
		const shown = run(
			[
				...lines,
				`t = vsva bind vfio5 ${base}`,
				dma("vfio6"),
				"expect EBUSY vsva bind vfio6 --base 0x20000 --size 64",
				"vsva unbind $t vfio6",
				"expect ENOENT vsva unbind $t",
			],
			...multi,
		);
		expect(shown).toContain("for 2 devices");
		// one that is bound afterwards has it as well
		run(
			[
				...memory("vfio5"),
				...directory(),
				`vsva bind vfio5 ${base}`,
				"device attach vfio5 $parent",
				"device bind vfio6",
				"device attach vfio6 $parent",
				dma("vfio6"),
			],
			...multi,
		);
	});

	test("functions that send function 0's requester ID are forced to share, whichever is named", () => {
		for (const named of ["vfio3", "vfio4"]) {
			const lines = [...memory("vfio3"), "device bind vfio4", ...directory(), "device attach vfio3 $parent", "device attach vfio4 $parent"];
			const refused = ["vfio3", "vfio4"].flatMap((device) => [
				`expect EOPNOTSUPP sim page-request ${device} --addr 0x2000 --pasid 5`,
				`expect EFAULT sim dma ${device} --iova 0x2000 --read --pasid 5`,
			]);
			expect(run([...lines, `vsva bind ${named} ${base}`, dma("vfio3"), dma("vfio4"), ...refused], ...multi)).toContain("for 2 devices");
		}
	});

	test.each([
		["vfio8", "EOPNOTSUPP", "a bridge's requester ID"],
		["vfio7", "EOPNOTSUPP", "no PASIDs"],
		["vfio20", "EOPNOTSUPP", "one PASID of its parent"],
	])("%s is refused with %s: %s", (device, errno) => {
		run([`device bind ${device}`, `expect ${errno} vsva bind ${device} ${base}`], ...multi);
	});

	test.each([
		["ENODEV", "not bound", ["expect ENODEV vsva bind vfio0 --base 0x1000 --size 64"]],
		["EINVAL", "a base that is not aligned", ["device bind vfio0", "expect EINVAL vsva bind vfio0 --base 0x1001 --size 64"]],
		["EINVAL", "a size that is no power of two", ["device bind vfio0", "expect EINVAL vsva bind vfio0 --base 0x1000 --size 65"]],
		["EINVAL", "a size beyond the device's PASIDs", ["device bind vfio0", "expect EINVAL vsva bind vfio0 --base 0x1000 --size 2097152"]],
		[
			"EPERM",
			"two contexts",
			["device bind vfio0", "o = file open /dev/iommu", "device bind vfio1 --iommufd $o", `expect EPERM vsva bind vfio0 vfio1 ${base}`],
		],
		["ENOENT", "no such fault queue", ["device bind vfio0", `expect ENOENT vsva bind vfio0 ${base} --fault-id 9`]],
		["EBUSY", "a second table", ["device bind vfio0", `vsva bind vfio0 ${base}`, "expect EBUSY vsva bind vfio0 --base 0x20000 --size 64"]],
		["ENOENT", "joining what is not there", ["device bind vfio0", "expect ENOENT vsva bind vfio0 --table 4"]],
		["ENODEV", "an unknown device", ["expect ENODEV vsva bind vfio99 --base 0x1000 --size 64"]],
	])("%s: %s", (_errno, _what, lines) => {
		run(lines, ...multi);
	});
});

describe("the host's table beneath", () => {
	test("cannot be a first stage: at bind (r06), when it is attached later, or a nested one", () => {
		expect(attack("r06-bound-table-no-pri.iommu", ...multi).status).toBe(0);
		run(
			[
				...two,
				`vsva bind vfio0 ${base}`,
				"expect EINVAL device attach vfio0 $ioas",
				"n = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48",
				"expect EINVAL device attach vfio0 $n",
				dma("vfio0"),
				"device detach vfio0",
				"expect EFAULT sim dma vfio0 --iova 0x1000 --read --pasid 5",
				"device attach vfio0 $parent",
				dma("vfio0"),
			],
			...multi,
		);
	});

	test("may come after the guest's", () => {
		run([...memory("vfio0"), ...directory(), `vsva bind vfio0 ${base}`, "device attach vfio0 $parent", dma("vfio0")], ...multi);
	});

	test("its unmaps reach what is cached of the guest's", () => {
		run(
			[
				...two,
				`vsva bind vfio0 ${base}`,
				dma("vfio0"),
				"ioas unmap $ioas --iova 0 --length 1M",
				"expect EFAULT sim dma vfio0 --iova 0x1000 --read --pasid 5",
			],
			...multi,
		);
	});
});

describe("what the guest's queue says", () => {
	const bound = [...two, `t = vsva bind vfio0 vfio1 ${base}`, dma("vfio0"), dma("vfio1")];
	const forward = (...ops: string[]) => `vsva forward --table $t ${ops.map((op) => `--op ${op}`).join(" ")}`;
	const pages = "PASID_IOTLB,pasid=5,did=7,granularity=2";
	const tlb = (sid: string) => `PASID_DEVICE_TLB,sid=${sid},pasid=5,address=0x1000`;
	const wait = "WAIT,status_write=1";
	const states = (lines: readonly string[]) =>
		(
			printed([...bound, ...lines], ...multi)
				.filter(({ schema }) => schema === "iommuctl.vsva.forward")
				.at(-1) as unknown as { descriptors: { state: string; error: string | null }[] }
		).descriptors.map(({ state, error }) => (error === null ? state : `${state} ${error}`));

	test("a wait is done once everything before it is", () => {
		expect(states([forward(pages, tlb("0x80"), wait)])).toEqual(["done", "done", "done"]);
	});

	test("a wait that is done writes its status to the guest's memory; one that is not leaves it alone", () => {
		const status = "WAIT,status_write=1,status_data=0x77,status_address=0x20000";
		const read = "mem read $ram.user_va+0x20000 4";
		expect(run([...bound, forward(pages, status), read], ...multi)).toContain("77 00 00 00");
		const failed = run([...bound, "sim fail vfio0 --ite", `expect EIO ${forward(tlb("0x80"), status)}`, read], ...multi);
		expect(failed).toMatch(/00 00 00 00 +\.{4}/);
		expect(states([forward("WAIT,status_write=1,status_address=0x40000000")])).toEqual(["failed"]);
	});

	test("a time-out aborts the wait, and nothing behind it is fetched", () => {
		expect(states(["sim fail vfio0 --ite", forward(tlb("0x80"), tlb("0x88"), wait, pages)])).toEqual([
			"failed ITE",
			"done",
			"pending ITE",
			"stopped",
		]);
	});

	test("a completion error leaves the wait undone, and the queue goes on", () => {
		expect(states(["sim fail vfio0 --ice", forward(tlb("0x80"), wait, pages, wait)])).toEqual([
			"failed ICE",
			"pending ICE",
			"done",
			"done",
		]);
	});

	test("the queue stops at a bad descriptor: what is before it is done, the rest is not", () => {
		const bad = "PASID_IOTLB,pasid=5,did=7,granularity=1";
		expect(states([forward(pages, bad, tlb("0x80"), wait)])).toEqual(["done", "failed IQE", "stopped", "stopped"]);
		const shown = run([...bound, `expect EIO ${forward(bad, wait)}`, "sim cache"], ...multi);
		expect(shown).toContain("iotlb");
	});

	test("another device's failure is not this one's", () => {
		expect(states(["sim fail vfio1 --ite", forward(tlb("0x80"), wait)])).toEqual(["done", "done"]);
	});

	test("a requester ID that is not the table's fails, and its wait with it", () => {
		expect(states([forward(tlb("0x90"), wait)])).toEqual(["failed", "pending"]);
	});

	test("as arrays of today's uAPI: nothing behind a bad descriptor, no wait over a failure", () => {
		const nested = [
			"n = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48",
			"device attach vfio0 $n",
			"sim dma vfio0 --iova 0x1000 --write",
		];
		const lines = [...memory("vfio0"), ...directory(), ...nested, "sim fail vfio0 --ite"];
		const to = "expect EIO vsva forward --vendor vtd --hwpt $n";
		const shown = run(
			[...lines, `${to} --op IOTLB,granularity=2,did=1 --op ${wait} --op IOTLB,granularity=2,did=2`],
			...multi,
			"--uapi",
			"vtd-inv-v10",
		);
		expect(shown).toContain("descriptor 0 failed: ITE (0x2)");
		expect(shown).toContain("not completed: descriptor 0 failed (ITE (0x2))");
		expect(shown).toContain("not sent: an earlier one failed");
		expect(run([...lines, `${to} --op IOTLB,granularity=0 --op ${wait}`], ...multi)).toContain(
			"not fetched: the queue stops at descriptor 0 (IQE)",
		);
	});

	test("a notifier forwards it from register to unregister", () => {
		const queue = `vsva queue --vendor vtd --op ${pages} --op ${wait}`;
		const shown = run(
			[
				...bound,
				queue,
				"sim cache",
				"n = vsva register --table $t",
				queue,
				"vsva list",
				"vsva unregister $n",
				dma("vfio1"),
				queue,
				"expect ENOENT vsva unregister $n",
			],
			...multi,
		);
		expect(shown).toContain("no notifier is registered: 2 descriptors not forwarded");
		expect(shown).toContain("0  PASID_IOTLB  done, 4 cached entries dropped");
		expect(shown).toContain("notifier 1  vtd  table 1  2 descriptors");
		expect(shown.match(/not forwarded, so caches keep/g)).toHaveLength(2);
	});

	test("a notifier goes with its table, and reports what fails", () => {
		run(
			[
				...bound,
				"vsva register --table $t",
				"sim fail vfio0 --ite",
				`expect EIO vsva queue --op ${tlb("0x80")} --op ${wait}`,
				"vsva unbind $t",
				`vsva queue --vendor vtd --op ${wait}`,
			],
			...multi,
		);
		run([...bound, "vsva unbind $t", "expect ENOENT vsva register --table $t"], ...multi);
	});
});

test("page requests reach the fault queue of the page table beneath, or its own: r06 on a second stage", () => {
	const ran = attack("r06-second-stage.iommu", ...multi);
	expect(ran.status).toBe(0);
	expect(ran.stdout).toContain("group 0 of 1 request waits for a response");
	expect(ran.stdout).toContain("2  WAIT  not completed: descriptor 1 failed (ITE)");
	expect(ran.stdout).toContain("dmar0/table1: descriptor 1: ITE of 00:10.0 PASID 0x5, device ID 1");
});

test("a device without PRI has no use for a fault queue", () => {
	const lines = ["device bind vfio0", "q = fault alloc", `expect ENODEV vsva bind vfio0 ${base} --fault-id $q`];
	run(lines, ...changed(/(vfio: 0, pasid_width: 20, ats: true), pri: 4/, "$1"));
});
