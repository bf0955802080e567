/** Tests of the RISC-V driver: page tables, DMA, nesting as it was posted, invalidation. */
import { describe, expect, test } from "vitest";
import { encodeRiscvCommand } from "../../../../src/formats/riscv/index.js";
import { toWords } from "../../../../src/formats/words.js";
import { EINVAL, EOPNOTSUPP } from "../../../../src/kernel/errno.js";
import { ioctls, iommu_hw_info, iommu_hw_info_riscv_iommu } from "../../../../structs/index.js";
import { MEMORY } from "../../vfio/program.js";
import { CAPABILITIES, PAGE, PD8, pte, SV39 } from "./guest.js";
import { EVENT, NEST, RiscvGuest } from "./program.js";

/** data_type, and the data */
function info(p: RiscvGuest, dev_id: number): [number, Uint8Array] {
	const data = MEMORY + 0x33000n;
	const bytes = iommu_hw_info.encode({ size: iommu_hw_info.size, dev_id, data_len: 16, data_uptr: data });
	expect(p.kernel.ioctl(p.iommu, ioctls.IOMMU_GET_HW_INFO.request, bytes)).toBe(0);
	const found = new Uint8Array(16);
	p.kernel.peek(data, found);
	return [iommu_hw_info.decode(bytes).out_data_type, found];
}

describe("Linux 7.3", () => {
	test("page tables without flags, of the lower half of 48 bits; nothing to nest, no hardware information", () => {
		const p = new RiscvGuest({});
		const { id, fd } = p.bound(0);
		const ioas = p.ioas();
		expect([0, NEST, 2, 8].map((flags) => Math.min(0, p.hwpt(id, ioas, flags)))).toEqual([0, -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP]);
		p.attach(fd, ioas);
		expect(p.map(ioas, (1n << 47n) - 0x1000n)).toBe(0);
		expect(p.map(ioas, 1n << 47n)).toBe(-EINVAL);
		p.load(fd, (1n << 47n) - 0x1000n, 0n, "high");
		expect(p.store(fd, (1n << 47n) - 0x1000n, 0n)).toBe("high");
		expect(info(p, id)[0]).toBe(0);
	});

	test("faults of the kernel's own table, which is of the first stage; and of no table", () => {
		const p = new RiscvGuest({});
		const { id, fd } = p.bound(0);
		const ioas = p.ioas();
		p.map(ioas, 0x1000n, 0x1000n, 0n, 5);
		p.attach(fd, p.hwpt(id, ioas));
		p.kernel.dma(fd, "write", 0x1000n, 4, 0);
		p.kernel.dma(fd, "read", 0x5000n, 4, 0);
		p.detach(fd);
		p.kernel.dma(fd, "read", 0x5000n, 4, 0);
		expect(p.sim.log).toEqual([
			"riscv-iommu mmu: Fault 15 devid: 0x80 iotval: 1000 iotval2: 0 (write/AMO page fault)",
			"riscv-iommu mmu: Fault 13 devid: 0x80 iotval: 5000 iotval2: 0 (read page fault)",
			"riscv-iommu mmu: Fault 258 devid: 0x80 iotval: 5000 iotval2: 0 (DDT entry not valid)",
		]);
	});
});

