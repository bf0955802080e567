/** Tests of files on the real kernel: open, read, write, poll. */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EAGAIN, EBADF, EFAULT, EINVAL, EISDIR, ENAMETOOLONG, ENOENT, ENOTDIR, ESPIPE } from "../../../src/kernel/errno.js";
import { O_RDONLY, POLLIN, POLLNVAL, POLLOUT } from "../../../src/kernel/kernel.js";
import { fifo, program, tempDir } from "./support.js";

function linkOf(fd: string): string {
	try {
		return readlinkSync(`/proc/self/fd/${fd}`);
	} catch {
		// The directory's own descriptor, which is closed by now.
		return "";
	}
}

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("files", () => {
	it("are opened, read and closed", () => {
		const kernel = program();
		const path = join(tempDir(), "a file");
		writeFileSync(path, "hello");
		const fd = kernel.open(path);
		expect(fd).toBeGreaterThan(2);
		const into = new Uint8Array(8);
		expect(kernel.read(fd, into)).toBe(5);
		expect(Buffer.from(into).toString("latin1")).toBe("hello\0\0\0");
		expect(kernel.read(fd, into)).toBe(0);
		expect(kernel.close(fd)).toBe(0);
		expect(kernel.close(fd)).toBe(-EBADF);
	});

	it("are opened so that no child inherits them, and never block", () => {
		const kernel = program();
		const fd = kernel.open("/dev/null");
		const flags = Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "", 8);
		expect(flags & 0o2004002).toBe(0o2004002);
	});

	it("answer an errno if they cannot be opened", () => {
		const kernel = program();
		const dir = tempDir();
		writeFileSync(join(dir, "f"), "");
		expect(kernel.open("/dev/iommu-that-is-not-there")).toBe(-ENOENT);
		expect(kernel.open("")).toBe(-ENOENT);
		expect(kernel.open(dir)).toBe(-EISDIR);
		expect(kernel.open(join(dir, "f", "g"))).toBe(-ENOTDIR);
		expect(kernel.open("x".repeat(5000))).toBe(-ENAMETOOLONG);
		expect(kernel.open("/dev/null\0")).toBe(-EINVAL);
	});

	it("that are not open answer EBADF to every call", () => {
		const kernel = program();
		const buffer = new Uint8Array(8);
		for (const fd of [-1, 9999, 2 ** 31 - 1]) {
			expect(kernel.close(fd)).toBe(-EBADF);
			expect(kernel.ioctl(fd, 0x3b81, buffer)).toBe(-EBADF);
			expect(kernel.read(fd, buffer)).toBe(-EBADF);
			expect(kernel.write(fd, buffer)).toBe(-EBADF);
			expect(kernel.pread(fd, buffer, 0n)).toBe(-EBADF);
			expect(kernel.pwrite(fd, buffer, 0n)).toBe(-EBADF);
			expect(kernel.adopt(fd)).toBe(-EBADF);
			expect(kernel.mmap({ addr: 0n, length: 4096n, prot: 1, fd })).toBe(BigInt(-EBADF));
		}
	});

	it("are read and written at any offset, like a memory file", () => {
		const kernel = program();
		const fd = kernel.memfd("place", 10_000n);
		expect(kernel.pwrite(fd, bytes(1, 2, 3), 5000n)).toBe(3);
		const into = new Uint8Array(5);
		expect(kernel.pread(fd, into, 4999n)).toBe(5);
		expect([...into]).toEqual([0, 1, 2, 3, 0]);
		expect(kernel.pread(fd, into, 9998n)).toBe(2);
		expect(kernel.pread(fd, into, 20_000n)).toBe(0);
		expect(kernel.pread(fd, into, -1n)).toBe(-EINVAL);
		expect(kernel.pwrite(fd, into, -(1n << 63n))).toBe(-EINVAL);
	});

	it("move bytes of any length", () => {
		const kernel = program();
		const fd = kernel.memfd("lengths", 0n);
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(0, 1, 4096, 70_000, 3_000_000), (some, padding) => {
				const data = new Uint8Array(some.length + padding);
				data.set(some, padding);
				expect(kernel.pwrite(fd, data, 0n)).toBe(data.length);
				const back = new Uint8Array(data.length);
				expect(kernel.pread(fd, back, 0n)).toBe(data.length);
				expect(Buffer.compare(back, data)).toBe(0);
			}),
			{ numRuns: 40 },
		);
	});

	it("need memory for big transfers only during the transfer", () => {
		const kernel = program();
		const fd = kernel.memfd("big", 0n);
		const arenas = () =>
			readdirSync("/proc/self/fd")
				.filter((name) => linkOf(name).includes("memfd:iommuctl"))
				.map((name) => fstatSync(Number(name)).size);
		expect(kernel.pwrite(fd, new Uint8Array(20_000_000).fill(1), 0n)).toBe(20_000_000);
		expect(arenas().length).toBeGreaterThan(0);
		for (const size of arenas()) expect(size).toBeLessThanOrEqual(1 << 20);
	});

	it("move bytes of the program's own memory in place", () => {
		const kernel = program();
		const addr = kernel.mmap({ addr: 0n, length: 8192n, prot: 3 });
		const fd = kernel.memfd("own", 100n);
		expect(kernel.poke(addr + 10n, bytes(7, 8, 9))).toBe(0);
		expect(kernel.write(fd, { addr: addr + 10n, length: 3 })).toBe(3);
		expect(kernel.pread(fd, { addr: addr + 4000n, length: 200 }, 0n)).toBe(100);
		const seen = new Uint8Array(4);
		expect(kernel.peek(addr + 4000n, seen)).toBe(0);
		expect([...seen]).toEqual([7, 8, 9, 0]);
		expect(kernel.pread(fd, { addr: 0x10n, length: 3 }, 0n)).toBe(-EFAULT);
		expect(kernel.write(fd, { addr: 0xffff_8000_0000_0000n, length: 3 })).toBe(-EFAULT);
	});

	it("that cannot seek say so", () => {
		const kernel = program();
		const fd = kernel.open(fifo());
		expect(kernel.pread(fd, new Uint8Array(1), 0n)).toBe(-ESPIPE);
		expect(kernel.read(fd, new Uint8Array(1))).toBe(-EAGAIN);
	});

	it("opened for reading only are not written", () => {
		const kernel = program();
		expect(kernel.write(kernel.open("/proc/self/stat", O_RDONLY), bytes(1))).toBe(-EBADF);
	});

	it("leave none behind if a memory file cannot be made", () => {
		const kernel = program();
		const before = readdirSync("/proc/self/fd").length;
		expect(kernel.memfd("x".repeat(300), 1n)).toBe(-EINVAL);
		expect(kernel.memfd("a\0b", 1n)).toBe(-EINVAL);
		expect(kernel.memfd("n", -1n)).toBe(-EINVAL);
		expect(kernel.memfd("n", 1n << 63n)).toBe(-EINVAL);
		expect(readdirSync("/proc/self/fd").length).toBe(before);
	});
});

