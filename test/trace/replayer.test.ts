/** Tests of replaying single steps. */
import { describe, expect, test } from "vitest";
import { FieldError } from "../../src/trace/check.js";
import type { IoctlStep, Step } from "../../src/trace/format.js";
import { ProgramReplay } from "../../src/trace/replayer.js";
import { FakeKernel, withIoctl } from "./fake-kernel.js";

const OPEN: Step = { op: "open", path: "/dev/iommu", fd: "iommu1" };

function replaying(kernel: FakeKernel, ...steps: Step[]): { replay: ProgramReplay; outcomes: unknown[] } {
	const replay = new ProgramReplay(kernel);
	return { replay, outcomes: steps.map((step) => replay.run(step)) };
}

/** The outcome of one ioctl on a kernel that has /dev/iommu open. */
function ioctl(kernel: FakeKernel, step: Partial<IoctlStep>): unknown {
	return replaying(kernel, OPEN, { op: "ioctl", fd: "iommu1", request: "0x3b81", ret: 0, ...step }).outcomes[1];
}

/** Writes a little-endian u32 into an ioctl's bytes. */
const writing = (at: number, value: number, ret = 0) =>
	withIoctl((_fd, _request, arg) => {
		Buffer.from((arg as Buffer).buffer, (arg as Buffer).byteOffset, (arg as Buffer).length).writeUInt32LE(value, at);
		return ret;
	});

describe("an ioctl's answer", () => {
	test("is the value, the errno and every byte", () => {
		expect(ioctl(writing(8, 7), { arg: "0c00000000000000aabbccdd", out: "0c0000000000000007000000" })).toBeUndefined();
		expect(ioctl(writing(8, 7), { arg: "0c00000000000000AABBCCDD", out: "0C0000000000000007000000" })).toBeUndefined();
		expect(ioctl(writing(8, 8), { arg: "0c00000000000000aabbccdd", out: "0c0000000000000007000000" })).toEqual({
			ret: 0,
			bytes: "0c0000000000000008000000",
		});
	});

	test("without `out` leaves the bytes as they were, after a failure too", () => {
		expect(ioctl(new FakeKernel(), { arg: "0c000000" })).toBeUndefined();
		expect(ioctl(writing(0, 1), { arg: "0c000000" })).toEqual({ ret: 0, bytes: "01000000" });
		expect(ioctl(writing(0, 1, -22), { arg: "0c000000", ret: -1, errno: "EINVAL" })).toEqual({ ret: -22, bytes: "01000000" });
		expect(ioctl(writing(0, 1, -22), { arg: "0c000000", ret: -1, errno: "EINVAL", out: "01000000" })).toBeUndefined();
	});

	test.each([
		["ENOENT", -22, { ret: -22, bytes: "00000000" }],
		["EINVAL", -22, undefined],
		["EINVAL", 0, { ret: 0, bytes: "00000000" }],
		["ENOTSUP", -95, undefined],
		["EOPNOTSUPP", -95, undefined],
		["EPERM", -1, undefined],
	])("recorded as %s, answered %i", (errno, ret, outcome) => {
		expect(
			ioctl(
				withIoctl(() => ret),
				{ arg: "00000000", ret: -1, errno },
			),
		).toEqual(outcome);
	});

	test("a value above 0 is compared too", () => {
		expect(
			ioctl(
				withIoctl(() => 1),
				{ arg_value: 3, ret: 1 },
			),
		).toBeUndefined();
		expect(
			ioctl(
				withIoctl(() => 0),
				{ arg_value: 3, ret: 1 },
			),
		).toEqual({ ret: 0 });
	});

	test("addresses and values are passed as they are", () => {
		const kernel = new FakeKernel();
		ioctl(kernel, { arg_addr: "0xfffffffffffff000" });
		ioctl(kernel, { arg_value: 3, request: "IOMMU_DESTROY" });
		expect(kernel.calls.filter((call) => call.startsWith("ioctl"))).toEqual(["ioctl 3 0x3b81 0xfffffffffffff000", "ioctl 4 0x3b80 0x3"]);
	});

	test("masked fields count as 0", () => {
		const step = { request: "IOMMU_IOAS_NOIOMMU_GET_PA", arg: "00".repeat(40), masked: ["out_phys"] };
		expect(ioctl(writing(32, 0x1234), step)).toBeUndefined();
		expect(ioctl(writing(8, 0x1234), step)).toMatchObject({ ret: 0 });
	});
});

