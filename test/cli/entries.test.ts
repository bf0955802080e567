/** Invalidation entries on the command line and in files. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documents, iommuctl, nested, script, temporaryFolder } from "./cli.js";

const folder = temporaryFolder();
const file = (name: string, content: string | Uint8Array): string => {
	const path = join(folder, name);
	writeFileSync(path, content);
	return path;
};

/** The array that an invalidation would place, in hex. */
function placed(args: string[], input?: string | Uint8Array): { sent: Record<string, number>; bytes: string } {
	const { status, stdout, stderr } = iommuctl(["hwpt", "invalidate", "3", ...args, "--dry-run", "--json"], { input });
	expect(stderr).toBe("");
	expect(status).toBe(0);
	const { sent, memory } = JSON.parse(stdout);
	return { sent, bytes: memory[0].bytes };
}

const le64 = (value: bigint): string => {
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64LE(value);
	return bytes.toString("hex");
};

describe("invalidation entries", () => {
	const vtd = `${le64(0x1000n)}${le64(4n)}${le64(1n)}${le64(0n)}${le64((1n << 64n) - 1n)}${le64(0n)}`;

	test("repeated options", () => {
		const { sent, bytes } = placed(["--vtd-s1", "addr=0x1000,npages=4,flags=LEAF", "--vtd-s1", "npages=-1"]);
		expect(sent).toMatchObject({ hwpt_id: 3, data_type: 0, entry_len: 24, entry_num: 2 });
		expect(bytes).toBe(vtd);
	});

	test.each([
		["JSON array", '[{"addr":"0x1000","npages":4,"flags":"LEAF"},{"npages":"0xffffffffffffffff"}]'],
		["JSON lines", '{"addr":4096,"npages":4,"flags":1}\n\n{"addr":0,"npages":"0xffffffffffffffff"}\n'],
	])("from a file as %s", (kind, text) => {
		expect(placed(["--from", file(`${kind}.json`, text)]).bytes).toBe(vtd);
	});

	test("from a file in binary, and from stdin", () => {
		const bytes = Buffer.from(vtd, "hex");
		expect(placed(["--from", file("entries.bin", bytes), "--as", "vtd-s1"])).toMatchObject({ bytes: vtd, sent: { entry_num: 2 } });
		expect(placed(["--from", "-", "--as", "vtd-s1"], bytes).bytes).toBe(vtd);
		expect(placed(["--from", "-"], '{"addr":"0x1000","npages":4,"flags":"LEAF"}\n{"npages":"0xffffffffffffffff"}').bytes).toBe(vtd);
	});

	test("SMMUv3 commands by their fields", () => {
		const { sent, bytes } = placed([
			"--smmuv3",
			"op=TLBI_NH_VA,asid=1,addr=0x1000,leaf=1",
			"--smmuv3",
			"op=ATC_INV,sid=0x10,ssid=3,ssv=1,size=52,addr=0",
			"--smmuv3",
			"cmd=0x30,0x0",
		]);
		expect(sent).toMatchObject({ data_type: 1, entry_len: 16, entry_num: 3 });
		expect(bytes).toBe(
			[0x12n | (1n << 48n), 0x1001n, 0x40n | (1n << 11n) | (3n << 12n) | (0x10n << 32n), 52n, 0x30n, 0n].map(le64).join(""),
		);
	});

	test("entries at another distance are cut, or filled up with zeroes", () => {
		expect(placed(["--selftest", "flags=ALL,iotlb_id=2", "--entry-len", "4"]).bytes).toBe("01000000");
		expect(placed(["--selftest", "flags=ALL", "--selftest", "iotlb_id=2", "--entry-len", "12"]).bytes).toBe(
			"010000000000000000000000000000000200000000000000",
		);
	});

	test.each([
		[["--vtd-s1", "addr=1,npages"], '--vtd-s1 (entry 0): addr: "1,npages" is not a number'],
		[["--vtd-s1", "npages"], '--vtd-s1 (entry 0): "npages" is not field=value'],
		[["--smmuv3", "op=TLBI_NH_VA,asid=0x10000"], "asid cannot be 0x10000: it takes 0 to 65535"],
		[["--smmuv3", "op=TLBI_NH_VA,addr=0x123"], "addr cannot be 0x123: it takes an address aligned to 4096"],
		[["--vtd-s1", "addr=0", "--selftest", "flags=0"], "--vtd-s1 and --selftest in one call"],
		[["--from", "/no/such"], "--from: /no/such: no such file"],
		[["--as", "vtd-s1"], "there is no --from"],
		[["--from", "-"], "stdin: the fields do not show what kind of entries these are"],
		[["--from", "-", "--as", "vtd-s1"], "stdin:2: not JSON"],
		[["--from", "-", "--data-type", "VTD_S1"], "stdin:2: not JSON"],
		[["--from", "-", "--as", "smmuv3"], "stdin:1: addr cannot be 0x1"],
		[["--from", "/dev/null"], "/dev/null is empty: no entries"],
	])("%j is refused in one line", (args, message) => {
		const { status, stderr } = iommuctl(["hwpt", "invalidate", "3", ...args, "--dry-run"], { input: '{"addr":1}\n{' });
		expect(status).toBe(2);
		expect(stderr).toContain(message);
		expect(stderr.split("\n").length).toBeLessThanOrEqual(3);
	});

	test("a wrong entry of a file is named by its line", () => {
		const path = file("bad.jsonl", '{"addr":0}\n{"addr":0,"nages":1}\n');
		const { status, stderr } = iommuctl(["hwpt", "invalidate", "3", "--from", path, "--as", "vtd-s1", "--dry-run"]);
		expect(status).toBe(2);
		expect(stderr).toContain(`${path}:2: iommu_hwpt_vtd_s1_invalidate has no field "nages"\n  did you mean npages?`);
	});

	test("what was handled, and which entry was not", () => {
		const ran = script([
			...nested,
			"expect EINVAL hwpt invalidate $nested --selftest iotlb_id=3 --selftest iotlb_id=9 --selftest iotlb_id=1",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("1 of 3 entries handled; entry 1 was not: flags=0 iotlb_id=9\n");
		const answer = documents(script([...nested, "hwpt invalidate $nested --selftest iotlb_id=3 --selftest iotlb_id=2"], "--json")).at(-2);
		expect(answer).toMatchObject({ details: { entries: 2, handled: 2, failed: null, calls: 1 } });
	});

	test("a million, in as many calls as it takes; or in one, and the kernel's own answer", () => {
		const count = 1_000_000;
		const bytes = Buffer.alloc(count * 8);
		for (let at = 0; at < count; at++) bytes.writeUInt32LE(at & 3, at * 8 + 4);
		bytes.writeUInt32LE(9, 700_000 * 8 + 4);
		const path = file("million.bin", bytes);
		const found = documents(
			script(
				[
					...nested,
					`hwpt invalidate $nested --from ${path} --as selftest`,
					`expect EINVAL hwpt invalidate $nested --from ${path} --as selftest --batch 0`,
				],
				"--json",
				"--keep-going",
			),
		);
		expect(found.at(-3)).toMatchObject({ ok: false, details: { entries: count, handled: 700_000, failed: 700_000, calls: 2 } });
		expect(found.at(-2)).toMatchObject({ ok: true, sent: { entry_num: count }, details: { handled: 0, calls: 1 } });
	});
});

describe("page responses", () => {
	const faulting = [
		"ioas = ioas alloc",
		"device = selftest mock-domain $ioas",
		"parent = hwpt alloc $device.idev_id $ioas --flags NEST_PARENT",
		"queue = fault alloc",
		"nested = hwpt alloc $device.idev_id $parent --selftest iotlb=0 --fault-id $queue",
		"selftest mock-domain-replace $device $nested",
		...[1, 2, 3].map((group) => `selftest trigger-iopf $device.idev_id --addr ${group}M --grpid ${group}`),
		"faults = fault read $queue",
	];

	test("the messages of a read, as a table and as JSON", () => {
		expect(script(faulting).stdout).toMatch(
			/3 page faults read\n.*flags +dev_id +pasid +grpid +perm +addr +length +cookie\n.*LAST_PAGE \(0x2\) +3 +0 +1 +READ \(0x1\) +0x100000 +0 +1\n/,
		);
		const answer = documents(script(faulting, "--json")).at(-2) as unknown as { details: { messages: object[] }; id: number };
		expect(answer.details.messages[2]).toEqual({
			flags: 2,
			dev_id: 3,
			pasid: 0,
			grpid: 3,
			perm: 1,
			addr: "0x300000",
			length: 0,
			cookie: 3,
		});
		expect(answer.id).toBe(3);
	});

	test("by position, by option, from a file; how many were taken", () => {
		const path = file("responses.jsonl", '{"cookie":2,"code":"INVALID"}\n{"cookie":3,"code":0}\n{"cookie":77}\n');
		const ran = script([
			...faulting,
			"fault respond $queue 1",
			`fault respond $queue --from ${path}`,
			"expect EINVAL fault respond $queue --response cookie=2,code=SUCCESS",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("ok  1 of 1 response taken\n");
		expect(ran.stdout).toContain("ok  2 of 3 responses taken; response 2 was not: cookie=77 code=SUCCESS (0)\n");
	});

	test("reads of any length, and into bad memory", () => {
		const ran = script([
			...faulting.slice(0, -1),
			"expect ESPIPE fault read $queue --length 39",
			"expect EFAULT fault read $queue --into 0x1000 --length 40",
			"one = fault read $queue --length 40",
			"file poll $queue.fd",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("1 page fault read");
		expect(ran.stdout).toContain(": IN|OUT\n");
	});
});
