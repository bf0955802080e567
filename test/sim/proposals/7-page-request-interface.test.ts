/** PRI: one allocation for each capability, addresses of pages, and the interface's state as a driver sees it. */
import { describe, expect, test } from "vitest";
import { attack, changed, multi, printed, run } from "./guest.js";

const asking = (device: string) => [
	`d = device bind ${device}`,
	"ioas = ioas alloc",
	"q = fault alloc",
	"t = hwpt alloc $d $ioas --fault-id $q",
	`device attach ${device} $t`,
];
/** Another device on a page table with a fault queue, in a context of its own. */
const also = (device: string) => [
	"o = file open /dev/iommu",
	`device bind ${device} --iommufd $o`,
	"raw IOMMU_IOAS_ALLOC --on-fd $o size=12",
	"raw IOMMU_FAULT_QUEUE_ALLOC --on-fd $o size=16",
	"raw IOMMU_HWPT_ALLOC --on-fd $o size=64 flags=4 dev_id=1 pt_id=2 fault_id=3",
	`device attach ${device} 4`,
];
const pages = (n: number) => Array.from({ length: n }, (_, i) => `--addr 0x${i + 1}000`).join(" ");

describe("one allocation for each PRI capability", () => {
	test("a virtual device spends its parent's: r08", () => {
		const ran = attack("r08-credits.iommu", ...multi);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("4 of 4 requests are outstanding: it may not send 4 more");
		expect(ran.stdout).toContain("page request interface of 0000:00:12.0: 4 of 4 outstanding");
	});

	test("siblings in two contexts share it, and an answer to one lets the other's DMA ask", () => {
		const shown = run(
			[
				...asking("vfio20"),
				...also("vfio21"),
				`sim page-request vfio20 ${pages(3)}`,
				"sim page-request vfio21 --addr 0x1000",
				"x = sim dma vfio21 --iova 0x9000 --write",
				"expect EAGAIN sim dma-result $x",
				"fault read $q",
				"fault respond $q 1 SUCCESS",
				"sim requests",
			],
			...multi,
		);
		expect(shown).toContain("waits until it may send a page request");
		expect(shown).toContain("transfer 1 of s1 waits for group 0");
	});

	test("a virtual function spends its physical function's, whatever its own entry says", () => {
		const vf = [
			"d = device bind vfio10 --token 11111111-1111-1111-1111-111111111111",
			"ioas = ioas alloc",
			"q = fault alloc",
			"t = hwpt alloc $d $ioas --fault-id $q",
			"device attach vfio10 $t",
		];
		const pf = ["o = file open /dev/iommu", "device bind vfio9 --iommufd $o --token 11111111-1111-1111-1111-111111111111"];
		const [, second] = printed([...pf, ...vf, `sim page-request vfio10 ${pages(9)}`, "sim page-request vfio9 --addr 0x1000"]).filter(
			({ command }) => command === "sim page-request",
		) as unknown as { details: Record<string, unknown> }[];
		expect(second.details).toMatchObject({ outstanding: 9, capacity: 32 });
	});

	test("two functions have one each", () => {
		run([...asking("vfio0"), ...also("vfio1"), `sim page-request vfio0 ${pages(4)}`, `sim page-request vfio1 ${pages(4)}`], ...multi);
	});

	test("incomplete groups count too", () => {
		run(
			[...asking("vfio0"), `sim page-request vfio0 ${pages(3)} --incomplete`, `expect EBUSY sim page-request vfio0 ${pages(2)} --group 9`],
			...multi,
		);
	});
});

describe("what a request carries", () => {
	test("bits 63:12 of the address, from DMA too", () => {
		const shown = run(
			[
				...asking("vfio0"),
				"sim page-request vfio0 --addr 0xffffffffffffffff",
				"x = sim dma vfio0 --iova 0x1ffe --write --text abcd",
				"fault read $q",
			],
			...multi,
		);
		expect(shown).toContain("0xfffffffffffff000");
		expect(shown).toMatch(/WRITE \(0x2\) +0x1000 /);
	});

	test("a group number that is free among all that send the requester ID; none is left: it waits", () => {
		const many = changed(/(vfio: 0, pasid_width: 20, ats: true, pri:) 4/, "$1 1000");
		const fill = Array.from({ length: 16 }, (_, n) =>
			Array.from({ length: 32 }, (__, i) => `sim page-request vfio0 --addr 0x${(n * 32 + i + 1).toString(16)}000`),
		).flat();
		const shown = run(
			[...asking("vfio0"), ...fill, "expect EBUSY sim page-request vfio0 --addr 0x1000", "x = sim dma vfio0 --iova 0x1000 --write"],
			...many,
		);
		expect(shown).toContain("every group number is in use");
		expect(shown).toContain("waits until it may send a page request");
	});
});

describe("Response Failure", () => {
	test("stops the interface with all that use it, until the device that was told is bound anew or reset", () => {
		const shown = run(
			[
				...asking("vfio20"),
				...also("vfio21"),
				"sim page-request vfio20 --addr 0x1000 --group 1",
				"sim page-response vfio20 resp_code=FAILURE page_req_group_id=1",
				"expect EBUSY sim page-request vfio21 --addr 0x1000",
				"sim requests",
				"device close vfio20",
				"sim page-request vfio21 --addr 0x1000",
			],
			...multi,
		);
		expect(shown).toContain("page request interface of 0000:00:12.0: 0 of 4 outstanding; status 0x101 (Response Failure, Stopped)");
	});
});
