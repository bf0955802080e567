/** Tests attaching VFIO devices to IOASes and page tables. */
import { describe, expect, test } from "vitest";
import { EADDRINUSE, EBUSY, EFAULT, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP } from "../../../src/kernel/errno.js";
import { ioctls } from "../../../structs/index.js";
import { MEMORY, Program } from "./program.js";

const PASID_TABLE = 8;

describe("ATTACH_IOMMUFD_PT", () => {
	test("an IOAS gets a page table that is destroyed with its last device", () => {
		const p = new Program();
		const { fd, id } = p.bound(0);
		const ioas = p.ioas();
		const hwpt = p.attach(fd, ioas);
		expect(hwpt).toBe(3);
		expect(p.attach(fd, ioas)).toBe(hwpt);
		expect([p.destroy(ioas), p.destroy(hwpt), p.destroy(id)]).toEqual([-EBUSY, -EBUSY, -EBUSY]);
		expect(p.detach(fd)).toBe(0);
		expect(p.destroy(hwpt)).toBe(-ENOENT);
		expect(p.detach(fd)).toBe(0);
		expect(p.destroy(ioas)).toBe(0);
	});

	test("objects that a device cannot be attached to", () => {
		const p = new Program();
		const { fd, id } = p.bound(0);
		expect(p.attach(fd, 0)).toBe(-ENOENT);
		expect(p.attach(fd, 77)).toBe(-ENOENT);
		expect(p.attach(fd, id)).toBe(-EINVAL);
		const ioas = p.ioas();
		expect(p.map(ioas, 0xfee00000n)).toBe(0);
		expect(p.attach(fd, ioas)).toBe(-EADDRINUSE);
		// A failed replace keeps the old attachment.
		const good = p.ioas();
		p.map(good, 0x1000000n);
		p.attach(fd, good);
		p.load(fd, 0x1000000n, 0n, "kept");
		expect(p.attach(fd, ioas)).toBe(-EADDRINUSE);
		expect(p.store(fd, 0x1000000n, 0n)).toBe("kept");
	});

	test("an answer that cannot be written detaches again", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		const ioas = p.ioas();
		const page = 0x300000000n;
		p.kernel.mmap({ addr: page, length: 0x1000n, prot: 1 });
		p.kernel.poke(page, Uint8Array.of(16, 0, 0, 0, 0, 0, 0, 0, ioas, 0, 0, 0, 0, 0, 0, 0));
		expect(p.kernel.ioctl(fd, ioctls.VFIO_DEVICE_ATTACH_IOMMUFD_PT.request, page)).toBe(-EFAULT);
		expect(p.destroy(ioas)).toBe(0);
	});

	test("the devices of a group are attached together", () => {
		const p = new Program();
		const [a, b] = [p.bound(1), p.bound(2)];
		const [first, second] = [p.ioas(), p.ioas()];
		p.map(first, 0x1000000n, 0x1000n, 0n);
		p.map(second, 0x1000000n, 0x1000n, 0x1000n);
		const hwpt = p.attach(a.fd, first);
		expect(p.attach(b.fd, second)).toBe(-EINVAL);
		// Being bound is enough: its DMA uses its sibling's page table.
		p.load(b.fd, 0x1000000n, 0n, "both");
		expect(p.attach(b.fd, first)).toBe(hwpt);
		expect(p.attach(a.fd, second)).toBeGreaterThan(0);
		expect(p.store(b.fd, 0x1000000n, 0x1000n)).toBe("both");
		p.detach(a.fd);
		// the sibling's buffer holds zeroes
		expect(p.store(a.fd, 0x1000000n, 0x1000n)).toBe("....");
		p.kernel.close(b.fd);
		expect(p.store(a.fd, 0x1000000n, 0x1000n)).toBe("----");
	});

	test("an emulated device takes only IOASes, and no PASIDs", () => {
		const p = new Program();
		const { fd, id } = p.bound(9);
		const ioas = p.ioas();
		expect(p.attach(fd, id)).toBe(-ENOENT);
		expect(p.attach(fd, ioas, 1)).toBe(-EOPNOTSUPP);
		expect(p.attach(fd, ioas)).toBe(ioas);
		expect(p.hwpt(id, ioas)).toBe(-ENOENT);
	});
});

