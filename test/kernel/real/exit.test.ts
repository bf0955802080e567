/** Tests of a program's end on the real kernel. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EBADF, EFAULT } from "../../../src/kernel/errno.js";
import type { IoctlArg } from "../../../src/kernel/kernel.js";
import type { FunctionName } from "../../../src/kernel/real/libc.js";
import { madeFile } from "../../../src/kernel/real/made-files.js";
import { StrayFiles } from "../../../src/kernel/real/open-files.js";
import { RealKernel } from "../../../src/kernel/real/real-kernel.js";
import { system } from "../../../src/kernel/real/system.js";
import { ioctls, iommu_fault_alloc, iommu_test_cmd, iommu_test_op, iommu_veventq_alloc } from "../../../structs/index.js";
import { program, terminal } from "./support.js";

const openFiles = () => readdirSync("/proc/self/fd").length;

/** A program whose ioctls `answer` answers as a kernel with iommufd would; everything else is real. */
function pretending(answer: (request: number, arg: IoctlArg, made: number) => number): { kernel: RealKernel; made: number } {
	const maker = new RealKernel(system());
	const made = maker.memfd("made", 1n);
	return { kernel: new RealKernel({ ...system(), ioctl: (_fd, request, arg) => answer(request, arg, made) }), made };
}

describe("exit", () => {
	it("closes what is open and unmaps what is mapped", () => {
		const kernel = program();
		program().peek(0n, new Uint8Array(1));
		const before = openFiles();
		const maps = readFileSync("/proc/self/maps", "utf8").includes("251000000-");
		expect(maps).toBe(false);
		terminal(kernel);
		kernel.close(kernel.open("/dev/null"));
		kernel.open("/dev/null");
		const file = kernel.memfd("a", 8192n);
		kernel.mmap({ addr: 0x251000000n, length: 4096n, prot: 3 });
		kernel.mmap({ addr: 0x251001000n, length: 8192n, prot: 3, fd: file });
		kernel.munmap(0x251001000n, 4096n);
		expect(openFiles()).toBe(before + 3);
		kernel.exit();
		expect(openFiles()).toBe(before);
		for (const addr of [0x251000000n, 0x251001000n, 0x251002000n]) expect(kernel.peek(addr, new Uint8Array(1))).toBe(-EFAULT);
	});

	it("can be followed by another program in the same object", () => {
		const kernel = program();
		for (let i = 0; i < 3; i++) {
			expect(kernel.mmap({ addr: 0x252000000n, length: 4096n, prot: 3 })).toBe(0x252000000n);
			const seen = new Uint8Array(1);
			kernel.peek(0x252000000n, seen);
			expect(seen[0]).toBe(0);
			kernel.poke(0x252000000n, Uint8Array.of(1));
			kernel.exit();
		}
	});

	it("closes in reverse order of opening", () => {
		const real = system();
		const closed: number[] = [];
		const libc = new Proxy(real.libc, {
			get(target, key) {
				if (key !== "call") return Reflect.get(target, key, target);
				return (name: FunctionName, ...given: [number]) => {
					if (name === "close") closed.push(given[0]);
					return target.call(name as "close", ...given);
				};
			},
		});
		const kernel = new RealKernel({ ...real, libc });
		const opened = [kernel.open("/dev/null"), kernel.memfd("m", 1n), kernel.open("/dev/zero")];
		kernel.exit();
		expect(closed).toEqual([opened[2], opened[1], opened[0]]);
	});

	it("leaves other programs' files and memory alone", () => {
		const one = program();
		const two = program();
		const fd = one.open("/dev/null");
		one.mmap({ addr: 0x253000000n, length: 4096n, prot: 3 });
		two.open("/dev/null");
		expect(two.munmap(0x253000000n, 4096n)).toBe(0);
		two.exit();
		expect(one.write(fd, new Uint8Array(1))).toBe(1);
		expect(one.poke(0x253000000n, new Uint8Array(1))).toBe(0);
		expect(two.poke(0x253000000n, new Uint8Array(1))).toBe(-EFAULT);
	});
});