describe("files", () => {
	test("that a call made are known by name, and their numbers are ignored", () => {
		const kernel = writing(4, 77);
		const { replay, outcomes } = replaying(
			kernel,
			OPEN,
			{ op: "ioctl", fd: "iommu1", request: "0x3b8e", arg: "0c000000ffffffff", ret: 0, out: "0c00000000000000", fd_out: { 4: "fault1" } },
			{ op: "poll", fd: "fault1", revents: [] },
		);
		expect(outcomes).toEqual([undefined, undefined, undefined]);
		expect(kernel.calls.at(-1)).toBe("poll 77:5 0");
		expect(replay).toMatchObject({ steps: 2, differing: 0 });
	});

	test("are put into the struct by their numbers, and read back as recorded", () => {
		const kernel = new FakeKernel();
		const step: Step = { op: "ioctl", fd: "iommu1", request: "0x3b8f", arg: "2800000000000000", ret: 0, fd_in: { 4: "memfd1" } };
		expect(replaying(kernel, OPEN, { op: "memfd", fd: "memfd1", length: 4096 }, step).outcomes).toEqual([undefined, undefined, undefined]);
		expect(kernel.calls).toEqual(["open /dev/iommu", "memfd memfd1 4096", "ioctl 3 0x3b8f 2800000004000000"]);
		expect(ioctlOverwritingFd()).toMatchObject({ bytes: "2800000009000000" });
	});

	function ioctlOverwritingFd(): unknown {
		const step: Step = { op: "ioctl", fd: "iommu1", request: "0x3b8f", arg: "2800000000000000", ret: 0, fd_in: { 4: "iommu1" } };
		return replaying(writing(4, 9), OPEN, step).outcomes[1];
	}

	test("that could not be made answer EBADF, without stopping the program", () => {
		const kernel = withIoctl((fd) => (fd > 1000 ? -9 : -22));
		const { replay, outcomes } = replaying(
			kernel,
			OPEN,
			{ op: "ioctl", fd: "iommu1", request: "0x3b8e", arg: "0c00000000000000", ret: 0, fd_out: { 4: "fault1" } },
			{ op: "ioctl", fd: "fault1", request: "0x3b8e", arg: "00", ret: -1, errno: "ENOTTY" },
			{ op: "close", fd: "fault1" },
		);
		expect(outcomes).toEqual([undefined, { ret: -22, bytes: "0c00000000000000" }, { ret: -9, bytes: "00" }, undefined]);
		expect(replay).toMatchObject({ steps: 2, differing: 2 });
		expect(kernel.calls.some((call) => call.startsWith("close"))).toBe(false);
	});

	test("returned by a call are recorded as 0", () => {
		const kernel = withIoctl((fd) => (fd === 3 ? 42 : 0));
		const get: Step = { op: "ioctl", fd: "iommu1", request: "0x3b6a", arg: "00", ret: 0, ret_fd: "vfio2" };
		expect(replaying(kernel, OPEN, get, { op: "close", fd: "vfio2" }).outcomes).toEqual([undefined, undefined, undefined]);
		expect(kernel.calls.at(-1)).toBe("close 42");
	});

	test("are answered EBADF after close, whatever number comes next", () => {
		const kernel = new FakeKernel();
		replaying(kernel, OPEN, { op: "close", fd: "iommu1" }, { op: "poll", fd: "iommu1", revents: [] });
		expect(kernel.calls.at(-1)).toBe("poll 2147483647:5 0");
	});

	test("must have been made by an earlier step", () => {
		const replay = new ProgramReplay(new FakeKernel());
		expect(() => replay.run({ op: "close", fd: "x" })).toThrow(FieldError);
		expect(() => replay.run({ op: "close", fd: "x" })).toThrow('no earlier step made a file called "x"');
		expect(replay).toMatchObject({ steps: 0, differing: 0 });
	});

	test("an open that failed is an answer", () => {
		const failed: Step = { op: "open", path: "/dev/vfio/1", ret: -1, errno: "EBUSY" };
		const kernel = new FakeKernel();
		expect(replaying(kernel, failed).outcomes).toEqual([{ note: "a file" }]);
		kernel.open = () => -16;
		expect(replaying(kernel, failed).outcomes).toEqual([undefined]);
		expect(replaying(kernel, OPEN).outcomes).toEqual([{ ret: -16 }]);
	});
});

