/** Tests the regions, interrupts and resets of VFIO devices. */
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL, ENODEV, ENOSPC } from "../../../src/kernel/errno.js";
import { Program } from "./program.js";

const CONFIG = 7n << 40n;
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);
const read = (p: Program, fd: number, offset: bigint, length = 4) => {
	const bytes = new Uint8Array(length);
	const rc = p.kernel.pread(fd, bytes, offset);
	return rc < 0 ? rc : Buffer.from(bytes.subarray(0, rc)).readUIntLE(0, Math.min(rc, 6));
};

describe("regions", () => {
	test("configuration space: the IDs, and a command register that bind resets", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		expect(read(p, fd, CONFIG)).toBe(0x11e81234);
		expect(read(p, fd, CONFIG + 4n, 2)).toBe(0x0103);
		expect(p.kernel.pwrite(fd, Uint8Array.of(6, 0), CONFIG + 4n)).toBe(2);
		expect(read(p, fd, CONFIG + 4n, 2)).toBe(6);
		p.kernel.close(fd);
		expect(read(p, p.bound(0).fd, CONFIG + 4n, 2)).toBe(0x0103);
		expect(read(p, fd, CONFIG + 254n)).toBe(-EFAULT);
		expect(read(p, fd, 1n << 40n)).toBe(-EINVAL);
	});

	test("edu's DMA engine, driven by its registers", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		const ioas = p.ioas();
		p.map(ioas, 0x1000000n, 0x2000n);
		p.attach(fd, ioas);
		const write = (at: number, bytes: Uint8Array) => expect(p.kernel.pwrite(fd, bytes, BigInt(at))).toBe(bytes.length);
		p.kernel.pwrite(fd, Uint8Array.of(6, 0), CONFIG + 4n);
		expect(read(p, fd, 0n)).toBe(0x010000ed);
		write(4, u32(0x12345678));
		expect(read(p, fd, 4n)).toBe(0xedcba987);
		write(8, u32(5));
		expect(read(p, fd, 8n)).toBe(120);
		p.poke(0x800n, "by register");
		// from memory to the buffer, then from there to the next page
		for (const [source, target, command] of [
			[0x1000800n, 0x40000n, 1n],
			[0x40000n, 0x1001000n, 3n],
		]) {
			write(0x80, u64(source));
			write(0x88, u64(target));
			write(0x90, u64(11n));
			write(0x98, u64(command));
		}
		expect(p.peek(0x1000n, 11)).toBe("by register");
	});
});

describe("resets", () => {
	const info = (argsz: number) => {
		const bytes = new Uint8Array(64);
		new DataView(bytes.buffer).setUint32(0, argsz, true);
		return bytes;
	};

	test("a bus is reset as a whole: its devices by their IDs in the caller's context", () => {
		const p = new Program();
		const a = p.bound(5);
		const list = (argsz: number) => {
			const bytes = info(argsz);
			const rc = p.kernel.ioctl(a.fd, 0x3b70, bytes);
			const view = new DataView(bytes.buffer);
			return rc < 0 ? rc : [view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true), view.getInt32(20, true)];
		};
		expect(list(20)).toBe(-ENOSPC);
		// the neighbour is not bound, but in the same group
		expect(list(28)).toEqual([3, 2, a.id, 0]);
		const b = p.bound(6);
		expect(list(28)).toEqual([3, 2, a.id, b.id]);
		expect(p.kernel.ioctl(a.fd, 0x3b71, info(12))).toBe(0);
	});

	test("a device on a root bus has no bus to reset", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		expect(p.kernel.ioctl(fd, 0x3b70, info(64))).toBe(-ENODEV);
		expect(p.kernel.ioctl(fd, 0x3b71, info(12))).toBe(-ENODEV);
		expect(p.kernel.ioctl(fd, 0x3b6f, 0n)).toBe(-EINVAL);
	});
});

describe("read and write of a device's file", () => {
	test("start at position 0, which is BAR 0, and are EINVAL before the device is bound", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		p.kernel.pwrite(fd, Uint8Array.of(6, 0), CONFIG + 4n);
		const bytes = new Uint8Array(4);
		expect([p.kernel.read(fd, bytes), ...bytes]).toEqual([4, 0xed, 0, 0, 1]);
		expect(p.kernel.write(fd, u32(0x12345678))).toBe(4);
		expect(read(p, fd, 4n)).toBe(0xedcba987);
		const unbound = p.kernel.open("/dev/vfio/devices/vfio1");
		expect([p.kernel.read(unbound, bytes), p.kernel.write(unbound, bytes)]).toEqual([-EINVAL, -EINVAL]);
	});
});
