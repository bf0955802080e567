/** Commands that make one call: options, answers, JSON, errors. */
import { describe, expect, test } from "vitest";
import { documents, iommuctl, nested, script } from "./cli.js";

const sim = ["--kernel", "sim"];

describe("a call", () => {
	test("says which kernel, what it answered, and the new ID", () => {
		expect(iommuctl(["ioas", "alloc", ...sim])).toEqual({
			status: 0,
			stdout: "ok  IOMMU_IOAS_ALLOC  out_ioas_id=1\n",
			stderr: "kernel: simulated\n",
		});
	});

	test("--json: one complete document, numbers of 64 bits in hex", () => {
		const { status, stdout, stderr } = iommuctl([
			"ioas",
			"map",
			"7",
			"--length",
			"4k",
			"--user-va",
			"0x10000",
			"--iova",
			"16M",
			"--json",
			...sim,
		]);
		expect(status).toBe(1);
		expect(stderr).toBe("");
		const document = JSON.parse(stdout);
		expect(document).toMatchObject({
			schema: "iommuctl.call",
			version: 1,
			command: "ioas map",
			kernel: "sim",
			ioctl: "IOMMU_IOAS_MAP",
			request: "0x3b85",
			struct: "iommu_ioas_map",
			ok: false,
			ret: -1,
			errno: { name: "ENOENT", number: 2 },
			expected: null,
			id: null,
			sent: { size: 40, flags: 7, ioas_id: 7, __reserved: 0, user_va: "0x10000", length: "0x1000", iova: "0x1000000" },
			bytes: { before: "28000000070000000700000000000000000001000000000000100000000000000000000100000000" },
		});
		expect(document.errno.meaning).toMatch(/\w/);
	});

	test("a failed call: errno's name, number, meaning, and the fields as sent, on stderr; exit 1", () => {
		const { status, stdout, stderr } = iommuctl(["destroy", "9", ...sim]);
		expect(status).toBe(1);
		expect(stdout).toBe("");
		expect(stderr).toMatch(
			/^failed {2}IOMMU_DESTROY: ENOENT \(2\): \w.*\n {4}why: destroy\.no-object: no object has the ID 9\n.*\n {2}sent:\n {4}size {2}8\n {4}id {4}9\n$/m,
		);
	});

	test("--expect: exit 0 only if that errno came", () => {
		const right = iommuctl(["destroy", "9", "--expect", "ENOENT", ...sim]);
		expect(right.status).toBe(0);
		expect(right.stdout).toMatch(/^ok {2}IOMMU_DESTROY failed as expected: ENOENT \(2\)/);
		const other = iommuctl(["destroy", "9", "--expect", "EBUSY", ...sim]);
		expect(other.status).toBe(1);
		expect(other.stderr).toContain("ENOENT (2)");
		expect(other.stderr).toContain("(EBUSY was expected)");
		const none = iommuctl(["ioas", "alloc", "--expect", "EBUSY", ...sim]);
		expect(none.status).toBe(1);
		expect(none.stderr).toContain("failed  IOMMU_IOAS_ALLOC succeeded, but EBUSY was expected");
	});

	test("--hex: the struct's bytes before and after", () => {
		expect(iommuctl(["ioas", "alloc", "--hex", ...sim]).stdout).toBe(
			[
				"ok  IOMMU_IOAS_ALLOC  out_ioas_id=1",
				"  before:",
				"    0000  0c 00 00 00 00 00 00 00  00 00 00 00              ............",
				"  after:",
				"    0000  0c 00 00 00 00 00 00 00  01 00 00 00              ............",
				"",
			].join("\n"),
		);
	});

	test("--quiet: the new ID alone, in decimal for a shell", () => {
		expect(iommuctl(["fault", "alloc", "-q", ...sim]).stdout).toBe("1\n");
		expect(script(["ioas = ioas alloc", "ioas unmap $ioas --all"], "-q").stdout).toBe("");
	});

	test("--dry-run: the bytes and what is placed beside them, and no kernel", () => {
		const args = ["hwpt", "invalidate", "3", "--vtd-s1", "addr=0x1000,npages=4,flags=LEAF", "--dry-run"];
		const { status, stdout, stderr } = iommuctl(args);
		expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
		expect(stdout).toContain("IOMMU_HWPT_INVALIDATE (0x3b8d), struct iommu_hwpt_invalidate, 32 bytes, not sent\n");
		expect(stdout).toContain("0000  00 10 00 00 00 00 00 00  04 00 00 00 00 00 00 00");
		expect(JSON.parse(iommuctl([...args, "--json"]).stdout)).toMatchObject({
			schema: "iommuctl.dry-run",
			sent: { hwpt_id: 3, entry_len: 24, entry_num: 1 },
			memory: [{ bytes: "001000000000000004000000000000000100000000000000" }],
		});
	});

	test("--set, --size and --tail override everything, raw", () => {
		const send = (...args: string[]) => JSON.parse(iommuctl([...args, "--dry-run", "--json"]).stdout).bytes;
		expect(send("ioas", "alloc", "--set", "out_ioas_id=0x1ffffffff")).toBe("0c00000000000000ffffffff");
		expect(send("ioas", "alloc", "--size", "4")).toBe("040000000000000000000000");
		expect(send("ioas", "alloc", "--size", "16")).toBe("10000000000000000000000000000000");
		expect(send("ioas", "alloc", "--tail", "01 02")).toBe("0e00000000000000000000000102");
		expect(send("ioas", "alloc", "--tail", "01", "--size", "12")).toBe("0c000000000000000000000001");
		expect(send("option", "get", "HUGE_PAGES", "1", "--set", "op=7", "--set", "__reserved=-1")).toBe(
			"18000000010000000700ffff010000000000000000000000",
		);
		expect(send("vfio", "unmap-dma", "--argsz", "20", "--size", "4k")).toBe("140000000000000000000000000000000010000000000000");
		expect(send("device", "detach", "vfio0", "--size", "8")).toBe("080000000000000000000000");
	});

	test("raw gives what the call's own command gives: the new ID or file, else what was returned", () => {
		const ran = script([
			"a = raw IOMMU_IOAS_ALLOC",
			"check $a == $a.out_ioas_id",
			"b = ioas alloc",
			"check $b == 2",
			"device = raw IOMMU_TEST_CMD op=2 id=$a",
			"check $device == $device.out_stdev_id",
			"access = raw IOMMU_TEST_CMD op=5 id=$a create_access.flags=1",
			"check $access == $access.out_access_fd",
			"queue = raw 0x3b8e 10000000000000000000000000000000",
			"check $queue == $queue.out_fault_id",
			"short = raw VFIO_CHECK_EXTENSION --arg-value 3",
			"check $short == 1",
			"destroy $a",
		]);
		expect(ran.stderr).toContain("stdin:13:");
		expect(ran.stdout).toContain("13 commands: 12 ok, 1 failed");
	});

	test("the kernel judges what it is sent", () => {
		const ran = script([
			"expect EINVAL ioas alloc --size 8",
			"expect E2BIG ioas alloc --tail 01",
			"ioas alloc --tail 00",
			"expect EOPNOTSUPP ioas alloc --flags 1",
			"expect EFAULT raw IOMMU_IOAS_ALLOC --arg-addr 0x1000",
			"expect EINVAL raw 0x3b81 08000000000000000000000",
		]);
		expect(ran.stderr).toContain("stdin:6:");
		expect(ran.stdout).toContain("6 commands: 5 ok, 1 failed");
	});

	test.each([
		["4k", 4096n],
		["0x10", 16n],
		["2M", 1n << 21n],
		["1G", 1n << 30n],
		["0x1000+4k", 8192n],
		["-1", (1n << 64n) - 1n],
	])("lengths in their natural form: %s", (text, value) => {
		const { sent } = JSON.parse(iommuctl(["ioas", "unmap", "1", "--length", text, "--dry-run", "--json"]).stdout);
		expect(BigInt(sent.length)).toBe(value);
	});

	test.each(["READABLE|WRITEABLE", "writeable,readable", "IOMMU_IOAS_MAP_READABLE|2", "6"])("flags in their natural form: %s", (text) => {
		const { sent } = JSON.parse(iommuctl(["ioas", "map", "1", "--flags", text, "--dry-run", "--json"]).stdout);
		expect(sent.flags).toBe(6);
	});
});

