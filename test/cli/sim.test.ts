/** iommuctl sim. */
import { describe, expect, test } from "vitest";
import { documents, iommuctl, script } from "./cli.js";

/** A guest's four-level table in a VT-d machine: 0x1000 is at guest-physical 0x5000. */
const guest = [
	"device = device bind vfio3",
	"ioas = ioas alloc",
	"ram = ioas map $ioas --iova 0 --length 1M",
	"parent = hwpt alloc $device $ioas --flags NEST_PARENT",
	"mem write $ram.user_va+0x1000 --words 0x2007",
	"mem write $ram.user_va+0x2000 --words 0x3007",
	"mem write $ram.user_va+0x3000 --words 0x4007",
	"mem write $ram.user_va+0x4008 --words 0x5007",
	"queue = fault alloc",
	"nested = hwpt alloc $device $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48 --fault-id $queue",
	"device attach vfio3 $nested",
];

type Doc = { command?: string; schema: string; ok?: boolean; details: Record<string, unknown> };
const docs = (lines: readonly string[], ...args: string[]) => documents(script(lines, ...args, "--json")) as unknown as Doc[];
const last = (list: Doc[], command: string) => list.filter((doc) => doc.command === command).at(-1);

describe("sim dma", () => {
	test("moves bytes through a kernel-managed table, in both directions", () => {
		const ran = script([
			"device = device bind vfio0",
			"ioas = ioas alloc",
			"ram = ioas map $ioas --iova 0x1000 --length 8k",
			"device attach vfio0 $ioas",
			"sim dma vfio0 --iova 0x1ffe --write --data c0ffee --length 6",
			"mem read $ram.user_va+0xffe 6",
			"sim dma vfio0 --iova 0x1ffe --read --length 6",
			"expect EFAULT sim dma vfio0 --iova 0x10000 --read",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout.match(/c0 ff ee c0 ff ee/g)).toHaveLength(2);
		expect(ran.stdout).toContain("aborted at 0x10000: fault reason 0x71");
	});

	test("a page request waits, and the response lets it go on or ends it", () => {
		const list = docs([
			...guest,
			"a = sim dma vfio3 --iova 0x2000 --write --text good",
			"b = sim dma vfio3 --iova 0x3000 --read",
			"fault read $queue",
			"mem write $ram.user_va+0x4010 --words 0x6007",
			"fault respond $queue 1 SUCCESS",
			"fault respond $queue 2 INVALID",
			"sim dma-result $a",
			"expect EFAULT sim dma-result $b",
		]);
		expect(last(list, "fault read")?.details.messages).toHaveLength(2);
		const results = list.filter((doc) => doc.command === "sim dma-result");
		expect(results.map(({ ok, details }) => [ok, details.state, details.pageRequests])).toEqual([
			[true, "done", 1],
			[true, "aborted", 1],
		]);
	});

	test("detaching answers what waits on the guest's behalf", () => {
		const ran = script([
			...guest,
			"a = sim dma vfio3 --iova 0x2000 --read",
			"device detach vfio3",
			"expect EFAULT sim dma-result $a",
			"expect EINVAL fault respond $queue 1 SUCCESS",
		]);
		expect(ran.status).toBe(0);
	});

	test("page requests are limited by the PRI capacity: DMA beyond is held back until one is answered", () => {
		const many = Array.from({ length: 32 }, (_, i) => `sim page-request vfio3 --addr 0x${(0x100 + i).toString(16)}000`);
		const ran = script([
			...guest,
			...many,
			"expect EBUSY sim page-request vfio3 --addr 0x900000",
			"a = sim dma vfio3 --iova 0x2000 --read",
			"expect EAGAIN sim dma-result $a",
			"fault read $queue",
			"fault respond $queue 1 INVALID",
			"sim requests",
		]);
		expect(ran.stderr).toContain("kernel: simulated");
		expect(ran.stdout).toContain("waits until it may send a page request");
		expect(ran.stdout).toContain("32 of 32 outstanding; 33 sent, 0 SUCCESS, 1 INVALID, 2 over capacity");
		expect(ran.status).toBe(0);
	});

	test.each([
		["sim dma vfio3 --iova 0x1000", "a direction is missing"],
		["sim dma vfio99 --iova 0 --read", 'there is no device "vfio99"'],
		["sim dma vfio0 --iova 0 --read --pasid 3", "sends no PASIDs"],
		["sim dma vfio33 --iova 0 --read --pasid 3", "is one PASID of its parent"],
		["sim dma vfio0 --read", "the address is missing"],
		["sim fail vfio0 --ite", "has no ATS"],
		["sim cache nix", 'no IOMMU is called "nix"'],
		["sim event vfio14 NIX", "is not an SMMUv3 event"],
		["sim explain-fault nix", "is not a requester ID"],
	])("%s: one line that says what; exit 2", (line, message) => {
		const ran = iommuctl([...line.split(" "), "--kernel", "sim"]);
		expect(ran.status).toBe(2);
		expect(ran.stderr).toContain(message);
		expect(ran.stderr).not.toContain("    at ");
	});

	test("garbage in guest tables is a fault, never a hang", () => {
		const ran = script([
			...guest.filter((line) => !line.startsWith("queue")).map((line) => line.replace(" --fault-id $queue", "")),
			"# a table that points to itself on every level, then addresses outside memory",
			"mem write $ram.user_va+0x1000 --words 0x1007",
			"sim dma vfio3 --iova 0 --write",
			"mem write $ram.user_va+0x1ff8 --words 0xfffffffffffff007",
			"expect EFAULT sim dma vfio3 --iova 0xffffffffffff0000 --read",
		]);
		expect(ran.status).toBe(0);
	});
});

describe("sim cache and sim stats", () => {
	test("show what DMA left, and which invalidation would hit it", () => {
		const list = docs([
			...guest,
			"sim dma vfio3 --iova 0x1000 --read",
			"sim cache dmar0",
			"sim stats dmar0",
			"hwpt invalidate $nested --vtd-s1 addr=0,npages=0xffffffffffffffff",
			"sim cache dmar0",
		]);
		const caches = list.filter(({ schema }) => schema === "iommuctl.sim.cache") as unknown as {
			entries: { cache: string; hitBy: string[] }[];
		}[];
		expect(caches[0].entries.map((row) => row.cache)).toEqual(["paging", "paging", "paging", "iotlb", "atc"]);
		expect(caches[0].entries[3].hitBy[0]).toBe("stage 1 entry addr 0x1000 npages 1");
		expect(caches[1].entries).toEqual([]);
		const [{ iommus }] = list.filter(({ schema }) => schema === "iommuctl.sim.stats") as unknown as { iommus: { misses: object }[] }[];
		expect(iommus[0].misses).toMatchObject({ iotlb: 1, atc: 1 });
	});
});

describe("sim fail", () => {
	test("without the proposal an entry says nothing: the kernel log does, and the device keeps what it has", () => {
		const ran = script([
			...guest,
			"sim dma vfio3 --iova 0x1000 --read",
			"sim fail vfio3 --ice",
			"hwpt invalidate $nested --vtd-s1 addr=0x1000,npages=1",
			"sim cache dmar0",
			"kernel log",
		]);
		expect(ran.stdout).not.toContain("hw_error");
		expect(ran.stdout).toContain("Invalidation Completion Error (ICE)");
		expect(ran.stdout).toMatch(/dmar0 +atc +00:12\.0/);
	});

	test("with --uapi vtd-inv-v10 handled entries keep their error, and the device is named by its ID", () => {
		const list = docs(
			[
				...guest,
				"sim dma vfio3 --iova 0x1000 --read",
				"sim fail vfio3 --ite",
				"hwpt invalidate $nested --vtd-s1 addr=0x9000,npages=1 --vtd-s1 addr=0x1000,npages=1",
			],
			"--uapi",
			"vtd-inv-v10",
		);
		expect(last(list, "hwpt invalidate")?.details).toMatchObject({ handled: 2, hwErrors: [{ entry: 0, hw_error: 2, device: 1 }] });
	});
});

describe("sim explain-fault", () => {
	test("devices that share a requester ID cannot be told apart: exit 1, with the reason", () => {
		const ran = iommuctl(["sim", "explain-fault", "03:00.0", "--kernel", "sim"]);
		expect(ran.status).toBe(1);
		expect(ran.stdout).toContain("all send the requester ID 03:00.0: they cannot be told apart");
	});

	test("a PASID that was carved out is its virtual device's", () => {
		const document = JSON.parse(
			iommuctl(["sim", "explain-fault", "00:12.0", "--pasid", "0x41", "--kernel", "sim", "--json"]).stdout,
		) as object;
		expect(document).toMatchObject({
			schema: "iommuctl.sim.explain-fault",
			version: 1,
			attributed: true,
			owners: [{ name: "siov1", kind: "siov", bound: null }],
		});
	});
});
