/** Values out of range for commands that act on simulated hardware: a clear line, never an internal error. */
import { describe, expect, test } from "vitest";
import { iommuctl, script } from "../cli.js";

const refused = (...args: string[]) => {
	const { status, stderr } = iommuctl([...args, "--kernel", "sim"]);
	expect(stderr).not.toContain("internal error");
	return [status, stderr.split("\n").find((line) => line.startsWith("error: "))];
};

describe("a PASID", () => {
	test.each([
		["sim", "dma", "vfio3", "--iova", "0x1000", "--read"],
		["sim", "walk", "vfio3", "--iova", "0x1000"],
		["sim", "page-request", "vfio3", "--addr", "0x1000"],
		["sim", "event", "vfio3", "0x71"],
		["sim", "fail", "vfio3", "--ite"],
		["sim", "explain-fault", "00:12.0"],
	])("%s %s: is not negative", (...command) => {
		expect(refused(...command, "--pasid", "-1")).toEqual([2, "error: --pasid: -1 is not between 0 and 0xffffffff"]);
	});

	test("wider than the device sends: an errno that a script can expect", () => {
		const { status } = script(["expect EINVAL sim dma vfio3 --iova 0x1000 --read --pasid 0x100000"], "--kernel", "sim");
		expect(status).toBe(0);
	});
});

test("vectors and bits of an interrupt", () => {
	const irq = ["sim", "irq", "vfio0"];
	expect(refused(...irq, "--vector", "-1")).toEqual([2, "error: --vector: -1 is not between 0 and 0xffffffff"]);
	expect(refused(...irq, "--bits", "-1")).toEqual([2, "error: --bits: -1 is not between 0 and 0xffffffff"]);
});

test("private data, group numbers and addresses", () => {
	const request = ["sim", "page-request", "vfio3", "--addr"];
	expect(refused(...request, "0x1000", "--private-data", "-1")).toEqual([2, "error: --private-data: -1 is not between 0 and 0xffffffff"]);
	expect(refused(...request, "0x1000", "--group", "-1")).toEqual([2, "error: --group: -1 is not between 0 and 0x1ff"]);
	expect(refused(...request, "0x1000", "--group", "512")).toEqual([2, "error: --group: 512 is not between 0 and 0x1ff"]);
	expect(refused(...request, "-1")).toEqual([2, "error: --addr: -1 is not an address of 64 bits"]);
	expect(refused("vsva", "bind", "vfio3", "--base", "-4096", "--size", "64")).toEqual([
		2,
		"error: --base: -4096 is not an address of 64 bits",
	]);
});