describe("poll", () => {
	it("says which files have events, without waiting", () => {
		const kernel = program();
		const fd = kernel.open(fifo());
		const fds = [
			{ fd, events: POLLIN | POLLOUT, revents: 99 },
			{ fd: -1, events: POLLIN, revents: 99 },
			{ fd: 9999, events: POLLIN, revents: 0 },
		];
		expect(kernel.poll(fds, 0)).toBe(2);
		expect(fds.map(({ revents }) => revents)).toEqual([POLLOUT, 0, POLLNVAL]);
		expect(kernel.write(fd, bytes(1, 2))).toBe(2);
		expect(kernel.poll(fds, 0)).toBe(2);
		expect(fds[0].revents).toBe(POLLIN | POLLOUT);
	});

	it("ends at once when an event is there, however long it may wait", () => {
		const kernel = program();
		const fd = kernel.open(fifo());
		kernel.write(fd, bytes(1));
		expect(kernel.poll([{ fd, events: POLLIN, revents: 0 }], -1)).toBe(1);
	});

	it("ends with 0 when the time is over, and takes an empty list", () => {
		const kernel = program();
		const fd = kernel.open(fifo());
		expect(kernel.poll([{ fd, events: POLLIN, revents: 0 }], 5)).toBe(0);
		expect(kernel.poll([], 0)).toBe(0);
	});
});

describe("a file that is already open", () => {
	it("is adopted, and stays open at exit", () => {
		const kernel = program();
		const fd = openSync("/dev/null", "r+");
		try {
			expect(kernel.adopt(fd)).toBe(fd);
			expect(kernel.write(fd, bytes(1))).toBe(1);
			kernel.exit();
			expect(kernel.adopt(fd)).toBe(fd);
		} finally {
			closeSync(fd);
		}
	});
});
