/** Tests of the VT-d driver: page tables, nested tables, fault queues. */
import { describe, expect, test } from "vitest";
import { EINVAL, ENODEV, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import {
	iommu_hwpt_vtd_s1_invalidate as ENTRY,
	ioctls,
	iommu_hwpt_invalidate,
	iommu_hwpt_vtd_s1 as S1,
} from "../../../../structs/index.js";
import { MEMORY, Program } from "../../vfio/program.js";

const NEST = 1;
const DIRTY = 2;
const FAULT = 4;
const PASID = 8;

const s1 = (pgtbl_addr: bigint, addr_width = 48, flags = 0n) => ({ type: 1, bytes: S1.encode({ flags, pgtbl_addr, addr_width }) });

describe("page tables", () => {
	test("accepted flags: nesting and dirty tracking need scalable mode", () => {
		const answers = (kind: "vtd" | "legacy") => {
			const p = new Program(kind);
			const { id } = p.bound(0);
			const ioas = p.ioas();
			return [0, NEST, DIRTY, NEST | DIRTY, PASID, PASID | DIRTY, NEST | FAULT, 16].map((flags) => Math.min(0, p.hwpt(id, ioas, flags)));
		};
		expect(answers("vtd")).toEqual([0, 0, 0, 0, 0, 0, -EOPNOTSUPP, -EOPNOTSUPP]);
		expect(answers("legacy")).toEqual([0, -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP, 0, -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP]);
	});

	test("a first-stage table reaches half of the canonical space, a second-stage one 48 bits", () => {
		const p = new Program();
		const { id } = p.bound(0);
		const [first, second] = [p.ioas(), p.ioas()];
		p.hwpt(id, first);
		p.hwpt(id, second, NEST);
		// five levels: 57 bits
		expect(p.map(first, 0xfffffffffff000n)).toBe(0);
		expect(p.map(first, 0x100000000000000n)).toBe(-EINVAL);
		expect(p.map(second, 0xfffffffff000n)).toBe(0);
		expect(p.map(second, 0x1000000000000n)).toBe(-EINVAL);
	});

	test("a nesting parent holds no read-only mappings, neither before nor after", () => {
		const p = new Program();
		const { id } = p.bound(0);
		const ioas = p.ioas();
		expect(p.map(ioas, 0x1000000n, 0x1000n, 0n, 5)).toBe(0);
		expect(p.hwpt(id, ioas, NEST)).toBe(-EINVAL);
		const other = p.ioas();
		p.hwpt(id, other, NEST);
		expect(p.map(other, 0x1000000n, 0x1000n, 0n, 5)).toBe(-EINVAL);
		expect(p.map(other, 0x1000000n, 0x1000n, 0n, 3)).toBe(0);
	});

	test("behind a PCI bridge: translated in legacy mode, blocked in scalable mode", () => {
		for (const [kind, arrives] of [
			["legacy", "okay"],
			["vtd", "----"],
		] as const) {
			const p = new Program(kind);
			const { fd } = p.bound(5);
			const ioas = p.ioas();
			p.map(ioas, 0x1000000n);
			p.attach(fd, ioas);
			p.load(fd, 0x1000000n, 0n, "okay");
			expect(p.store(fd, 0x1000000n, 0n)).toBe(arrives);
		}
	});
});

describe("nested tables", () => {
	/** A device on a guest's table at guest-physical 0x10000 that maps one page, 0x7000, to guest-physical `page`. */
	function guest(n: number, width = 48) {
		const p = new Program();
		const { fd, id } = p.bound(n);
		const ioas = p.ioas();
		const parent = p.hwpt(id, ioas, NEST);
		// guest-physical addresses are offsets in the program's memory
		expect(p.map(ioas, 0n, 0x20000n)).toBe(0);
		const entry = (at: bigint, value: bigint) => p.kernel.poke(MEMORY + at, new Uint8Array(BigUint64Array.of(value).buffer));
		for (const level of [0x10000n, 0x11000n, 0x12000n]) entry(level, (level + 0x1000n) | 7n);
		const point = (page: bigint) => entry(0x13000n + 7n * 8n, page | 7n);
		const nested = p.hwpt(id, parent, 0, s1(0x10000n, width));
		const invalidate = (entries: Partial<{ addr: bigint; npages: bigint; flags: number }>[]) => {
			const list = MEMORY + 0x30000n;
			entries.forEach((each, i) => {
				p.kernel.poke(list + BigInt(i * ENTRY.size), ENTRY.encode({ addr: 0n, npages: 1n, flags: 0, ...each }));
			});
			const fields = { size: iommu_hwpt_invalidate.size, hwpt_id: nested, data_type: 0, data_uptr: list };
			const bytes = iommu_hwpt_invalidate.encode({ ...fields, entry_len: ENTRY.size, entry_num: entries.length });
			const rc = p.kernel.ioctl(p.iommu, ioctls.IOMMU_HWPT_INVALIDATE.request, bytes);
			return [rc, iommu_hwpt_invalidate.decode(bytes).entry_num];
		};
		return { p, fd, id, ioas, parent, nested, point, invalidate };
	}

	test("the guest's table translates; its changes take effect after an invalidation", () => {
		const { p, fd, nested, point, invalidate } = guest(0);
		point(0x2000n);
		expect(p.attach(fd, nested)).toBe(nested);
		p.load(fd, 0x7000n, 0x2000n, "walk");
		expect(p.store(fd, 0x7000n, 0x2000n)).toBe("walk");
		point(0x3000n);
		expect(p.store(fd, 0x7000n, 0x3000n)).toBe("----");
		expect(p.peek(0x2000n, 4)).toBe("walk");
		expect(invalidate([{ addr: 0x7000n, flags: 1 }])).toEqual([0, 1]);
		expect(p.store(fd, 0x7000n, 0x3000n)).toBe("walk");
		expect(p.store(fd, 0x8000n, 0x8000n)).toBe("----");
	});

	test("an unmap beneath the guest is never stale", () => {
		const { p, fd, ioas, nested, point } = guest(0);
		p.map(ioas, 0x100000n, 0x1000n, 0x28000n);
		point(0x100000n);
		p.attach(fd, nested);
		p.load(fd, 0x7000n, 0x28000n, "host");
		expect(p.store(fd, 0x7000n, 0x28000n)).toBe("host");
		const unmap = new DataView(new ArrayBuffer(24));
		[24, ioas, 0x100000, 0, 0x1000, 0].forEach((value, i) => {
			unmap.setUint32(i * 4, value, true);
		});
		expect(p.kernel.ioctl(p.iommu, ioctls.IOMMU_IOAS_UNMAP.request, new Uint8Array(unmap.buffer))).toBe(0);
		expect(p.store(fd, 0x7000n, 0x28000n)).toBe("----");
	});

	test("entries are checked one by one: those before a bad one are done", () => {
		const { invalidate } = guest(0);
		const good = { addr: 0x1000n };
		expect(invalidate([good, { addr: 0x1234n }, good])).toEqual([-EINVAL, 1]);
		expect(invalidate([{ flags: 2 }])).toEqual([-EOPNOTSUPP, 0]);
		expect(invalidate([good, good, { addr: 0x1000n, npages: (1n << 64n) - 1n }])).toEqual([-EINVAL, 2]);
		expect(invalidate([{ npages: (1n << 64n) - 1n }])).toEqual([0, 1]);
	});

	test("the table's configuration is checked when it is attached", () => {
		const odd = guest(0, 39);
		expect(odd.nested).toBeGreaterThan(0);
		expect(odd.p.attach(odd.fd, odd.nested)).toBe(-EINVAL);
		const { p, id, parent, ioas } = guest(0);
		expect(p.hwpt(id, parent, 0, { type: 2, bytes: new Uint8Array(24) })).toBe(-EOPNOTSUPP);
		expect(p.hwpt(id, parent, 0, { type: 1, bytes: new Uint8Array(23) })).toBe(-EINVAL);
		expect(p.hwpt(id, p.hwpt(id, ioas), 0, s1(0n))).toBe(-EINVAL);
	});
});

test("a table with a fault queue needs a device with PRI", () => {
	const p = new Program();
	const queue = new Uint8Array(16);
	queue[0] = 16;
	p.kernel.ioctl(p.iommu, ioctls.IOMMU_FAULT_QUEUE_ALLOC.request, queue);
	const ioas = p.ioas();
	const [plain, pri] = [p.bound(0), p.bound(3)];
	const alloc = (dev_id: number) => {
		const bytes = new Uint8Array(48);
		const view = new DataView(bytes.buffer);
		[48, FAULT, dev_id, ioas].forEach((value, i) => {
			view.setUint32(i * 4, value, true);
		});
		view.setUint32(40, 1, true);
		expect(p.kernel.ioctl(p.iommu, ioctls.IOMMU_HWPT_ALLOC.request, bytes)).toBe(0);
		return view.getUint32(16, true);
	};
	expect(p.attach(plain.fd, alloc(plain.id))).toBe(-ENODEV);
	expect(p.attach(pri.fd, alloc(pri.id))).toBeGreaterThan(0);
});
