/** The page response of 2017, checked against what is pending for the very device; and what ends page requests. */
import { describe, expect, test } from "vitest";
import { attack, memory, multi, run } from "./guest.js";

/** A device of the mixed machine (PRI 32) on a page table with a fault queue. */
const asking = (device = "vfio9") => [
	`d = device bind ${device}`,
	"ioas = ioas alloc",
	"q = fault alloc",
	"t = hwpt alloc $d $ioas --fault-id $q",
	`device attach ${device} $t`,
];
const respond = (fields: string) => `sim page-response vfio9 ${fields}`;
const reset = "raw 0x3b6f --on-device vfio9 --arg-value 0";

describe("a response is checked", () => {
	test.each([
		["another group", "page_req_group_id=4"],
		["a PASID that the request did not have", "page_req_group_id=3 pasid_present=1 pasid=5"],
		["an unknown code", "resp_code=7 page_req_group_id=3"],
		["type 0", "type=0 page_req_group_id=3"],
		["an unknown type", "type=9 page_req_group_id=3"],
		["a stream response for another address", "type=STREAM_RESP addr=0x9000 private_data=0x12 page_req_group_id=3"],
		["a stream response with other private data", "type=STREAM_RESP addr=0x1000 private_data=0x13 page_req_group_id=3"],
		["a stream response without them", "type=STREAM_RESP page_req_group_id=3"],
	])("%s: EINVAL, and the request goes on waiting", (_what, fields) => {
		const shown = run([
			...asking(),
			"sim page-request vfio9 --addr 0x1fff --group 3 --private-data 0x12",
			`expect EINVAL ${respond(fields)}`,
			"sim requests",
		]);
		expect(shown).toContain("1 of 32 outstanding; 1 sent, 0 SUCCESS, 0 INVALID, 0 over capacity, 1 response refused");
	});

	test.each(["type=STREAM_RESP addr=0x1abc private_data=0x12", "type=GROUP_RESP", ""])("good: %s", (fields) => {
		const lines = [
			...asking(),
			"sim page-request vfio9 --addr 0x1fff --group 3 --private-data 0x12",
			respond(`${fields} page_req_group_id=3`),
		];
		run([...lines, `expect EINVAL ${respond(`${fields} page_req_group_id=3`)}`, "expect EINVAL fault respond $q 1 SUCCESS"]);
	});

	test("a stream response does not answer a group of several", () => {
		run([
			...asking(),
			"sim page-request vfio9 --addr 0x1000 --addr 0x2000 --group 3",
			`expect EINVAL ${respond("type=STREAM_RESP addr=0x1000 page_req_group_id=3")}`,
			respond("type=GROUP_RESP page_req_group_id=3"),
		]);
	});

	test("only what is pending for the device whose file it is, in two contexts with the same group number", () => {
		const lines = [
			...asking(),
			"other = file open /dev/iommu",
			"device bind vfio3 --iommufd $other",
			"raw IOMMU_IOAS_ALLOC --on-fd $other size=12",
			"raw IOMMU_FAULT_QUEUE_ALLOC --on-fd $other size=16",
			"raw IOMMU_HWPT_ALLOC --on-fd $other size=64 flags=4 dev_id=1 pt_id=2 fault_id=3",
			"device attach vfio3 4",
			"sim page-request vfio3 --addr 0x1000 --group 3",
		];
		run([...lines, `expect EINVAL ${respond("page_req_group_id=3")}`, "sim page-response vfio3 page_req_group_id=3"]);
	});
});

describe("a group index in use", () => {
	test("cannot be sent again: not while it waits, nor for another PASID, nor by another part of the function", () => {
		run([
			...asking(),
			"sim page-request vfio9 --addr 0x1000 --group 3",
			"expect EBUSY sim page-request vfio9 --addr 0x2000 --group 3",
			"sim page-request vfio9 --addr 0x1000 --group 4 --incomplete",
			"expect EBUSY sim page-request vfio9 --addr 0x2000 --group 4 --pasid 5",
			"sim page-request vfio9 --addr 0x2000 --group 4",
			respond("page_req_group_id=3"),
			"sim page-request vfio9 --addr 0x1000 --group 3",
		]);
		run(
			[
				...asking("vfio20"),
				"sim page-request vfio20 --addr 0x1000 --group 3",
				"o = file open /dev/iommu",
				"device bind vfio2 --iommufd $o",
				"expect EBUSY sim page-request vfio2 --addr 0x2000 --group 3",
			],
			...multi,
		);
	});
});

