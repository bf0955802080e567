/** Commands on a real kernel with the selftest driver (IOMMUCTL_TEST_KERNEL=real, as root). */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Place } from "../session/shell.js";
import { onReal } from "../sim/kernel-under-test.js";
import { documents, iommuctlProcess, temporaryFolder } from "./cli.js";

const folder = temporaryFolder();
const place = new Place();
afterAll(() => place.clear());

const script = (lines: string[], ...args: string[]) =>
	iommuctlProcess(["run", "-", "--kernel", "real", ...args], { input: lines.join("\n") });

describe.runIf(onReal)("on the real kernel", () => {
	test("read-only memory is written after calls that had addresses", () => {
		const ran = script([
			"ioas = ioas alloc",
			"ioas map $ioas --iova 0x1000000 --length 64k",
			"m = mem alloc 4k --prot r",
			"mem write $m 0102",
			"mem read $m 2",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("01 02");
	});

	test("a process ends with its pins held: what it mapped stays, and the parent unmaps it", () => {
		const trace = join(folder, "pins.jsonl");
		const ran = script(
			[
				"ioas = ioas alloc",
				"device = selftest mock-domain $ioas",
				"buffer = mem alloc 64k",
				"process child {",
				"  ioas map $ioas --iova 0x1000000 --length 64k --user-va $buffer",
				"  selftest md-check-refs --uptr $buffer --length 64k --refs 1",
				"}",
				"expect EINVAL selftest md-check-map $device.out_hwpt_id --iova 0x1000000 --length 64k --uptr $buffer",
				"expect EEXIST ioas map $ioas --iova 0x1000000 --length 4k",
				"ioas unmap $ioas --all",
				"expect no warning",
			],
			"--record",
			trace,
		);
		expect(ran.status).toBe(0);
		expect(iommuctlProcess(["replay", trace]).stdout).toContain("7 steps, 0 differing");
		expect(iommuctlProcess(["replay", trace, "--kernel", "real"]).stdout).toContain("7 steps, 0 differing");
	});

	test("blocks of parallel run at once, and the objects that they made are known afterwards", () => {
		const ran = script([
			"ioas = ioas alloc",
			"m = mem alloc 64k",
			"function cycle iova { repeat 20 { ioas map $ioas --iova $iova --length 64k --user-va $m",
			"ioas unmap $ioas --iova $iova --length 64k } }",
			"parallel { cycle 0x1000000",
			"a = ioas alloc } { cycle 0x2000000 } { process child { ioas map $ioas --iova 0x5000000 --length 4k --user-va $m } }",
			"graph",
			"destroy $a",
			"expect no warning",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stdout).toContain("├─ ioas 1\n");
		expect(ran.stdout).toContain("└─ ioas 2\n");
	});

	test("a DMA buffer's file is found and named", () => {
		const ran = script([
			"b = selftest dmabuf-get --length 64k",
			"check $b > 2",
			"selftest dmabuf-revoke $b 1",
			"c = selftest dmabuf-get --length 64k",
			"check $c != $b",
		]);
		expect(ran.status).toBe(0);
		expect(ran.stderr).toMatch(/note: a bug in this kernel: it returns 0 instead of the DMA buffer's file, which is \d+\n/);
	});

	test("every allocation of a script fails once", () => {
		const file = join(folder, "map.iommu");
		writeFileSync(file, "ioas = ioas alloc\nioas map $ioas --iova 0x1000000 --length 64k\n");
		const ran = iommuctlProcess(["fail-nth", file, "--kernel", "real", "--json"]);
		const [document] = documents(ran);
		expect(ran.status).toBe(0);
		expect(document).toMatchObject({ kernel: "real", complete: true, failed: 0 });
		expect(document.allocations).toBeGreaterThan(4);
		expect(readFileSync("/sys/kernel/debug/failslab/ignore-gfp-wait", "latin1").trim()).toBe("Y");
	});

	test("a session on the shell's file says its name with every command", () => {
		const ran = place.shell(
			'exec 9<>/dev/iommu\neval "$(iommuctl session start --name given --fd 9)"\niommuctl ioas alloc\niommuctl session stop given',
		);
		expect(ran.status).toBe(0);
		expect(ran.stderr).toContain("kernel: real (the shell's /dev/iommu), session given\n");
	});

	test("a replayed program's files have the numbers that they had when it was recorded, and Node's own are not among them", () => {
		const map = (fd: number, answer: object) => ({
			op: "ioctl",
			fd: "iommu1",
			request: "IOMMU_IOAS_MAP_FILE",
			arg: `280000000700000001000000${Buffer.from(Int32Array.of(fd).buffer).toString("hex")}00000000000000000010000000000000${Buffer.from(BigUint64Array.of(BigInt(fd) << 20n).buffer).toString("hex")}`,
			...answer,
		});
		const bad = { ret: -1, errno: "EBADF" };
		const steps = [
			{ op: "open", path: "/dev/iommu", fd: "iommu1" },
			{ op: "ioctl", fd: "iommu1", request: "IOMMU_IOAS_ALLOC", arg: "0c0000000000000000000000", ret: 0, out: "0c0000000000000001000000" },
			// 0 to 9 were files of what recorded it, and 10 is the program's
			...[3, 9, 10].map((fd) => map(fd, { ret: 0 })),
			...[11, 12, 13, 16, 20, 63].map((fd) => map(fd, bad)),
			{ op: "open", path: "/dev/iommu", fd: "iommu2" },
			map(11, { ret: 0 }),
		];
		const file = join(folder, "numbers.jsonl");
		const lines = [{ trace: "iommufd", version: 1, kernel: "7.3.4" }, { program: "one" }, ...steps, { op: "end" }];
		// twice, as the numbers are taken again between two programs
		lines.push({ program: "two" }, ...steps, { op: "end" });
		writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
		const ran = iommuctlProcess(["replay", file, "--kernel", "real"]);
		expect(ran.stdout).toContain("2 programs, 22 steps, 0 differing");
		expect(ran.status).toBe(0);
		expect(iommuctlProcess(["replay", file, "--kernel", "sim"]).status).toBe(0);
		expect(iommuctlProcess(["compare", file, "--left", "sim", "--right", "real"]).status).toBe(0);
	});

	test("doctor does not take the mock for an IOMMU", () => {
		const checks = documents(iommuctlProcess(["doctor", "--json"]))[0].checks as unknown as { id: string; status: string; found: string }[];
		const found = checks.find(({ id }) => id === "hardware");
		expect(found?.found).not.toContain("iommufd_selftest_iommu");
	});
});
