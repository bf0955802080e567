/** Tests why calls about interrupts and features fail: the checks that other tests do not name. */
import { describe, expect, test } from "vitest";
import { EFAULT, EINVAL, ENOMEM, ENOSPC } from "../../../../src/kernel/errno.js";
import { MEMORY } from "../program.js";
import { EVENTFD, Irqs, SET_IRQS, TRIGGER, words } from "./irqs.js";

const END = MEMORY + 0x40000n;
const IOEVENTFD = 0x3b74;
const FEATURE = 0x3b75;
const MSI = 1;
const PF = 7;

/** The check that fails a call whose struct ends with the program's memory. */
function atEnd(d: Irqs, request: number, bytes: Uint8Array): string | undefined {
	const at = END - BigInt(bytes.length);
	d.p.kernel.poke(at, bytes);
	expect(d.p.kernel.ioctl(d.fd, request, at)).toBe(-EFAULT);
	return d.p.kernel.why(-EFAULT)?.check;
}

describe("a struct that cannot be read to its end", () => {
	test("eventfds of SET_IRQS, and the structs of features", () => {
		const d = new Irqs(PF);
		expect(atEnd(d, SET_IRQS, words(28, TRIGGER | EVENTFD, 2, 0, 2, 0))).toBe("vfio-device-set-irqs.data-unreadable");
		expect(atEnd(d, FEATURE, words(24, 1 << 17, 0))).toBe("vfio-device-feature.uuid-unreadable");
		expect(atEnd(d, FEATURE, words(16, (1 << 17) | 4, 0))).toBe("vfio-device-feature.wakeup-unreadable");
		expect(atEnd(d, FEATURE, words(40, (1 << 16) | 11, 0, 2, 0, 1))).toBe("vfio-device-feature.dma-buf-unreadable");
	});
});

describe("MSI", () => {
	test("has at least one vector", () => {
		const d = new Irqs(PF);
		expect(d.set(TRIGGER | EVENTFD, MSI, 0, 0)).toBe(-EINVAL);
		expect(d.p.kernel.why(-EINVAL)?.check).toBe("vfio-device-set-irqs.no-vectors");
	});
});

describe("ioeventfds", () => {
	const add = (d: Irqs, offset: bigint, fd: number) => {
		const bytes = new Uint8Array(32);
		const view = new DataView(bytes.buffer);
		for (const [at, value] of [32, 4].entries()) view.setUint32(4 * at, value, true);
		view.setBigUint64(8, offset, true);
		view.setInt32(24, fd, true);
		return d.p.kernel.ioctl(d.fd, IOEVENTFD, bytes);
	};

	test("not in the MSI-X table, and not too many", () => {
		const d = new Irqs(PF);
		const fd = d.eventfd();
		expect(add(d, (3n << 40n) + 4n, fd)).toBe(-EINVAL);
		expect(d.p.kernel.why(-EINVAL)?.check).toBe("vfio-device-ioeventfd.in-table");
		for (let i = 0n; i < 1000n; i++) expect(add(d, 4n * i, fd)).toBe(0);
		expect(add(d, 0x10000n, fd)).toBe(-ENOSPC);
		d.p.kernel.close(d.fd);
	});
});

test("a DMA-buf with more ranges than the simulated kernel takes", () => {
	const d = new Irqs();
	expect(d.p.kernel.ioctl(d.fd, FEATURE, words(24, (1 << 16) | 11, 0, 2, 0, 65537))).toBe(-EINVAL);
	expect(d.p.kernel.why(-EINVAL)?.check).toBe("vfio-device-feature.too-many-ranges");
});

test("an eventfd without memory", () => {
	const d = new Irqs();
	d.p.sim.failingAllocation = d.p.sim.allocations + 1;
	expect(d.eventfd()).toBe(-ENOMEM);
	expect(d.p.kernel.why(-ENOMEM)?.check).toBe("eventfd.eventfd-memory");
});