describe("other steps", () => {
	test("read compares the value and the bytes", () => {
		const kernel = new FakeKernel();
		kernel.read = (_fd, into) => {
			(into as Buffer).set([1, 2]);
			return 2;
		};
		const read = (data: string, ret = 2): Step => ({ op: "read", fd: "iommu1", length: 8, ret, data });
		expect(replaying(kernel, OPEN, read("0102"), read("0103"), read("010200", 3)).outcomes).toEqual([
			undefined,
			undefined,
			{ ret: 2, bytes: "0102" },
			{ ret: 2, bytes: "0102" },
		]);
		expect(replaying(kernel, OPEN, { op: "read", fd: "iommu1", length: 8, ret: -1, errno: "EINVAL" }).outcomes[1]).toMatchObject({
			ret: 2,
		});
	});

	test("read and write with an address use the program's memory", () => {
		const kernel = new FakeKernel();
		kernel.read = (_fd, into) => {
			if (!(into instanceof Uint8Array)) kernel.poke(into.addr, Buffer.from("0506", "hex"));
			return 2;
		};
		const steps: Step[] = [
			{ op: "read", fd: "iommu1", addr: "0x1000", length: 8, ret: 2, data: "0506" },
			{ op: "write", fd: "iommu1", addr: "0x1000", length: 8, ret: 8 },
		];
		expect(replaying(kernel, OPEN, ...steps).outcomes).toEqual([undefined, undefined, undefined]);
		expect(kernel.calls.at(-1)).toBe("write 3 @0x1000");
	});

	test("poll, peek, poke, mmap, munmap, pread, pwrite, dma", () => {
		const kernel = new FakeKernel();
		kernel.poll = (fds) => {
			fds[0].revents = 4;
			return 1;
		};
		const { replay, outcomes } = replaying(
			kernel,
			OPEN,
			{ op: "poll", fd: "iommu1", revents: ["out"] },
			{ op: "poll", fd: "iommu1", revents: ["in", "out"] },
			{ op: "mmap", addr: "0x200000000", length: 4096, prot: "r" },
			{ op: "poke", addr: "0x200000000", data: "0a0b" },
			{ op: "peek", addr: "0x200000000", length: 3, data: "0a0b00" },
			{ op: "peek", addr: "0x200000000", length: 1, data: "0b" },
			{ op: "munmap", addr: "0x200000000", length: 4096 },
			{ op: "pread", fd: "iommu1", offset: "0x70000000000", length: 4, ret: 0, data: "" },
			{ op: "pwrite", fd: "iommu1", offset: "0x70000000004", data: "0600", ret: 2 },
			{ op: "dma", fd: "iommu1", dir: "read", iova: "0x1000", length: 4 },
			{ op: "dma", fd: "iommu1", dir: "write", iova: "0x1000", length: 4, events: [] },
			{ op: "dma", fd: "iommu1", dir: "write", iova: "0x1000", length: 4, buf: 8, events: ["00".repeat(32)] },
		);
		expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([{ revents: ["out"] }, { bytes: "0a" }, { events: [] }]);
		expect(replay).toMatchObject({ steps: 8, differing: 3 });
		expect(kernel.calls.filter((call) => /^(mmap|munmap|p|dma)/.test(call))).toEqual([
			"mmap 0x200000000 4096 1",
			"munmap 0x200000000 4096",
			"pread 3 4 0x70000000000",
			"pwrite 3 2 0x70000000004",
			"dma 3 read 0x1000 4 0",
			"dma 3 write 0x1000 4 0",
			"dma 3 write 0x1000 4 8",
		]);
	});

	test("without a recorded answer that fail are differences, though not counted as answers", () => {
		const kernel = new FakeKernel();
		kernel.mmap = () => -17n;
		kernel.poke = () => -14;
		const map: Step = { op: "mmap", addr: "0x1000", length: 4096, prot: "rw" };
		const { replay, outcomes } = replaying(kernel, map, { op: "poke", addr: "0x1000", data: "00" });
		expect(outcomes).toEqual([{ ret: -17 }, { ret: -14 }]);
		expect(replay).toMatchObject({ steps: 0, differing: 2 });
	});

	test("a kernel that throws is a difference, and the program goes on", () => {
		const kernel = withIoctl(() => {
			throw new Error("a bug");
		});
		expect(ioctl(kernel, { arg: "00" })).toEqual({ note: expect.stringContaining("a crash of the kernel: Error: a bug") });
		const replay = new ProgramReplay(kernel);
		kernel.exit = () => {
			throw new Error("a bug at the end");
		};
		expect(replay.end()).toEqual({ note: expect.stringContaining("a bug at the end") });
		expect(replay.differing).toBe(1);
	});
});
