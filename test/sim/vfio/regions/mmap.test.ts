/** Tests BARs as memory of a program, and for other devices as DMA-bufs, as Linux 7.3.4 answered. */
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL, EIO, ENODEV, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { PROT_READ, PROT_WRITE } from "../../../../src/kernel/kernel.js";
import { ioctls, iommu_ioas_map, iommu_ioas_map_file, iommu_ioas_unmap } from "../../../../structs/index.js";
import { CONFIG, Irqs, words } from "../interrupts/irqs.js";

const SIZE = 0x100000n;

function map(d: Irqs, length: bigint, offset = 0n): bigint {
	return d.p.kernel.mmap({ addr: 0n, length, prot: PROT_READ | PROT_WRITE, fd: d.fd, offset });
}

function word(d: Irqs, addr: bigint): number {
	const bytes = new Uint8Array(4);
	const rc = d.p.kernel.peek(addr, bytes);
	return rc < 0 ? rc : Buffer.from(bytes).readUInt32LE();
}

function mapUser(d: Irqs, ioas_id: number, user_va: bigint): number {
	const bytes = iommu_ioas_map.encode({ size: iommu_ioas_map.size, flags: 7, ioas_id, user_va, length: 0x1000n, iova: 0x10000n });
	return d.p.kernel.ioctl(d.p.iommu, ioctls.IOMMU_IOAS_MAP.request, bytes);
}

function mapFile(d: Irqs, ioas_id: number, fd: number, iova: bigint, length = 0x1000n, start = 0n): number {
	const bytes = iommu_ioas_map_file.encode({ size: iommu_ioas_map_file.size, flags: 7, ioas_id, fd, start, length, iova });
	return d.p.kernel.ioctl(d.p.iommu, ioctls.IOMMU_IOAS_MAP_FILE.request, bytes);
}

function unmap(d: Irqs, ioas_id: number, iova: bigint, length = 0x1000n): number {
	const bytes = iommu_ioas_unmap.encode({ size: iommu_ioas_unmap.size, ioas_id, iova, length });
	return d.p.kernel.ioctl(d.p.iommu, ioctls.IOMMU_IOAS_UNMAP.request, bytes);
}

/** VFIO_DEVICE_FEATURE_DMA_BUF: the descriptor, or minus the errno */
function dmaBuf(d: Irqs, region: number, ranges: readonly (readonly [number, number])[], flags = 0, count = ranges.length): number {
	const list = ranges.flatMap(([offset, length]) => [offset, 0, length, 0]);
	const bytes = words(24 + 16 * ranges.length, (1 << 16) | 11, region, 2, flags, count, ...list);
	return d.p.kernel.ioctl(d.fd, 0x3b75, bytes);
}

describe("mmap", () => {
	test("what of a device can be mapped", () => {
		const d = new Irqs();
		expect(map(d, 0x1000n)).toBeGreaterThan(0n);
		expect(map(d, 100n, SIZE - 0x1000n)).toBeGreaterThan(0n);
		const beyond = [map(d, SIZE + 0x1000n), map(d, 0x1000n, SIZE), map(d, 0x1000n, CONFIG)];
		const others = [map(d, 0x1000n, 1n << 40n), map(d, 0x1000n, 9n << 40n), map(d, 0x1000n, 6n << 40n)];
		expect([...beyond, ...others]).toEqual(Array(6).fill(BigInt(-EINVAL)));
		expect(d.p.kernel.mmap({ addr: 0n, length: 0x1000n, prot: PROT_READ, fd: d.p.device(1) })).toBe(BigInt(-EINVAL));
		expect(d.p.kernel.mmap({ addr: 0n, length: 0x1000n, prot: PROT_READ, fd: d.p.bound(9).fd })).toBe(BigInt(-ENODEV));
	});

	test("accesses reach registers, unless the device does not answer", () => {
		const d = new Irqs();
		const at = map(d, SIZE);
		expect(word(d, at)).toBe(0x010000ed);
		expect(d.p.kernel.poke(at + 4n, words(0x12345678))).toBe(0);
		expect([word(d, at + 4n), d.read(4n, 4)]).toEqual([0xedcba987, 0xedcba987]);
		d.command(4);
		expect([word(d, at), d.read(0n, 4)]).toEqual([-EFAULT, -EIO]);
		// the mapping itself can be made
		expect(map(d, 0x1000n)).toBeGreaterThan(0n);
		d.command(6);
		expect(word(d, at)).toBe(0x010000ed);
	});

	test("a mapping keeps the device open", () => {
		const d = new Irqs();
		const at = map(d, 0x1000n);
		d.p.kernel.close(d.fd);
		expect(word(d, at)).toBe(0x010000ed);
		expect(d.p.bind(d.p.device(0))).toBe(-EINVAL);
		d.p.kernel.munmap(at, 0x1000n);
		expect(d.p.bind(d.p.device(0))).toBeGreaterThan(0);
	});

	test("registers cannot be pinned: EFAULT, when a page table needs them", () => {
		const d = new Irqs();
		const ioas = d.p.ioas();
		const at = map(d, 0x1000n);
		expect(mapUser(d, ioas, at)).toBe(0);
		expect(d.p.attach(d.fd, ioas)).toBe(-EFAULT);
		expect(unmap(d, ioas, 0x10000n)).toBe(0);
		expect(d.p.attach(d.fd, ioas)).toBeGreaterThan(0);
		expect(mapUser(d, ioas, at)).toBe(-EFAULT);
	});
});