describe("PASIDs", () => {
	test("take only tables made for PASIDs, as does the device itself while one is attached", () => {
		const p = new Program();
		const { fd, id } = p.bound(0);
		const ioas = p.ioas();
		const table = p.hwpt(id, ioas, PASID_TABLE);
		expect(p.attach(fd, ioas, 5)).toBe(-EINVAL);
		expect(p.attach(fd, p.hwpt(id, ioas), 5)).toBe(-EINVAL);
		expect(p.attach(fd, table, 5)).toBe(table);
		expect(p.attach(fd, ioas)).toBe(-EINVAL);
		expect(p.attach(fd, table)).toBe(table);
		expect(p.detach(fd, 5)).toBe(0);
		expect(p.attach(fd, ioas)).toBeGreaterThan(0);
	});

	test("the device limits their width, otherwise VFIO does", () => {
		const p = new Program();
		for (const [n, wide, refused] of [
			[0, 0x7fffffff, [0x80000000, -ENOSPC]],
			[3, 0xfffff, [0x100000, -EINVAL]],
		] as const) {
			const { fd, id } = p.bound(n);
			const table = p.hwpt(id, p.ioas(), PASID_TABLE);
			expect(p.attach(fd, table, wide)).toBe(table);
			expect(p.attach(fd, table, refused[0])).toBe(refused[1]);
			expect(p.detach(fd, 1234)).toBe(0);
		}
	});

	test("PASID 0 with the flag is the device itself, but kept track of separately", () => {
		const p = new Program();
		const { fd } = p.bound(0);
		const ioas = p.ioas();
		const hwpt = p.attach(fd, ioas, 0);
		expect(hwpt).toBeGreaterThan(ioas);
		expect(p.attach(fd, ioas)).toBe(-EBUSY);
		expect(p.detach(fd)).toBe(0);
		expect(p.attach(fd, ioas)).toBe(-EBUSY);
		expect(p.detach(fd, 0)).toBe(0);
		expect(p.attach(fd, ioas)).toBe(hwpt);
	});
});

test("closing /dev/iommu or unmapping memory does not stop DMA, closing the device's file does", () => {
	const p = new Program();
	const { fd } = p.bound(0);
	const ioas = p.ioas();
	p.map(ioas, 0x1000000n);
	p.attach(fd, ioas);
	p.load(fd, 0x1000000n, 0n, "last");
	p.kernel.close(p.iommu);
	expect(p.store(fd, 0x1000000n, 0n)).toBe("last");
	p.poke(0n, "----");
	p.kernel.close(fd);
	expect(p.kernel.dma(fd, "write", 0x1000000n, 4, 0)).toEqual([]);
	expect(p.peek(0n, 4)).toBe("----");
	p.kernel.exit();

	// The buffer belongs to the device: the next program finds its old contents.
	const next = new Program("vtd", {}, p.sim);
	const again = next.bound(0);
	const other = next.ioas();
	next.map(other, 0x5000000n);
	next.attach(again.fd, other);
	expect(next.store(again.fd, 0x5000000n, 0n)).toBe("last");
	expect(next.store(again.fd, 0x1000000n, 0n)).toBe("----");
});

test("the device keeps pages that the program unmaps", () => {
	const p = new Program();
	const { fd } = p.bound(0);
	const ioas = p.ioas();
	const file = p.kernel.memfd("shared", 0x1000n);
	const there = 0x400000000n;
	p.kernel.mmap({ addr: there, length: 0x1000n, prot: 3, fd: file });
	p.map(ioas, 0x1000000n, 0x1000n, there - MEMORY);
	p.map(ioas, 0x2000000n);
	p.attach(fd, ioas);
	p.load(fd, 0x2000000n, 0n, "gone");
	p.kernel.munmap(there, 0x1000n);
	p.kernel.dma(fd, "write", 0x1000000n, 4, 0);
	const bytes = new Uint8Array(4);
	p.kernel.pread(file, bytes, 0n);
	expect(new TextDecoder().decode(bytes)).toBe("gone");
});