describe("nesting, as it was posted", () => {
	test("the capabilities are told", () => {
		const p = new RiscvGuest();
		const [type, bytes] = info(p, p.bound(0).id);
		expect([type, iommu_hw_info_riscv_iommu.decode(bytes)]).toEqual([5, { capability: CAPABILITIES, fctl: 0, __reserved: 0 }]);
	});

	test("a nesting parent is of the second stage: two bits more, and guest page faults", () => {
		const p = new RiscvGuest();
		const { id, fd } = p.bound(0);
		const ioas = p.ioas();
		p.attach(fd, p.hwpt(id, ioas, NEST));
		expect(p.map(ioas, (1n << 50n) - 0x1000n)).toBe(0);
		expect(p.map(ioas, 1n << 50n)).toBe(-EINVAL);
		p.kernel.dma(fd, "read", 0x5004n, 4, 0);
		expect(p.sim.log).toEqual(["riscv-iommu mmu: Fault 21 devid: 0x80 iotval: 5004 iotval2: 5004 (read guest page fault)"]);
	});

	test("DMA goes through both stages; a stale translation stays until the guest invalidates it", () => {
		const p = new RiscvGuest();
		const { fd, table, rc } = p.attached();
		expect(rc).toBe(table);
		p.load(fd, 0x1000n, 0x5000n, "one!");
		expect(p.store(fd, 0x1000n, 0x5000n)).toBe("one!");
		p.words(0x3008n, pte(0x6000n, PAGE));
		expect(p.store(fd, 0x1000n, 0x6000n)).toBe("----");
		// the PSCID is the host's: whatever the guest says is right
		const command = encodeRiscvCommand("IOTINVAL_VMA", { av: 1n, pscv: 1n, pscid: 99n, addr: 0x1000n });
		expect(p.invalidate(table, [command])).toEqual([0, 1]);
		expect(p.store(fd, 0x1000n, 0x6000n)).toBe("one!");
	});

	test("another guest's commands drop nothing of this one", () => {
		const p = new RiscvGuest();
		const { fd } = p.attached();
		const other = p.attached(5);
		p.load(fd, 0x1000n, 0x5000n, "mine");
		p.words(0x3008n, pte(0x6000n, PAGE));
		expect(p.invalidate(other.table, [encodeRiscvCommand("IOTINVAL_GVMA", {}), encodeRiscvCommand("IOTINVAL_VMA", {})])).toEqual([0, 2]);
		expect(p.store(fd, 0x1000n, 0x6000n)).toBe("----");
	});

	test("unmapping guest memory drops what was cached through it", () => {
		const p = new RiscvGuest();
		const { fd } = p.attached();
		p.load(fd, 0x1000n, 0x5000n, "gone");
		const bytes = new Uint8Array(24);
		new DataView(bytes.buffer).setUint32(0, 24, true);
		new DataView(bytes.buffer).setUint32(4, p.ram, true);
		new DataView(bytes.buffer).setBigUint64(16, 0x20000n, true);
		expect(p.kernel.ioctl(p.iommu, ioctls.IOMMU_IOAS_UNMAP.request, bytes)).toBe(0);
		expect(p.store(fd, 0x1000n, 0x5000n)).toBe("----");
		expect(p.sim.log.at(-1)).toContain("Fault 23 devid: 0x80 iotval: 1000 iotval2: 1001");
	});

	test("a device context that the IOMMU would not take: a record of the cause, and a fault at every access", () => {
		const p = new RiscvGuest();
		const { fd, table, rc } = p.attached(0, { sxl: 1n });
		expect(rc).toBe(table);
		const event = new Uint8Array(32);
		p.kernel.peek(EVENT, event);
		expect(toWords(event)).toEqual([259n | (0x80n << 40n), 0n, 0n, 0n]);
		expect(p.store(fd, 0x1000n, 0x5000n)).toBe("----");
		expect(p.sim.log).toEqual(["riscv-iommu mmu: Fault 259 devid: 0x80 iotval: 1000 iotval2: 0 (DDT entry misconfigured)"]);
	});

	test("commands for a process directory: of a device that uses the table", () => {
		const p = new RiscvGuest();
		p.words(0x10000n, 1n, (SV39 << 60n) | 1n);
		const { fd, table } = p.attached(0, { pdtv: 1n, dpe: 1n, fsc_mode: PD8, fsc_ppn: 0x10n });
		p.load(fd, 0x1000n, 0x5000n, "pdt!");
		p.words(0x10000n, 0n);
		expect(p.store(fd, 0x1000n, 0x5000n)).toBe("pdt!");
		const forget = (did: bigint) => encodeRiscvCommand("IODIR_INVAL_PDT", { dv: 1n, did, pid: 0n });
		expect(p.invalidate(table, [forget(0x80n), forget(0x88n)])).toEqual([-EINVAL, 1]);
		expect(p.store(fd, 0x1000n, 0x5000n)).toBe("----");
		expect(p.sim.log.at(-1)).toContain("Fault 266 ");
	});
});