describe("a DMA-buf of a BAR", () => {
	test("what is wrong with its arguments", () => {
		const d = new Irqs();
		const page = [0, 0x1000] as const;
		expect([dmaBuf(d, 0, [page], 1), dmaBuf(d, 0, [page], 0, 0), dmaBuf(d, 0, [[1, 0x1000]]), dmaBuf(d, 0, [[0, 100]])]).toEqual(
			Array(4).fill(-EINVAL),
		);
		expect([dmaBuf(d, 0, [[0, 0]]), dmaBuf(d, 0, [[0x100000, 0x1000]]), dmaBuf(d, 0, [[0, 0x101000]])]).toEqual(Array(3).fill(-EINVAL));
		expect([7, 6, 1, 20].map((region) => dmaBuf(d, region, [page]))).toEqual(Array(4).fill(-ENODEV));
		expect(d.p.kernel.ioctl(d.fd, 0x3b75, words(16, (1 << 16) | 11, 0, 2))).toBe(-EINVAL);
	});

	test("is mapped into an IOAS while the device answers", () => {
		const d = new Irqs();
		const ioas = d.p.ioas();
		d.p.attach(d.fd, ioas);
		const fd = dmaBuf(d, 0, [[0, 0x2000]]);
		expect(fd).toBeGreaterThan(0);
		expect([d.p.kernel.read(fd, new Uint8Array(1)), d.p.kernel.mmap({ addr: 0n, length: 0x1000n, prot: PROT_READ, fd })]).toEqual([
			-EINVAL,
			BigInt(-EINVAL),
		]);
		expect([mapFile(d, ioas, fd, 0x60000n, 0x3000n), mapFile(d, ioas, fd, 0x60000n, 0x2000n)]).toEqual([-EINVAL, 0]);
		expect(mapFile(d, ioas, fd, 0x70000n, 100n, 100n)).toBe(-EINVAL);
		d.command(4);
		expect(mapFile(d, ioas, fd, 0x80000n)).toBe(-ENODEV);
		expect(dmaBuf(d, 0, [[0, 0x1000]])).toBeGreaterThan(0);
		expect(unmap(d, ioas, 0x60000n, 0x2000n)).toBe(0);
		d.command(6);
		expect(mapFile(d, ioas, fd, 0x80000n)).toBe(0);
		const low = (feature: number) => d.p.kernel.ioctl(d.fd, 0x3b75, words(8, (1 << 17) | feature));
		expect([low(3), mapFile(d, ioas, fd, 0x90000n), low(5), mapFile(d, ioas, fd, 0x90000n)]).toEqual([0, -ENODEV, 0, 0]);
		d.p.kernel.close(d.fd);
		expect(mapFile(d, ioas, fd, 0xa0000n)).toBe(-ENODEV);
		const again = new Irqs(0, d.p);
		expect(mapFile(again, ioas, fd, 0xa0000n)).toBe(-ENODEV);
	});

	test("of two ranges cannot be mapped", () => {
		const d = new Irqs();
		const pair = [
			[0, 0x1000],
			[0x1000, 0x1000],
		] as const;
		expect(mapFile(d, d.p.ioas(), dmaBuf(d, 0, pair), 0x20000n, 0x2000n)).toBe(-EOPNOTSUPP);
	});

	test("another device's DMA reaches the BAR", () => {
		const d = new Irqs();
		const ioas = d.p.ioas();
		const fd = dmaBuf(d, 0, [[0, 0x1000]]);
		expect(mapFile(d, ioas, fd, 0x60000n)).toBe(0);
		const other = new Irqs(1, d.p);
		d.p.attach(other.fd, ioas);
		d.p.map(ioas, 0x1000000n);
		d.p.load(other.fd, 0x1000000n, 0n, "\x78\x56\x34\x12");
		d.p.kernel.dma(other.fd, "write", 0x60004n, 4, 0);
		expect(d.read(4n, 4)).toBe(~0x12345678 >>> 0);
	});
});
