/** Tests MSI, MSI-X, and the interrupts for errors and requests, as Linux 7.3.4 answered. */
import { describe, expect, test } from "vitest";
import { EBADF, EINVAL, ENOTTY } from "../../../../src/kernel/errno.js";
import { BOOL, CONFIG, Irqs, MASK, NONE, TRIGGER, UNMASK } from "./irqs.js";

const INTX = 0;
const MSI = 1;
const MSIX = 2;
/** igb */
const PF = 7;

describe("MSI", () => {
	const control = (d: Irqs) => d.read(CONFIG + 0x42n, 2);

	test("each interrupt that edu raises is a message, and INTx is not asserted", () => {
		const d = new Irqs();
		const [e, other] = [d.eventfd(), d.eventfd()];
		expect([d.set(TRIGGER | NONE, MSI, 0, 0), d.set(TRIGGER | NONE, MSI), d.set(TRIGGER | BOOL, MSI, 0, 1, Uint8Array.of(1))]).toEqual([
			-EINVAL,
			-EINVAL,
			-EINVAL,
		]);
		expect([d.events(TRIGGER, MSI, 1, e), d.events(TRIGGER, MSI, 0, -1)]).toEqual([-EINVAL, 0]);
		expect([d.events(TRIGGER, MSI, 0, 77), d.events(TRIGGER, MSI, 0, d.p.iommu), d.events(TRIGGER, MSI, 0, e)]).toEqual([
			-EBADF,
			-EINVAL,
			0,
		]);
		d.raise(1);
		expect([d.take(e), d.status]).toEqual([1, 0x10]);
		d.raise(2);
		expect(d.take(e)).toBe(1);
		d.acknowledge(3);
		expect([d.set(TRIGGER | NONE, MSI), d.take(e)]).toEqual([0, 1]);
		expect([d.set(MASK | NONE, MSI), d.set(UNMASK | NONE, MSI), d.events(UNMASK, MSI, 0, e)]).toEqual([-ENOTTY, -ENOTTY, -ENOTTY]);
		expect([d.events(TRIGGER, MSI, 0, other), d.raise(), d.take(e), d.take(other)]).toEqual([0, undefined, 0, 1]);
		d.acknowledge();
		expect([d.set(TRIGGER | NONE, MSI, 0, 0), d.set(TRIGGER | NONE, MSI, 0, 0)]).toEqual([0, -EINVAL]);
		d.raise();
		expect([d.take(other), d.status]).toEqual([0, 0x18]);
	});

	test("and INTx exclude each other", () => {
		const d = new Irqs();
		const e = d.eventfd();
		d.events(TRIGGER, MSI, 0, e);
		expect([d.events(TRIGGER, INTX, 0, e), d.set(TRIGGER | NONE, INTX, 0, 0)]).toEqual([-EINVAL, -EINVAL]);
		expect(d.p.kernel.why(-EINVAL)).toMatchObject({
			check: "vfio-device-set-irqs.other-kind",
			text: "index is 0, and interrupts of index 1 are set up",
		});
	});

	test("a program's enable bit is a copy, which can be set while MSI is set up", () => {
		const d = new Irqs();
		expect(control(d)).toBe(0x80);
		d.write(CONFIG + 0x42n, 0x81, 2);
		expect(control(d)).toBe(0x80);
		d.events(TRIGGER, MSI, 0, d.eventfd());
		expect(control(d)).toBe(0x80);
		d.write(CONFIG + 0x42n, 0x81, 2);
		expect(control(d)).toBe(0x81);
		d.set(TRIGGER | NONE, MSI, 0, 0);
		expect(control(d)).toBe(0x80);
	});
});

describe("MSI-X", () => {
	test("vectors come one by one; a bad descriptor takes those before it in its call along", () => {
		const d = new Irqs(PF);
		const [e, other] = [d.eventfd(), d.eventfd()];
		const control = () => d.read(CONFIG + 0x72n, 2);
		expect(control()).toBe(9);
		expect([d.events(TRIGGER, MSIX, 1, e), d.events(TRIGGER, MSIX, 0, other)]).toEqual([0, 0]);
		expect(control()).toBe(0x8009);
		d.write(CONFIG + 0x72n, 0, 2);
		expect(control()).toBe(0x8009);
		expect([d.set(TRIGGER | NONE, MSIX, 0, 2), d.take(e), d.take(other)]).toEqual([0, 1, 1]);
		expect([d.events(TRIGGER, MSIX, 0, e, -1, other), d.set(TRIGGER | NONE, MSIX, 0, 3), d.take(e), d.take(other)]).toEqual([0, 0, 1, 1]);
		expect([d.events(TRIGGER, MSIX, 0, other, 77, e), d.set(TRIGGER | NONE, MSIX, 0, 3), d.take(e), d.take(other)]).toEqual([
			-EBADF,
			0,
			0,
			1,
		]);
		expect([d.events(TRIGGER, MSIX, 9, e), d.events(TRIGGER, MSIX, 10, e)]).toEqual([0, -EINVAL]);
		expect([d.set(TRIGGER | NONE, MSIX, 0, 0), control()]).toEqual([0, 9]);
	});

	test("a bad descriptor in the call that sets it up leaves nothing set up", () => {
		const d = new Irqs(PF);
		expect([d.events(TRIGGER, MSIX, 0, d.eventfd(), 77), d.set(TRIGGER | NONE, MSIX)]).toEqual([-EBADF, -EINVAL]);
	});

	test("a program cannot read or write the table, which is in a BAR", () => {
		const d = new Irqs(PF);
		const table = 3n << 40n;
		expect([d.read(table, 4), d.write(table, 0x12345678), d.read(table, 4), d.read(table + 0x2000n, 4)]).toEqual([
			0xffffffff, 4, 0xffffffff, 0,
		]);
		d.write(table + 156n, 0xffffffff);
		expect([d.write(table + 160n, 0x55), d.read(table + 160n, 4)]).toEqual([4, 0x55]);
	});
});

describe("errors and requests", () => {
	test.each([3, 4])("interrupt %i", (index) => {
		const d = new Irqs();
		const e = d.eventfd();
		expect([
			d.set(TRIGGER | NONE, index, 0, 0),
			d.set(TRIGGER | NONE, index),
			d.set(TRIGGER | BOOL, index, 0, 1, Uint8Array.of(1)),
		]).toEqual([-EINVAL, -EINVAL, 0]);
		expect([d.events(TRIGGER, index, 0, -1), d.events(TRIGGER, index, 0, 77), d.events(TRIGGER, index, 0, d.p.iommu)]).toEqual([
			0,
			-EBADF,
			-EINVAL,
		]);
		expect([d.events(TRIGGER, index, 0, e), d.set(TRIGGER | NONE, index), d.take(e)]).toEqual([0, 0, 1]);
		expect([d.set(TRIGGER | BOOL, index, 0, 1, Uint8Array.of(1)), d.take(e)]).toEqual([0, 1]);
		expect([d.set(TRIGGER | BOOL, index, 0, 1, Uint8Array.of(0)), d.take(e)]).toEqual([0, 0]);
		expect([d.set(MASK | NONE, index), d.set(UNMASK | NONE, index), d.events(MASK, index, 0, e)]).toEqual([-ENOTTY, -ENOTTY, -ENOTTY]);
		expect([d.set(TRIGGER | NONE, index, 0, 0), d.set(TRIGGER | NONE, index)]).toEqual([0, -EINVAL]);
		expect(d.events(TRIGGER, index, 0, -1)).toBe(0);
	});
});
