/** replay, trace, compare and the other tools. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { documents, iommuctl, root, script, temporaryFolder } from "./cli.js";

const folder = temporaryFolder();

describe("struct", () => {
	test("list and show", () => {
		expect(iommuctl(["struct", "list", "ioas_map"]).stdout).toMatch(/^iommu_ioas_map +40 bytes +\w.*\niommu_ioas_map_file +40 bytes/);
		const { stdout } = iommuctl(["struct", "show", "ioas_map"]);
		expect(stdout).toContain("IOMMU_IOAS_MAP 0x3b85, since Linux 6.2");
		expect(stdout).toMatch(/^32 +8 +u64 +iova +inout/m);
		expect(stdout).toContain("IOMMU_IOAS_MAP_WRITEABLE = 0x2");
		expect(JSON.parse(iommuctl(["struct", "show", "IOMMU_HWPT_ALLOC", "--json"]).stdout)).toMatchObject({
			schema: "iommuctl.struct",
			name: "iommu_hwpt_alloc",
			size: 48,
			calls: [{ request: "0x3b89", minSize: 24 }],
		});
		expect(iommuctl(["struct", "show", "iommufd_hwpt_alloc_flags"]).stdout).toContain("IOMMU_HWPT_ALLOC_PASID = 8 (0x8)");
	});

	test("encode and decode are each other's inverse", () => {
		const { stdout } = iommuctl([
			"struct",
			"encode",
			"ioas_map",
			"ioas_id=1",
			"flags=READABLE,WRITEABLE",
			"length=4k",
			"user_va=0x7f0000000000",
		]);
		expect(stdout).toBe("2800000006000000010000000000000000000000007f000000100000000000000000000000000000\n");
		expect(JSON.parse(iommuctl(["struct", "decode", "ioas_map", stdout.trim(), "--json"]).stdout).entries).toEqual([
			{ size: 40, flags: 6, ioas_id: 1, __reserved: 0, user_va: "0x7f0000000000", length: "0x1000", iova: "0x0" },
		]);
	});

	test("decode: an array, a short struct, a file, the member that counts", () => {
		const two = "0100000000000000".repeat(2);
		expect(iommuctl(["struct", "decode", "hwpt_page_response", two]).stdout.match(/cookie +1/g)).toHaveLength(2);
		expect(iommuctl(["struct", "decode", "ioas_alloc", "0c000000 00000000"]).stdout).toContain("only 8 of 12 bytes");
		const path = join(folder, "s.bin");
		expect(iommuctl(["struct", "encode", "ioas_alloc", "out_ioas_id=5", "--binary"]).stdout).toHaveLength(12);
		writeFileSync(path, Buffer.from("0c0000000000000005000000", "hex"));
		expect(iommuctl(["struct", "decode", "ioas_alloc", "--file", path]).stdout).toMatch(/out_ioas_id +5\n/);
		const test = iommuctl(["struct", "encode", "iommu_test_cmd", "op=MD_CHECK_MAP", "check_map.iova=0x1000"]).stdout.trim();
		const shown = iommuctl(["struct", "decode", "iommu_test_cmd", test]).stdout;
		expect(shown).toMatch(/op +MD_CHECK_MAP \(3\)/);
		expect(shown).toMatch(/iova +0x1000/);
		expect(shown).not.toContain("out_stdev_id");
	});
});

describe("mem and file", () => {
	test("allocate, write, read, free; a memfd's memory is shared", () => {
		const out = join(folder, "out.bin");
		const ran = script([
			"a = mem alloc 8k --at 0x200000000",
			"expect EEXIST mem alloc 4k --at 0x200001000",
			"mem write $a deadbeef",
			"mem write $a+4 --text ok",
			"mem write $a+4k --fill 0xaa --length 16",
			`mem read $a 8 --out ${out}`,
			"mem read $a+4k 16",
			"mem free $a",
			"expect EFAULT mem read $a 1",
			"file = mem memfd 8k",
			"one = mem alloc 8k --memfd $file",
			"two = mem alloc 4k --memfd $file --offset 4k",
			"mem write $one+4k cafe",
			"mem read $two 2",
			"file close $file",
			"expect EBADF file close $file",
		]);
		expect(ran.stderr).toBe("kernel: simulated\n");
		expect(readFileSync(out).toString("hex")).toBe("deadbeef6f6b0000");
		expect(ran.stdout).toContain("000200001000  aa aa aa aa aa aa aa aa  aa aa aa aa aa aa aa aa");
		expect(ran.stdout).toMatch(/ca fe/);
		expect(ran.status).toBe(0);
	});
});

test("mem write takes stdin's bytes", () => {
	const path = join(folder, "stdin.iommu");
	writeFileSync(path, "a = mem alloc 4k\nmem write $a --file -\nmem read $a 5\n");
	expect(iommuctl(["run", path, "--kernel", "sim"], { input: "hello" }).stdout).toContain("68 65 6c 6c 6f");
});

describe("raw", () => {
	test("shows what was sent of bytes in hex, not what came back", () => {
		const bytes = "0c0000000000000000000000";
		const [document] = documents(iommuctl(["raw", "IOMMU_IOAS_ALLOC", bytes, "--kernel", "sim", "--json"]));
		expect(document).toMatchObject({ sent: { out_ioas_id: 0 }, answer: { out_ioas_id: 1 } });
	});

	test("names, numbers, fields, bytes, values", () => {
		const found = documents(
			script(
				[
					"raw ioas_alloc",
					"raw 0x3b81 0c00000000000000 00000000",
					"raw IOMMU_OPTION option_id=HUGE_PAGES op=GET object_id=2",
					"expect ENOTTY raw 0x3bfe 08000000",
					"raw VFIO_CHECK_EXTENSION --arg-value 1",
					"expect EINVAL raw ioas_alloc --length 8 size=8",
					"raw IOMMU_TEST_CMD op=MOCK_DOMAIN id=1",
				],
				"--json",
			),
		);
		expect(found.map((one) => [one.ok, one.ret])).toEqual([
			[true, 0],
			[true, 0],
			[true, 0],
			[true, -1],
			[true, 1],
			[true, -1],
			[true, 0],
			[undefined, undefined],
		]);
		expect(found[2]).toMatchObject({ answer: { val64: "0x1" } });
		expect(found[5]).toMatchObject({ bytes: { before: "0800000000000000" } });
		expect(found[6]).toMatchObject({ answer: { mock_domain: { out_stdev_id: 3 } } });
	});
});

describe("replay", () => {
	const golden = join(root, "test/fixtures/golden/numbers.jsonl.gz");

	test("counts steps and differences", () => {
		const { status, stdout } = iommuctl(["replay", golden, "--json"]);
		expect(status).toBe(0);
		const report = JSON.parse(stdout);
		expect(report).toMatchObject({
			schema: "iommuctl.replay",
			version: 1,
			files: [{ file: golden, programs: 1, steps: 113, differing: 0 }],
			programs: 1,
			steps: 113,
			differing: 0,
		});
	});

	test("a difference: the program, the step, expected and got; exit 1", () => {
		const path = join(folder, "wrong.jsonl");
		writeFileSync(path, gunzipSync(readFileSync(golden)).toString().replace('"errno":"ENOTTY"', '"errno":"EPERM"'));
		const { status, stdout } = iommuctl(["replay", "wrong.jsonl", "--max", "1"], { cwd: folder });
		expect(status).toBe(1);
		expect(stdout).toContain("wrong.jsonl: 1 programs, 113 steps, 1 differing");
		expect(stdout).toContain("program numbers-0, step 4");
		expect(stdout).toMatch(/expected .*EPERM\n.*got .*ENOTTY/);
		expect(stdout).not.toContain(folder);
	});

	test("a truncated file: what and where, exit 2, the good part still counted", () => {
		const path = join(folder, "cut.jsonl");
		const text = gunzipSync(readFileSync(golden)).toString();
		writeFileSync(path, text.slice(0, text.indexOf('"ret"', 2000) + 3));
		const { status, stdout, stderr } = iommuctl(["replay", path, "--json"]);
		expect(status).toBe(2);
		expect(stderr).toMatch(/error: .*cut\.jsonl:\d+/);
		expect(JSON.parse(stdout).steps).toBeGreaterThan(0);
	});

	test("a file that is not there: said once, and as run says it", () => {
		const replayed = iommuctl(["replay", "nonexist"]);
		expect(replayed).toEqual({
			status: 2,
			stdout: "",
			stderr: `kernel: simulated, the machine of each trace\nerror: nonexist: no such file\n`,
		});
		expect(iommuctl(["run", "nonexist"])).toEqual({ status: 2, stdout: "", stderr: "error: nonexist: no such file\n" });
		expect(iommuctl(["fail-nth", "nonexist"]).stderr).toBe("error: nonexist: no such file\n");
		expect(iommuctl(["trace", "show", "nonexist"]).stderr).toBe("error: nonexist: no such file\n");
	});

	test("wrong usage", () => {
		expect(iommuctl(["replay"]).status).toBe(2);
		expect(iommuctl(["replay", golden, "--max", "many"]).stderr).toContain('--max: "many" is not a number');
		expect(iommuctl(["replay", golden, "--program", "nobody"]).status).toBe(2);
	});
});
