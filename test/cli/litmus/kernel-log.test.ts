/** Warnings in the kernel's log. */
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apart, KernelLog } from "../../../src/cli/commands/tools/litmus/kernel-log.js";
import { temporaryFolder } from "../cli.js";

const path = join(temporaryFolder(), "kmsg");

describe("the kernel's log", () => {
	it("has what came since, if it is a warning", () => {
		writeFileSync(path, "4,1,1,-;WARNING: CPU: 1 PID: 2 at before\n");
		const log = new KernelLog(path);
		appendFileSync(path, "4,2,2,-;WARNING: CPU: 1 PID: 2 at drivers/iommu/iommufd/main.c:1 f+0x1/0x2\n SUBSYSTEM=x\n");
		expect(log.findings()).toEqual({ log: ["WARNING: CPU: 1 PID: 2 at drivers/iommu/iommufd/main.c:1 f+0x1/0x2"] });
	});

	it("has nothing for other messages", () => {
		writeFileSync(path, "");
		const log = new KernelLog(path);
		appendFileSync(path, "6,3,3,-;iommufd_mock iommufd_mock0: Adding to iommu group 0\n");
		expect(log.findings()).toEqual({ log: [] });
	});

	it("tells warnings apart, each with its lines", () => {
		const trace = Array.from({ length: 9 }, (_, at) => `Call Trace ${at}`);
		const first = ["refcount_t: underflow; use-after-free.", "WARNING: lib/refcount.c:28 at refcount_warn_saturate+0x1/0x2", ...trace];
		const second = ["BUG: KASAN: slab-use-after-free in iopt_f+0x1/0x2", ...trace];
		expect(apart(["before", ...first, ...second])).toEqual([first, second]);
		expect(apart(["iommufd_mock iommufd_mock0: Adding to iommu group 0"])).toEqual([]);
	});

	it("has each warning once", () => {
		writeFileSync(path, "");
		const log = new KernelLog(path);
		appendFileSync(path, "4,1,1,-;BUG: KASAN: slab-use-after-free in iopt_f+0x1/0x2\n");
		expect(log.next()).toEqual([["BUG: KASAN: slab-use-after-free in iopt_f+0x1/0x2"]]);
		expect(log.next()).toEqual([]);
	});

	it("says why it cannot be read", () => {
		expect(new KernelLog(join(path, "nothing")).findings()).toEqual({ log: [], noLog: `${path}/nothing cannot be read: ENOTDIR` });
	});
});
