/** The real kernel's log. */
import { accessSync, constants, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sinceMark, warningsIn } from "../../src/cli/frame/mark.js";
import { KernelLog, parseRecord } from "../../src/kernel/real/kernel-log.js";

const readable = (mode: number): boolean => {
	try {
		accessSync("/dev/kmsg", mode);
		return true;
	} catch {
		return false;
	}
};

describe("KernelLog", () => {
	test.each([
		["6,339,5140900,-;NET: Registered protocol family 10\n", { sequence: 339, text: "NET: Registered protocol family 10" }],
		["4,7,1,c,extra=1;a;b\n SUBSYSTEM=pci\n DEVICE=+pci:0000\n", { sequence: 7, text: "a;b" }],
		["nothing", undefined],
	])("a record: %j", (record, parsed) => expect(parseRecord(record)).toEqual(parsed));

	test("that cannot be opened is the environment's fault", () => {
		const log = new KernelLog(join(mkdtempSync(join(tmpdir(), "log-")), "none"));
		expect(() => log.lines()).toThrow(/none cannot be read: ENOENT/);
		expect(() => log.mark("x")).toThrow(/none cannot be written: ENOENT/);
	});

	test.skipIf(!readable(constants.R_OK))("of this machine is read, and begin leaves out what was there", () => {
		const log = new KernelLog();
		expect(log.lines().length).toBeGreaterThan(0);
		log.begin();
		expect(log.lines().length).toBeLessThan(50);
	});

	test.skipIf(!readable(constants.R_OK | constants.W_OK))("takes marks", () => {
		const log = new KernelLog();
		log.begin();
		log.mark("iommuctl: a test's mark");
		expect(log.lines().some((line) => line.endsWith("iommuctl: a test's mark"))).toBe(true);
	});
});

describe("warnings", () => {
	test.each([
		"WARNING: CPU: 1 PID: 77 at drivers/iommu/iommufd/main.c:200 iommufd_object_remove+0x1",
		"BUG: KASAN: slab-use-after-free in iommufd_access_unpin_pages+0x1",
		"BUG: unable to handle page fault for address: ffff",
		"WARNING: possible circular locking dependency detected",
		"refcount_t: underflow; use-after-free.",
		"INFO: task iommuctl:99 blocked for more than 120 seconds.",
	])("%s", (line) => expect(warningsIn(["usb 1-1: new device", line])).toEqual([line]));

	test("marks and other lines are none", () => {
		const lines = ["iommuctl: > ioctl 3 WARNING", "DMAR: [DMA Read NO_PASID] Request device [00:01.0]", "debug: WARNINGS off"];
		expect(warningsIn(lines)).toEqual([]);
	});

	test("since this program's first mark", () => {
		const lines = ["old", "iommuctl: begin 1", "other", `iommuctl: begin ${process.pid}`, "new"];
		expect(sinceMark(lines)).toEqual(lines.slice(3));
		expect(sinceMark(["old"])).toEqual([]);
	});
});
