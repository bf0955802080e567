/** iommuctl vsva and virq. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { iommuctl, script } from "./cli.js";

const folder = mkdtempSync(join(tmpdir(), "iommuctl-vsva-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const json = (args: readonly string[], input?: string | Uint8Array) =>
	JSON.parse(iommuctl([...args, "--json"], { input }).stdout) as Record<string, never>;

/** IOTLB, page-selective in domain 7: address 0x1000, 128 bits. */
const iotlb = "32000700000000000010000000000000";

describe("vsva forward", () => {
	const forward = ["vsva", "forward", "--dry-run", "--vendor", "vtd", "--hwpt", "5"];

	test("hex, bytes and JSON say the same", () => {
		const file = join(folder, "queue.bin");
		writeFileSync(file, Buffer.from(iotlb, "hex"));
		const wanted = [{ target: 5, from: [0], entries: 1, bytes: "001000000000000001000000000000000000000000000000" }];
		const ways = [
			json([...forward, "--hex", iotlb]),
			json([...forward, "--from", file]),
			json([...forward, "--from", "-"], iotlb),
			json([...forward, "--from", "-"], '{"op":"IOTLB","granularity":3,"did":7,"address":"0x1000"}\n'),
			json([...forward, "--op", "IOTLB,granularity=3,did=7,address=0x1000"]),
			json([...forward, "--width", "256", "--hex", iotlb + "0".repeat(32)]),
		];
		for (const { arrays } of ways) expect(arrays).toMatchObject(wanted);
	});

	test("batches do not overtake a wait; what is not forwarded is told with the reason", () => {
		const entry = "PASID_IOTLB,pasid=5,granularity=2";
		const ops = [entry, entry, entry, "WAIT", entry, "PASID_CACHE,granularity=3", "DEVICE_TLB,sid=1"].flatMap((op) => ["--op", op]);
		const document = json([...forward, ...ops, "--batch", "2"]) as unknown as {
			arrays: { from: number[] }[];
			notForwarded: { name: string; kind: string }[];
			schema: string;
		};
		expect(document.schema).toBe("iommuctl.vsva.forward");
		expect(document.arrays.map(({ from }) => from)).toEqual([[0, 1], [2], [4]]);
		expect(document.notForwarded.map(({ name, kind }) => [name, kind])).toEqual([
			["WAIT", "vmm"],
			["PASID_CACHE", "vmm"],
			["DEVICE_TLB", "covered"],
		]);
	});

	test("--map sends a PASID's entries to its own page table; without any, they are lost", () => {
		const args = [
			"vsva",
			"forward",
			"--dry-run",
			"--vendor",
			"vtd",
			"--map",
			"pasid=5:12",
			"--op",
			"PASID_IOTLB,pasid=5,granularity=2",
			"--op",
			"PASID_IOTLB,pasid=6,granularity=2",
		];
		expect(json(args)).toMatchObject({ lost: 1, arrays: [{ target: 12, from: [0] }] });
		expect(iommuctl([...args, "--strict"]).status).toBe(1);
	});

	test.each([
		[["--hex", "00"], "not a whole number of descriptors"],
		[["--op", "NIX"], 'no vtd descriptor is called "NIX"'],
		[["--op", "IOTLB,nix=1"], 'no field "nix"'],
		[[], "the queue is missing"],
		[["--op", "IOTLB", "--viommu", "3"], "--viommu does not take vtd's invalidations"],
	])("%j: one line that says what; exit 2", (more, message) => {
		const ran = iommuctl([...forward, ...more]);
		expect(ran.status).toBe(2);
		expect(ran.stderr).toContain(message);
	});

	test("a device whose requester ID is not its own is refused", () => {
		const ran = iommuctl([...forward, "--device", "vfio7", "--hex", iotlb, "--kernel", "sim"]);
		expect(ran.status).toBe(2);
		expect(ran.stderr).toContain("sends requester ID 03:00.0, which is not its own");
	});
});

describe("vsva bind", () => {
	test.each([
		["vfio7", "which is not its own"],
		["vfio0", "sends no PASIDs"],
		["vfio4", "sends no PASIDs"],
	])("%s is refused, with an errno that can be expected", (device, message) => {
		const ran = script([`device bind ${device}`, `vsva bind ${device} --base 0x1000 --size 64`]);
		expect(ran.status).toBe(1);
		expect(script([`device bind ${device}`, `expect EOPNOTSUPP vsva bind ${device} --base 0x1000 --size 64`]).status).toBe(0);
		expect(ran.stderr).toContain(message);
	});

	test("is gone when the device changes hands", () => {
		const ran = script([
			"device bind vfio3",
			"vsva bind vfio3 --base 0x1000 --size 64",
			"device close vfio3",
			"device bind vfio3",
			"vsva bind vfio3 --base 0x2000 --size 64",
		]);
		expect(ran.status).toBe(0);
	});
});

describe("vsva convert-response", () => {
	test("there and back", () => {
		expect(json(["vsva", "convert-response", "today", "resp_code=FAILURE", "page_req_group_id=3", "--cookie", "7"])).toMatchObject({
			struct: "iommu_hwpt_page_response",
			value: { cookie: 7, code: 1 },
			lost: ["FAILURE is INVALID today: the device's page requests go on"],
		});
		expect(
			json(["vsva", "convert-response", "2017", "cookie=7", "code=SUCCESS", "--fault", "grpid=3,pasid=5,flags=PASID_VALID,addr=0x1000"]),
		).toMatchObject({
			struct: "page_response_msg",
			bytes: "001000000000000005000000700000000200000000000000",
		});
	});
});
