/** Tests INTx with edu, answer by answer as Linux 7.3.4 and QEMU's edu did. */
import { describe, expect, test } from "vitest";
import { EBADF, EBUSY, EINVAL, ENOTTY } from "../../../../src/kernel/errno.js";
import { BOOL, CONFIG, Irqs, MASK, NONE, TRIGGER, UNMASK } from "./irqs.js";

const INTX = 0;
const ASSERTED = 0x18;
const IDLE = 0x10;

describe("INTx", () => {
	test("is asserted in the status register whether or not it is set up", () => {
		const d = new Irqs();
		expect([d.set(TRIGGER | NONE, INTX, 0, 0), d.set(TRIGGER | NONE, INTX), d.set(MASK | NONE, INTX)]).toEqual([-EINVAL, -EINVAL, -EINVAL]);
		d.raise();
		expect([d.status, d.read(0x24n, 4)]).toEqual([ASSERTED, 1]);
		d.acknowledge();
		expect([d.status, d.read(0x24n, 4)]).toEqual([IDLE, 0]);
	});

	test("signals once, is masked by that, and signals again when it is unmasked while asserted", () => {
		const d = new Irqs();
		const e = d.eventfd();
		expect(d.events(TRIGGER, INTX, 0, e)).toBe(0);
		d.raise(1);
		expect([d.take(e), d.status]).toEqual([1, ASSERTED]);
		d.raise(2);
		d.acknowledge(3);
		expect([d.take(e), d.status]).toEqual([0, IDLE]);
		d.raise(4);
		expect(d.take(e)).toBe(0);
		expect([d.set(UNMASK | NONE, INTX), d.take(e)]).toEqual([0, 1]);
		d.acknowledge(4);
		expect([d.set(UNMASK | NONE, INTX), d.take(e)]).toEqual([0, 0]);
		d.raise();
		expect(d.take(e)).toBe(1);
	});

	test("masked and unmasked by a program, with a flag or without data", () => {
		const d = new Irqs();
		const e = d.eventfd();
		d.events(TRIGGER, INTX, 0, e);
		expect(d.set(MASK | NONE, INTX)).toBe(0);
		d.raise();
		expect([d.take(e), d.set(UNMASK | BOOL, INTX, 0, 1, Uint8Array.of(0)), d.take(e)]).toEqual([0, 0, 0]);
		expect([d.set(UNMASK | BOOL, INTX, 0, 1, Uint8Array.of(1)), d.take(e)]).toEqual([0, 1]);
		d.acknowledge();
		d.set(UNMASK | NONE, INTX);
		expect(d.set(MASK | BOOL, INTX, 0, 1, Uint8Array.of(1))).toBe(0);
		d.raise();
		expect(d.take(e)).toBe(0);
	});

	test("triggered by a program", () => {
		const d = new Irqs();
		const e = d.eventfd();
		d.events(TRIGGER, INTX, 0, e);
		expect([d.set(TRIGGER | NONE, INTX), d.take(e)]).toEqual([0, 1]);
		expect([d.set(TRIGGER | BOOL, INTX, 0, 1, Uint8Array.of(1)), d.take(e)]).toEqual([0, 1]);
		expect([d.set(TRIGGER | BOOL, INTX, 0, 1, Uint8Array.of(0)), d.take(e)]).toEqual([0, 0]);
		// that did not mask it
		d.raise();
		expect(d.take(e)).toBe(1);
	});

	test("unmasked by another eventfd, whose count is taken", () => {
		const d = new Irqs();
		const [e, resample] = [d.eventfd(), d.eventfd()];
		d.events(TRIGGER, INTX, 0, e);
		expect(d.events(UNMASK, INTX, 0, resample)).toBe(0);
		d.raise();
		expect(d.take(e)).toBe(1);
		d.signal(resample);
		expect(d.take(e)).toBe(1);
		d.acknowledge();
		d.signal(resample);
		expect([d.take(e), d.take(resample)]).toEqual([0, 0]);
		expect([d.events(UNMASK, INTX, 0, resample), d.events(UNMASK, INTX, 0, -1)]).toEqual([-EBUSY, 0]);
		d.raise();
		expect(d.take(e)).toBe(1);
		d.signal(resample);
		expect([d.take(e), d.take(resample)]).toEqual([0, 1]);
	});

	test("with descriptors that are not eventfds", () => {
		const d = new Irqs();
		const e = d.eventfd();
		// without one, INTx is set up all the same
		expect(d.events(TRIGGER, INTX, 0, -1)).toBe(0);
		expect([d.events(TRIGGER, INTX, 0, 77), d.events(TRIGGER, INTX, 0, d.p.iommu)]).toEqual([-EBADF, -EINVAL]);
		expect([d.events(UNMASK, INTX, 0, 77), d.events(UNMASK, INTX, 0, d.p.iommu), d.events(MASK, INTX, 0, e)]).toEqual([
			-EBADF,
			-EINVAL,
			-ENOTTY,
		]);
		expect(d.p.kernel.why(-ENOTTY)?.check).toBe("vfio-device-set-irqs.no-action");
	});

	test("another eventfd takes its place, also when the first is closed", () => {
		const d = new Irqs();
		const [e, other] = [d.eventfd(), d.eventfd()];
		d.events(TRIGGER, INTX, 0, e);
		expect(d.events(TRIGGER, INTX, 0, other)).toBe(0);
		d.raise();
		expect([d.take(e), d.take(other)]).toEqual([0, 1]);
		d.acknowledge();
		d.set(UNMASK | NONE, INTX);
		d.p.kernel.close(other);
		d.raise();
		expect(d.set(TRIGGER | NONE, INTX)).toBe(0);
		d.acknowledge();
		d.set(UNMASK | NONE, INTX);
		expect([d.events(TRIGGER, INTX, 0, -1), d.events(TRIGGER, INTX, 0, e)]).toEqual([0, 0]);
		d.raise();
		expect(d.take(e)).toBe(1);
	});

	test("off in the command register", () => {
		const d = new Irqs();
		const e = d.eventfd();
		d.events(TRIGGER, INTX, 0, e);
		d.command(0x406);
		expect(d.read(CONFIG + 4n, 2)).toBe(0x406);
		d.raise();
		expect([d.take(e), d.status]).toEqual([0, ASSERTED]);
		d.command(6);
		expect(d.take(e)).toBe(1);
	});

	test("ends with a count of 0, and with the device's file", () => {
		const d = new Irqs();
		const e = d.eventfd();
		d.events(TRIGGER, INTX, 0, e);
		expect([d.set(TRIGGER | NONE, INTX, 0, 0), d.set(TRIGGER | NONE, INTX, 0, 0), d.set(UNMASK | NONE, INTX)]).toEqual([
			0,
			-EINVAL,
			-EINVAL,
		]);
		expect(d.events(TRIGGER, INTX, 0, e)).toBe(0);
		d.raise();
		expect(d.take(e)).toBe(1);
		d.p.kernel.close(d.fd);
		const again = new Irqs(0, d.p);
		expect(again.set(UNMASK | NONE, INTX)).toBe(-EINVAL);
		// edu's own registers outlive the file
		expect([again.read(0x24n, 4), again.status]).toEqual([1, ASSERTED]);
	});
});
