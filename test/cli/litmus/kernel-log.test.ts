/** Warnings in the kernel's log. */
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KernelLog } from "../../../src/cli/commands/tools/litmus/kernel-log.js";
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

	it("says why it cannot be read", () => {
		expect(new KernelLog(join(path, "nothing")).findings()).toEqual({ log: [], noLog: `${path}/nothing cannot be read: ENOTDIR` });
	});
});
