/** Tests of recording: what a kernel's calls look like in a trace. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Recording, recording, replayFiles, TraceWriter } from "../../src/trace/index.js";
import { ioctls } from "../../structs/index.js";
import { FakeKernel } from "./fake-kernel.js";
import { temporaryFolder } from "./files.js";

/** Answers a few calls as a kernel would: files made, files given, bytes changed, failures. */
class AnsweringKernel extends FakeKernel {
	override ioctl(fd: number, request: number, arg: Uint8Array | bigint): number {
		super.ioctl(fd, request, arg);
		if (typeof arg === "bigint") return arg === 3n ? 1 : -14;
		const bytes = Buffer.from(arg.buffer, arg.byteOffset, arg.length);
		if (fd < 0 || fd > 100) return -9;
		switch (request) {
			case ioctls.IOMMU_FAULT_QUEUE_ALLOC.request:
				bytes.writeUInt32LE(2, 8);
				bytes.writeUInt32LE(this.nextFd++, 12);
				return 0;
			case ioctls.IOMMU_IOAS_MAP_FILE.request:
				bytes.writeUInt32LE(0x1000, 32);
				return 0;
			case 0x3b6a:
				return this.nextFd++;
			default:
				return -22;
		}
	}

	override open(path: string): number {
		return path === "/dev/vfio/1" ? -16 : super.open(path);
	}

	override read(_fd: number, into: Uint8Array | { addr: bigint; length: number }): number {
		const data = Buffer.from("010203", "hex");
		if (into instanceof Uint8Array) into.set(data);
		else this.poke(into.addr, data);
		return 3;
	}

	override poll(fds: { revents: number; events: number }[]): number {
		for (const fd of fds) fd.revents = fd.events & 5;
		return fds.length;
	}

	override dma(): Uint8Array[] {
		return [new Uint8Array(32).fill(7)];
	}
}

function program(kernel: Recording): void {
	const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
	const iommu = kernel.open("/dev/iommu");
	kernel.open("/dev/vfio/1");
	const memfd = kernel.memfd("x", 8192n);
	kernel.mmap({ addr: 0x200000000n, length: 4096n, prot: 3 });
	kernel.mmap({ addr: 0x300000000n, length: 4096n, prot: 1, fd: memfd, offset: 4096n });
	kernel.poke(0x200000000n, hex("0102"));
	kernel.peek(0x200000000n, new Uint8Array(3));
	const fault = hex("14000000 00000000 00000000 ffffffff 00000000");
	kernel.ioctl(iommu, ioctls.IOMMU_FAULT_QUEUE_ALLOC.request, fault);
	const mapFile = hex("28000000 07000000 01000000 00000000 0000000000000000 0010000000000000 0000000000000000");
	mapFile.writeInt32LE(memfd, 12);
	kernel.ioctl(iommu, ioctls.IOMMU_IOAS_MAP_FILE.request, mapFile);
	kernel.ioctl(iommu, 0x3b99, hex("00"));
	kernel.ioctl(iommu, ioctls.VFIO_SET_IOMMU.request, 3n);
	kernel.ioctl(iommu, ioctls.IOMMU_DESTROY.request, 0xffff_ffff_ffff_f000n);
	kernel.ioctl(-1, ioctls.IOMMU_DESTROY.request, hex("0800000001000000"));
	const device = kernel.ioctl(iommu, 0x3b6a, hex("3000"));
	kernel.read(iommu, new Uint8Array(8));
	kernel.read(iommu, { addr: 0x200000000n, length: 8 });
	kernel.write(iommu, hex("aabb"));
	kernel.write(iommu, { addr: 0x200000000n, length: 2 });
	kernel.pread(device, new Uint8Array(4), 7n << 40n);
	kernel.pwrite(device, hex("0600"), (7n << 40n) + 4n);
	kernel.poll(
		[
			{ fd: iommu, events: 5, revents: 0 },
			{ fd: fault.readInt32LE(12), events: 1, revents: 0 },
		],
		100,
	);
	kernel.dma?.(device, "write", 0x1000n, 4, 0);
	kernel.munmap(0x200000000n, 4096n);
	kernel.close(memfd);
	kernel.exit();
}

test("what was recorded replays without a difference, and says what was done", async () => {
	const file = join(temporaryFolder(), "r.jsonl");
	const writer = new TraceWriter(file, { kernel: "none", suite: "recorded" });
	writer.program("first");
	program(recording(new AnsweringKernel(), writer));
	writer.program("second");
	program(recording(new AnsweringKernel(), writer));
	writer.close();
	const report = await replayFiles([file], { kernel: () => () => new AnsweringKernel() });
	expect(report.differences).toEqual([]);
	expect(report).toMatchObject({ programs: 2, steps: 2 * 18, differing: 0 });

	const lines = readFileSync(file, "utf8")
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line) as Record<string, unknown>);
	const first = lines.slice(
		2,
		lines.findIndex((line) => line.op === "end"),
	);
	expect(first.slice(0, 5)).toEqual([
		{ op: "open", path: "/dev/iommu", fd: "iommu1" },
		{ op: "open", path: "/dev/vfio/1", ret: -1, errno: "EBUSY" },
		{ op: "memfd", fd: "memfd1", length: 8192 },
		{ op: "mmap", addr: "0x200000000", length: 4096, prot: "rw" },
		{ op: "mmap", addr: "0x300000000", length: 4096, prot: "r", memfd: "memfd1", offset: "0x1000" },
	]);
	expect(first.filter((step) => step.op === "ioctl")).toEqual([
		{
			op: "ioctl",
			fd: "iommu1",
			request: "IOMMU_FAULT_QUEUE_ALLOC",
			arg: "140000000000000000000000ffffffff00000000",
			ret: 0,
			out: "1400000000000000020000000000000000000000",
			fd_out: { 12: "fault1" },
		},
		{
			op: "ioctl",
			fd: "iommu1",
			request: "IOMMU_IOAS_MAP_FILE",
			arg: "28000000070000000100000000000000000000000000000000100000000000000000000000000000",
			fd_in: { 12: "memfd1" },
			ret: 0,
			out: "28000000070000000100000000000000000000000000000000100000000000000010000000000000",
		},
		{ op: "ioctl", fd: "iommu1", request: "0x3b99", arg: "00", ret: -1, errno: "EINVAL" },
		{ op: "ioctl", fd: "iommu1", request: "VFIO_SET_IOMMU", arg_value: 3, ret: 1 },
		{ op: "ioctl", fd: "iommu1", request: "IOMMU_DESTROY", arg_addr: "0xfffffffffffff000", ret: -1, errno: "EFAULT" },
		{ op: "ioctl", fd: "none", request: "IOMMU_DESTROY", arg: "0800000001000000", ret: -1, errno: "EBADF" },
		{ op: "ioctl", fd: "iommu1", request: "0x3b6a", arg: "3000", ret: 0, ret_fd: "vfio1" },
	]);
});

test("files that were already open are recorded as opened", () => {
	const file = join(temporaryFolder(), "r.jsonl");
	const writer = new TraceWriter(file);
	const kernel = recording(new FakeKernel(), writer);
	kernel.adopt(9, "/dev/iommu");
	kernel.ioctl(9, 0x3b80, 0n);
	writer.close();
	expect(readFileSync(file, "utf8")).toContain('"fd":"iommu1","request":"IOMMU_DESTROY"');
});