describe("files that a call also opens", () => {
	const faultAlloc = ioctls.IOMMU_FAULT_QUEUE_ALLOC.request;
	const put = (arg: IoctlArg, offset: number, fd: number) => {
		if (typeof arg !== "bigint" && arg.length >= offset + 4) new DataView(arg.buffer).setInt32(offset, fd, true);
		return 0;
	};

	it("are closed by exit", () => {
		const { kernel, made } = pretending((_, arg, fd) => put(arg, 12, fd));
		expect(kernel.ioctl(3, faultAlloc, new Uint8Array(16))).toBe(0);
		kernel.exit();
		expect(kernel.adopt(made)).toBe(-EBADF);
	});

	it("are found where the struct is in the program's memory", () => {
		const { kernel, made } = pretending((_, arg, fd) => {
			const word = new Uint8Array(Int32Array.of(fd).buffer);
			return typeof arg === "bigint" ? kernel.poke(arg + 24n, word) : -1;
		});
		kernel.mmap({ addr: 0x254000000n, length: 4096n, prot: 3 });
		expect(kernel.ioctl(3, ioctls.IOMMU_VEVENTQ_ALLOC.request, 0x254000000n)).toBe(0);
		kernel.exit();
		expect(kernel.adopt(made)).toBe(-EBADF);
	});

	it("are known where the struct was cut short before the number", () => {
		const { kernel, made } = pretending((_, arg, fd) => put(arg, 12, fd));
		const arg = new Uint8Array(4).fill(255);
		expect(kernel.ioctl(3, faultAlloc, arg)).toBe(0);
		expect(arg).toEqual(new Uint8Array(4).fill(255));
		kernel.exit();
		expect(kernel.adopt(made)).toBe(-EBADF);
	});

	it("of which nobody knows are closed by their names", () => {
		const maker = program();
		const before = maker.memfd("iommufd-before", 1n);
		const strays = new StrayFiles();
		const made = maker.memfd("iommufd-fault", 1n);
		const other = maker.memfd("other", 1n);
		expect(strays.close()).toEqual([expect.stringContaining("iommufd-fault")]);
		expect([before, made, other].map((fd) => maker.adopt(fd))).toEqual([before, -EBADF, other]);
		expect(strays.close()).toEqual([]);
	});

	it("are only looked for after calls that succeeded, and only after these calls", () => {
		const failed = pretending((_, arg, fd) => put(arg, 12, fd) - 22);
		failed.kernel.ioctl(3, faultAlloc, new Uint8Array(16));
		failed.kernel.exit();
		const other = pretending((_, arg, fd) => put(arg, 12, fd));
		other.kernel.ioctl(3, ioctls.IOMMU_IOAS_ALLOC.request, new Uint8Array(16));
		other.kernel.exit();
		const checker = program();
		for (const fd of [failed.made, other.made]) {
			expect(checker.adopt(fd)).toBe(fd);
			checker.close(fd);
		}
	});

	it("are where the declared structs have them", () => {
		const offsets = [
			[ioctls.IOMMU_FAULT_QUEUE_ALLOC, iommu_fault_alloc.offsets.out_fault_fd],
			[ioctls.IOMMU_VEVENTQ_ALLOC, iommu_veventq_alloc.offsets.out_veventq_fd],
			[ioctls.IOMMU_TEST_CMD, iommu_test_cmd.offsets["create_access.out_access_fd"]],
		] as const;
		for (const [{ request }, offset] of offsets) {
			const words = new Map<number, number>([
				[4, iommu_test_op.IOMMU_TEST_OP_CREATE_ACCESS],
				[offset, 77],
			]);
			expect(madeFile(request, 0, (at) => words.get(at))).toBe(77);
		}
		expect(madeFile(ioctls.IOMMU_TEST_CMD.request, 0, () => 6)).toBeUndefined();
		expect(madeFile(0x3b6a, 12, () => 6)).toBe(12);
	});
});
