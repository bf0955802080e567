/** Tests configuration space as vfio-pci shows it: what a program reads, and which bits it can write (as Linux 7.3.4 with QEMU's devices). */
import { describe, expect, test } from "vitest";
import { EIO } from "../../../../src/kernel/errno.js";
import { CONFIG, Irqs } from "../interrupts/irqs.js";
import { MEMORY, Program } from "../program.js";

/** edu, edu with ATS, PRI and PASIDs, and igb */
const EDU = 0;
const SVM = 3;
const PF = 7;
const VF = 8;

const config = (d: Irqs, at: number, length = 4) => d.read(CONFIG + BigInt(at), length);

/** what a register reads as after ones and after zeros are written; its value is put back */
function written(d: Irqs, at: number): readonly [number, number, number] {
	const before = config(d, at);
	d.write(CONFIG + BigInt(at), 0xffffffff);
	const ones = config(d, at);
	d.write(CONFIG + BigInt(at), 0);
	const zeros = config(d, at);
	d.write(CONFIG + BigInt(at), before);
	return [before, ones, zeros];
}

/** the capabilities in the order of their list: [ID, offset] */
function capabilities(d: Irqs): number[][] {
	const found: number[][] = [];
	for (let at = config(d, 0x34, 1); at !== 0; at = config(d, at + 1, 1)) found.push([config(d, at, 1), at]);
	return found;
}

function extended(d: Irqs): number[][] {
	const found: number[][] = [];
	for (let at = 0x100; at !== 0; ) {
		const header = config(d, at);
		if (header === 0) break;
		found.push([header & 0xffff, at]);
		at = header >>> 20;
	}
	return found;
}

describe("edu", () => {
	test("has MSI, and 256 bytes", () => {
		const d = new Irqs(EDU);
		expect(capabilities(d)).toEqual([[5, 0x40]]);
		expect([config(d, 6, 2), config(d, 0x3c, 2), config(d, 0x40)]).toEqual([0x10, 0x010a, 0x00800005]);
	});

	test("what a program can write", () => {
		const d = new Irqs(EDU);
		d.command(0x103);
		expect(written(d, 0)).toEqual([0x11e81234, 0x11e81234, 0x11e81234]);
		expect(written(d, 4)).toEqual([0x00100103, 0x00100507, 0x00100000]);
		expect(written(d, 0x0c)).toEqual([0, 0xff, 0]);
		expect(written(d, 0x3c)).toEqual([0x10a, 0x1ff, 0x100]);
		// sizing BAR 0, which has 1 MiB, and BARs that are not there
		expect(written(d, 0x10).slice(1)).toEqual([0xfff00000, 0]);
		expect(written(d, 0x14)).toEqual([0, 0, 0]);
		// MSI without vectors that are set up, and bytes of no capability
		expect(written(d, 0x40)).toEqual([0x00800005, 0x008e0005, 0x00000005]);
		for (const at of [0x44, 0x48, 0x4c, 0x50, 0xfc]) expect(written(d, at)).toEqual([0, 0xffffffff, 0]);
	});
});

describe("PCI Express functions", () => {
	test("igb: power management, MSI, MSI-X, Express; AER, ARI, SR-IOV, and what the machine adds", () => {
		const d = new Irqs(PF);
		expect(capabilities(d)).toEqual([
			[1, 0x40],
			[5, 0x50],
			[0x11, 0x70],
			[0x10, 0xa0],
		]);
		expect(extended(d).map(([id]) => id)).toEqual([1, 0x0e, 0x10]);
		expect([config(d, 0xa2, 2), config(d, 0xac), config(d, 0xb2, 2)]).toEqual([2, 0x411, 0x11]);
		expect(written(d, 0x44)).toEqual([8, 0x0b, 8]);
		expect(written(d, 0xa8)).toEqual([0, 0x70e0, 0]);
		expect(written(d, 0xc8)).toEqual([0, 0x8000, 0]);
		expect(written(d, 0x70)).toEqual([0x0009a011, 0x0009a011, 0x0009a011]);
		// an I/O BAR
		expect(written(d, 0x18).slice(1)).toEqual([0xffffffe1, 1]);
	});

	test("a BAR with 64 bits takes two registers", () => {
		const pf = new Irqs(PF, new Program(), MEMORY);
		const d = new Irqs(VF, pf.p, MEMORY);
		expect(written(d, 0x10).slice(1)).toEqual([0xffffc00c, 0xc]);
		expect(written(d, 0x14)).toEqual([0, 0xffffffff, 0]);
	});

	test("ATS and PRI where the machine says so; vfio-pci hides PASID", () => {
		const d = new Irqs(SVM);
		expect(extended(d)).toEqual([
			[0x0f, 0x100],
			[0x13, 0x110],
		]);
		expect([config(d, 0x104, 2), config(d, 0x118)]).toEqual([0x20, 32]);
		expect(capabilities(d)).toEqual([
			[5, 0x40],
			[0x10, 0x80],
		]);
		// on a root bus: integrated into the root complex
		expect(config(d, 0x82, 2)).toBe(0x92);
	});
});

test("in D3hot a device's memory does not answer, and INTx in its status register stays", () => {
	const d = new Irqs(PF);
	expect(d.read(1n << 40n, 4)).toBe(0);
	d.write(CONFIG + 0x44n, 3, 2);
	expect([d.read(1n << 40n, 4), config(d, 0)]).toEqual([-EIO, 0x10c98086]);
	d.write(CONFIG + 0x44n, 0, 2);
	expect(d.read(1n << 40n, 4)).toBe(0);
});

test("FLR and VFIO_DEVICE_RESET clear what BARs hold, and keep the configuration", () => {
	const d = new Irqs(PF);
	d.write(1n << 40n, 0x1234);
	d.write(CONFIG + 0x0cn, 0x10, 1);
	expect(d.read(1n << 40n, 4)).toBe(0x1234);
	d.write(CONFIG + 0xa8n, 0x8000, 2);
	expect([d.read(1n << 40n, 4), config(d, 0x0c, 1), config(d, 0xa8, 2)]).toEqual([0, 0x10, 0]);
	d.write(1n << 40n, 0x1234);
	expect([d.p.kernel.ioctl(d.fd, 0x3b6f, 0n), d.read(1n << 40n, 4), config(d, 4, 2)]).toEqual([0, 0, 6]);
});
