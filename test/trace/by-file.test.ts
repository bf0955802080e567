/** Tests of names by file: a number that means one thing on a VFIO device and another on /dev/iommu, in recordings, traces and injections. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EIO } from "../../src/kernel/errno.js";
import { injecting, parseInjection } from "../../src/kernel/inject.js";
import { BUILTIN_MACHINES, checkMachine, createSim, machineFile } from "../../src/sim/index.js";
import { describeArgument } from "../../src/trace/describe.js";
import type { Step } from "../../src/trace/format.js";
import { recording, replayFiles, TraceWriter } from "../../src/trace/index.js";
import { readTrace } from "../../src/trace/reader.js";
import { stepLine } from "../../src/trace/tools/show.js";
import { ioctls } from "../../structs/index.js";
import { FakeKernel } from "./fake-kernel.js";
import { temporaryFile, temporaryFolder, traceText } from "./files.js";

const DEVICE = { op: "open", path: "/dev/vfio/devices/vfio0", fd: "d" };
const CONTEXT = { op: "open", path: "/dev/iommu", fd: "c" };
const call = (fd: string, request: string, more: object = {}) => ({
	op: "ioctl",
	fd,
	request,
	arg: "0c0000000000000000000000",
	ret: -1,
	errno: "EINVAL",
	...more,
});

async function steps(...written: object[]): Promise<Step[]> {
	const seen: Step[] = [];
	const visitor = { header() {}, program: () => true, step: (step: Step) => void seen.push(step), end() {} };
	await readTrace(temporaryFile("t.jsonl", traceText({ one: written })), visitor);
	return seen;
}

const requests = (read: readonly Step[]): string[] => read.flatMap((step) => (step.op === "ioctl" ? [step.request] : []));

describe("a trace that is read", () => {
	test.each(["0x3b70", "15216", "VFIO_IOMMU_GET_INFO", "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO"])(
		"%s is named by its file",
		async (request) => {
			const read = await steps(DEVICE, CONTEXT, call("d", request), call("c", request));
			expect(requests(read)).toEqual(["VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", "VFIO_IOMMU_GET_INFO"]);
			expect(stepLine(read[2])).toContain("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, {");
			expect(describeArgument(read[2])).toEqual(["argsz   = 12", "flags   = 0", "count   = 0", "devices = []"]);
		},
	);

	test("a name stands for the file that it was given to last, and a group's file gives devices", async () => {
		const group = { op: "open", path: "/dev/vfio/1", fd: "g" };
		const given = { op: "ioctl", fd: "g", request: "0x3b6a", arg: "00", ret: 0, ret_fd: "d" };
		const read = await steps(
			CONTEXT,
			group,
			given,
			call("d", "0x3b75"),
			{ op: "close", fd: "d" },
			{ ...CONTEXT, fd: "d" },
			call("d", "0x3b75"),
		);
		expect(requests(read)).toEqual(["0x3b6a", "VFIO_DEVICE_FEATURE", "VFIO_IOMMU_DIRTY_PAGES"]);
	});

	test("what means the same everywhere, or nothing at all, stays as it is written", async () => {
		const read = await steps(
			DEVICE,
			CONTEXT,
			call("d", "0x3b76"),
			call("c", "0x3b81"),
			call("c", "VFIO_DEVICE_RESET"),
			call("d", "0x3bff"),
		);
		expect(requests(read)).toEqual(["0x3b76", "0x3b81", "0x3b6f", "0x3bff"]);
	});
});

test("a recording names a device's calls, and replays under its names and under those of older recordings", async () => {
	const path = join(temporaryFolder(), "t.jsonl");
	const machine = checkMachine(BUILTIN_MACHINES.vtd);
	const writer = new TraceWriter(path, { kernel: "sim", machine: machineFile(machine) });
	const kernel = recording(createSim({ machine }).newProcess(), writer);
	const context = kernel.open("/dev/iommu");
	const device = kernel.open("/dev/vfio/devices/vfio8");
	const bytes = () => Buffer.from("0c0000000000000000000000", "hex");
	for (const fd of [device, context]) {
		kernel.ioctl(fd, 0x3b70, bytes());
		kernel.ioctl(fd, ioctls.VFIO_DEVICE_FEATURE.request, 0n);
	}
	kernel.exit();
	writer.close();
	const text = readFileSync(path, "utf8");
	expect([...text.matchAll(/"request":"(\w+)"/g)].map(([, name]) => name)).toEqual([
		"VFIO_DEVICE_GET_PCI_HOT_RESET_INFO",
		"VFIO_DEVICE_FEATURE",
		"VFIO_IOMMU_GET_INFO",
		"VFIO_IOMMU_DIRTY_PAGES",
	]);
	const older = text
		.replace("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", "VFIO_IOMMU_GET_INFO")
		.replace("VFIO_DEVICE_FEATURE", "VFIO_IOMMU_DIRTY_PAGES");
	for (const trace of [text, older]) {
		const report = await replayFiles([temporaryFile("r.jsonl", trace)], { kernel: (header) => () => createSim({ header }).newProcess() });
		expect(report).toMatchObject({ steps: 4, differing: 0 });
	}
});

describe("an injection", () => {
	const answers = (rule: string) => {
		const kernel = injecting(new FakeKernel(), [parseInjection(`${rule}:error=EIO`)]);
		const files = [kernel.open("/dev/vfio/devices/vfio0"), kernel.open("/dev/iommu")];
		return files.map((fd) => kernel.ioctl(fd, 0x3b70, 0n));
	};

	test("goes by the name on the file", () => {
		expect(answers("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO")).toEqual([-EIO, 0]);
		expect(answers("VFIO_IOMMU_GET_INFO")).toEqual([0, -EIO]);
	});

	test("a number that is another file's later goes by that one", () => {
		const kernel = injecting(new FakeKernel(), [parseInjection("VFIO_IOMMU_GET_INFO:error=EIO")]);
		const fd = kernel.open("/dev/vfio/devices/vfio0");
		expect(kernel.ioctl(fd, 0x3b70, 0n)).toBe(0);
		kernel.close(fd);
		expect(kernel.ioctl(fd, 0x3b70, 0n)).toBe(-EIO);
	});
});
