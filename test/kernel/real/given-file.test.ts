/** Tests of `--fd N`: which files are refused before any call is made on them. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EnvironmentError } from "../../../src/kernel/environment-error.js";
import { checkGivenFile, deviceNumber, type Files } from "../../../src/kernel/real/given-file.js";

/** A system in which file 3 is /dev/iommu under another name, 4 another device, and 5 Node's epoll instance. */
const files: Files = {
	openName: (fd) => ({ 3: "/dev/x/iommu", 4: "/dev/null", 5: "anon_inode:[eventpoll]", 6: "/dev/iommu" })[fd],
	openDevice: (fd) => ({ 3: 0x1000_0a02n, 4: 0x103n })[fd],
	iommuDevice: () => 0x1000_0a02n,
};

function refusal(fd: number, system: Files = files): string {
	try {
		checkGivenFile(fd, system);
	} catch (error) {
		if (error instanceof EnvironmentError) return `${error.message}; ${error.hint}`;
		throw error;
	}
	return "none";
}

describe("a file that the shell gave", () => {
	it("is /dev/iommu by its device number, whatever its name", () => {
		expect(refusal(3)).toBe("none");
		expect(refusal(4)).toBe("--fd 4: file 4 is /dev/null, not /dev/iommu; open it in the shell first: exec 4<>/dev/iommu");
		expect(refusal(5)).toContain("file 5 is anon_inode:[eventpoll], not /dev/iommu");
		// The right name, but not the device.
		expect(refusal(6)).toContain("file 6 is /dev/iommu, not /dev/iommu");
		expect(refusal(7)).toBe("--fd 7: file 7 is not open; open it in the shell first: exec 7<>/dev/iommu");
	});

	it("is recognized by its name if the device number is unknown", () => {
		const blind = { ...files, iommuDevice: () => undefined };
		expect(refusal(6, blind)).toBe("none");
		expect(refusal(4, blind)).toContain("/dev/null");
	});

	it("is checked on this system: no file of this process is /dev/iommu", () => {
		const fd = openSync("/dev/null", "r+");
		try {
			expect(() => checkGivenFile(fd)).toThrow(`--fd ${fd}: file ${fd} is /dev/null, not /dev/iommu`);
		} finally {
			closeSync(fd);
		}
		expect(() => checkGivenFile(98_765)).toThrow("file 98765 is not open");
	});

	it("has a device number as sysfs writes it", () => {
		const fd = openSync("/dev/null", "r");
		expect(fstatSync(fd, { bigint: true }).rdev).toBe(deviceNumber("1:3\n"));
		closeSync(fd);
		expect(deviceNumber("10:258\n")).toBe(0x10_0a02n);
		expect(deviceNumber("4097:1048575")).toBe((1n << 44n) | 0xfff_001_ffn);
		expect(deviceNumber("nothing")).toBeUndefined();
	});
});
