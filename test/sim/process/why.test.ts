/** Tests why a program's own calls fail: the checks by ID, and their texts. */
import { describe, expect, test } from "vitest";
import { EBADF, EFAULT, EINVAL, EMFILE, ENOMEM, ENOTTY, ESPIPE } from "../../../src/kernel/errno.js";
import { PROT_READ } from "../../../src/kernel/kernel.js";
import { createSim } from "../../../src/sim/index.js";

const PAGE = 0x1000n;

function program() {
	const sim = createSim();
	const kernel = sim.newProcess();
	/** the check and the text of an answer, which must be this errno */
	const why = (ret: number | bigint, errno: number): string => {
		expect(Number(ret)).toBe(-errno);
		const found = kernel.why(ret);
		return found === undefined ? "no reason" : `${found.check}: ${found.text}`;
	};
	return { sim, kernel, why };
}

describe("descriptors", () => {
	test("that are not open", () => {
		const { kernel, why } = program();
		expect(why(kernel.close(9), EBADF)).toBe("close.not-open: fd 9 is not open");
		expect(why(kernel.ioctl(9, 0x3b81, 0n), EBADF)).toBe("ioctl.not-open: fd 9 is not open");
		expect(why(kernel.read(9, new Uint8Array(1)), EBADF)).toBe("read.not-open: fd 9 is not open");
		expect(why(kernel.pwrite(9, new Uint8Array(1), 0n), EBADF)).toBe("pwrite.not-open: fd 9 is not open");
		expect(why(kernel.mmap({ addr: 0n, length: PAGE, prot: 3, fd: 9 }), EBADF)).toBe("mmap.not-open: fd 9 is not open");
	});

	test("run out", () => {
		const { kernel, why } = program();
		let last = 0;
		while (last >= 0) last = kernel.memfd("more", 0n);
		expect(why(last, EMFILE)).toBe("memfd.too-many-files: all 1024 descriptors of the process are in use");
		expect(why(kernel.open("/dev/iommu"), EMFILE)).toBe("open.too-many-files: all 1024 descriptors of the process are in use");
	});

	test("and allocations that were made to fail", () => {
		const { sim, kernel, why } = program();
		sim.failingAllocation = sim.allocations + 1;
		expect(why(kernel.open("/dev/iommu"), ENOMEM)).toMatch(/^open\.open-memory: allocation \d+ of this kernel was made to fail$/);
	});
});

describe("reads and writes", () => {
	test("of files that cannot be read or have no offsets", () => {
		const { kernel, why } = program();
		const fd = kernel.open("/dev/iommu");
		expect(why(kernel.read(fd, new Uint8Array(4)), EINVAL)).toBe("read.no-io: iommufd files do not support reads");
		expect(why(kernel.pread(fd, new Uint8Array(4), -2n), EINVAL)).toBe("pread.negative-offset: offset is -2");
		expect(why(kernel.ioctl(kernel.memfd("m", PAGE), 0x3b81, 0n), ENOTTY)).toBe("ioctl.no-ioctls: memfd files have no ioctls");
	});

	test("whose buffer is not in user space, not mapped, or read-only", () => {
		const { kernel, why } = program();
		const fd = kernel.memfd("m", PAGE);
		expect(why(kernel.read(fd, { addr: 1n << 60n, length: 8 }), EFAULT)).toBe(
			"read.buffer-outside: the buffer 0x1000000000000000 with 8 bytes is not in user space",
		);
		expect(why(kernel.write(fd, { addr: 0x5010n, length: 8 }), EFAULT)).toBe(
			"write.buffer: the buffer cannot be read: page 0x5000 is not mapped",
		);
		const addr = kernel.mmap({ addr: 0x300000000n, length: PAGE, prot: PROT_READ });
		expect(why(kernel.pread(fd, { addr, length: 8 }, 0n), EFAULT)).toBe(
			"pread.buffer: the buffer cannot be written: page 0x300000000 is read-only",
		);
	});

	test("whose end has no offset", () => {
		const { kernel, why } = program();
		const fd = kernel.memfd("m", PAGE);
		expect(why(kernel.pwrite(fd, new Uint8Array(8), (1n << 63n) - 4n), EINVAL)).toBe(
			"pwrite.offset-end: 8 bytes from offset 0x7ffffffffffffffc end beyond 2^63-1",
		);
	});
});

describe("memory", () => {
	test("that cannot be mapped there", () => {
		const { kernel, why } = program();
		const mmap = (addr: bigint, length = PAGE, fd?: number, offset = 0n) => kernel.mmap({ addr, length, prot: 3, fd, offset });
		expect(why(mmap(0n, 0n), EINVAL)).toBe("mmap.length-zero: length is 0x0");
		expect(why(mmap(0x10n), EINVAL)).toBe("mmap.address-alignment: addr 0x10 is not a multiple of 0x1000");
		expect(why(mmap(1n << 46n, 1n << 47n), ENOMEM)).toMatch(/^mmap\.address-end: /);
		mmap(0x10000n, 2n * PAGE);
		expect(why(mmap(0x11000n), 17)).toBe("mmap.address-mapped: 0x10000-0x11fff is mapped already");
		const fd = kernel.memfd("m", PAGE);
		expect(why(mmap(0n, PAGE, fd, 8n), EINVAL)).toBe("mmap.offset-alignment: offset 0x8 is not a multiple of 0x1000");
		expect(why(kernel.munmap(0x10n, PAGE), EINVAL)).toBe("munmap.address-alignment: addr 0x10 is not a multiple of 0x1000");
		expect(why(kernel.munmap(0n, 0n), EINVAL)).toBe("munmap.length-zero: length is 0x0");
		expect(why(kernel.memfd("m", -1n), EINVAL)).toMatch(/^memfd\.file-length: /);
	});

	test("is looked at without wiping out why the last call failed", () => {
		const { kernel, why } = program();
		const addr = kernel.mmap({ addr: 0n, length: PAGE, prot: 3 });
		const failed = kernel.close(9);
		kernel.peek(addr, new Uint8Array(4));
		expect(why(failed, EBADF)).toMatch(/^close\.not-open/);
		expect(why(kernel.peek(0x5000n, new Uint8Array(4)), EFAULT)).toBe(
			"peek.not-mapped: memory at 0x5000 cannot be read: page 0x5000 is not mapped",
		);
	});
});

test("files without offsets", () => {
	const { kernel, why } = program();
	const fd = kernel.open("/dev/iommu");
	const answer = Uint8Array.of(16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect(kernel.ioctl(fd, 0x3b8e, answer)).toBe(0);
	const queue = answer[12];
	expect(why(kernel.pread(queue, new Uint8Array(4), 0n), ESPIPE)).toBe("pread.no-offsets: fault files have no offsets");
});