describe("nested data", () => {
	test("ioas ranges lists them, or says how much room it wants", () => {
		const ran = script([
			"ioas = ioas alloc",
			"selftest mock-domain $ioas",
			"ioas ranges $ioas",
			"expect EMSGSIZE ioas ranges $ioas --num-iovas 0",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("0x1000000 - 0x7fffffff  2032 MiB\n");
		expect(ran.stdout).toContain("note: there are 1 range: give --num-iovas 1\n");
	});

	test("ioas allow takes ranges both ways", () => {
		const ran = script(
			[
				"ioas = ioas alloc",
				"ioas allow $ioas --range 0x4000000-0x4ffffff --range 0x8000000+1M",
				"map = ioas map $ioas --length 4k",
				"mem read $map.user_va 16",
			],
			"--json",
		);
		expect(ran.status).toBe(0);
		expect(documents(ran)[2]).toMatchObject({ answer: { iova: "0x4000000" } });
	});

	test("device info decodes the hardware's own data", () => {
		const [, , info] = documents(
			script(["ioas = ioas alloc", "device = selftest mock-domain $ioas", "device info $device.idev_id"], "--json"),
		);
		expect(info).toMatchObject({ details: { data: { struct: "iommu_test_hw_info", flags: 0, test_reg: 0xdeadbeef } } });
	});

	test("viommu alloc shows what came back in its data", () => {
		const found = documents(script([...nested, "viommu alloc $device.idev_id $parent --selftest in_data=0x1234"], "--json")).at(-2);
		expect(found).toMatchObject({ sent: { type: 0xdeadbeef, data_len: 24 }, details: { data: { in_data: 0x1234, out_data: 0x1234 } } });
	});

	test("memory that was made for a map which failed is given back", () => {
		const ran = script(["ioas map 9 --length 4k", "ioas map 9 --length 4k"], "--keep-going", "--json");
		const [first, second] = documents(ran) as unknown as { sent: { user_va: string }; notes: string[] }[];
		expect(second.sent.user_va).toBe(first.sent.user_va);
		expect(second.notes).toEqual([]);
	});

	test("an access reads and writes through the IOAS", () => {
		const ran = script([
			"ioas = ioas alloc",
			"buffer = mem alloc 4k",
			"map = ioas map $ioas --user-va $buffer --length 4k",
			"access = selftest create-access $ioas --flags NEEDS_PIN_PAGES",
			"selftest access-rw $access --iova $map+8 --text hello",
			"mem read $buffer+8 5",
			"selftest access-rw $access --iova $map+8 --length 5",
			"file close $access",
		]);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.stdout.match(/68 65 6c 6c 6f {2}.*hello/g)).toHaveLength(2);
	});
});

describe("device", () => {
	test("a file that cannot be opened is an errno, and said so", () => {
		const { status, stderr } = iommuctl(["device", "bind", "vfio77", ...sim]);
		expect(status).toBe(1);
		expect(stderr).toContain("ENOENT (2)");
		expect(stderr).toContain("could not be opened, so the call was not made");
	});

	test("one that is bound goes by its name where its ID is wanted", () => {
		const ran = script([
			"ioas = ioas alloc",
			"device bind vfio0",
			"device info vfio0",
			"device attach vfio0 $ioas",
			"hwpt alloc vfio0 $ioas",
			"device detach vfio0",
			"device close vfio0",
		]);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(ran.status).toBe(0);
		const other = script(["device info vfio1"]);
		expect(other.status).toBe(2);
		expect(other.stderr).toContain("error: DEVICE: no device vfio1 is bound here\n");
	});

	test("list says where it looked", () => {
		const { status, stdout } = iommuctl(["device", "list", "--json", ...sim]);
		expect(status).toBe(0);
		expect(JSON.parse(stdout)).toMatchObject({ schema: "iommuctl.devices", version: 1, kernel: "sim" });
	});
});

describe("kernel", () => {
	test("knows which calls are there without making them", () => {
		const { calls, kernel } = JSON.parse(iommuctl(["kernel", "--json", ...sim]).stdout);
		expect(kernel).toBe("sim");
		expect(calls).toContainEqual({ name: "IOMMU_IOAS_MAP", request: "0x3b85", since: "6.2", supported: true });
		const [, before, after] = documents(script(["kernel", "ioas alloc", "kernel log"], "--json"));
		expect(before).toMatchObject({ id: 1 });
		expect(after).toMatchObject({ schema: "iommuctl.log", lines: [] });
	});
});