describe("the count of outstanding requests reaches zero", () => {
	const pending = [
		...asking(),
		"sim page-request vfio9 --addr 0x1000",
		"sim page-request vfio9 --addr 0x2000 --incomplete",
		"x = sim dma vfio9 --iova 0x3000 --write",
	];
	const zero = "0000:05:00.0  0 of 32 outstanding";

	test.each([
		["detach", ["device detach vfio9"]],
		["close", ["device close vfio9"]],
		["reset", [reset]],
	])("on %s, incomplete groups included, and DMA that waits is aborted", (_what, lines) => {
		expect(run([...pending, ...lines, "sim requests", "expect EFAULT sim dma-result $x"])).toContain(zero);
	});

	test("on close of one of two functions that share an attachment", () => {
		const lines = [
			...memory("vfio5"),
			"e = device bind vfio6",
			"q = fault alloc",
			"t = hwpt alloc $d $ioas --fault-id $q",
			"device attach vfio5 $t",
			"device attach vfio6 $t",
		];
		const shown = run(
			[
				...lines,
				"sim page-request vfio5 --addr 0x1000",
				"sim page-request vfio6 --addr 0x2000",
				"device close vfio5",
				"sim requests",
				"fault read $q",
			],
			...multi,
		);
		expect(shown).toContain("0000:00:14.0  0 of 4 outstanding");
		expect(shown).toContain("0000:00:14.1  1 of 4 outstanding");
		expect(shown).toContain("1 page fault read");
	});
});

describe("a function-level reset", () => {
	test("ends what is pending, and a device that was told FAILURE may ask again: r07", () => {
		const ran = attack("r07-flr.iommu");
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("0 of 32 outstanding; 2 sent");
		expect(ran.stdout).toContain("group 3 of 1 request waits for a response");
	});

	test("makes later answers unexpected: user space may give them, to no effect", () => {
		const shown = run([
			...asking(),
			"sim page-request vfio9 --addr 0x1000",
			"fault read $q",
			reset,
			"fault respond $q 1 SUCCESS",
			"sim requests",
		]);
		expect(shown).toContain("0 SUCCESS, 0 INVALID, 0 over capacity, 0 responses refused, 1 ignored");
		expect(shown).toContain("status 0x2 (Unexpected Page Request Group Index)");
	});

	test("FAILURE stops the interface: what waits is aborted, what is answered later ignored; a reset starts it again", () => {
		const shown = run([
			...asking(),
			"sim page-request vfio9 --addr 0x1000 --group 3",
			"x = sim dma vfio9 --iova 0x3000 --write",
			"fault read $q",
			respond("resp_code=FAILURE page_req_group_id=3"),
			"expect EFAULT sim dma-result $x",
			"expect EBUSY sim page-request vfio9 --addr 0x1000",
			"expect EFAULT sim dma vfio9 --iova 0x4000 --write",
			"fault respond $q 2 SUCCESS",
			"sim requests",
			reset,
			"sim page-request vfio9 --addr 0x1000 --group 3",
		]);
		expect(shown).toContain("status 0x101 (Response Failure, Stopped)");
		expect(shown).toContain("1 FAILURE, 1 ignored; stopped");
	});

	test("of a physical function resets its virtual functions and virtual devices; that of a virtual device only itself", () => {
		const both = [
			...asking("vfio20"),
			"sim page-request vfio20 --addr 0x1000",
			"o = file open /dev/iommu",
			"device bind vfio21 --iommufd $o",
		];
		const other = [
			"raw IOMMU_IOAS_ALLOC --on-fd $o size=12",
			"raw IOMMU_FAULT_QUEUE_ALLOC --on-fd $o size=16",
			"raw IOMMU_HWPT_ALLOC --on-fd $o size=64 flags=4 dev_id=1 pt_id=2 fault_id=3",
			"device attach vfio21 4",
			"sim page-request vfio21 --addr 0x1000",
		];
		expect(run([...both, ...other, "raw 0x3b6f --on-device vfio20 --arg-value 0", "sim requests"], ...multi)).toMatch(
			/s0 +0 of 4[\s\S]*s1 +1 of 4/,
		);
	});

	test("empties what the device itself has cached", () => {
		const lines = [
			...memory("vfio9"),
			"mem write $ram.user_va+0x1000 --words 0x2007",
			"mem write $ram.user_va+0x2000 --words 0x3007",
			"mem write $ram.user_va+0x3000 --words 0x4007",
			"mem write $ram.user_va+0x4008 --words 0x5007",
			"n = hwpt alloc $d $parent --vtd-s1 pgtbl_addr=0x1000,addr_width=48",
			"device attach vfio9 $n",
			"sim dma vfio9 --iova 0x1000 --read",
		];
		expect(run([...lines, "sim cache"])).toContain("atc");
		expect(run([...lines, reset, "sim cache"])).not.toContain("  atc");
	});
});
