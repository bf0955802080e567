/** Tests VFIO_DEVICE_FEATURE, as Linux 7.3.4 answered. */
import { expect, test } from "vitest";
import { EINVAL, ENOTTY } from "../../../src/kernel/errno.js";
import { wakeDevice } from "../../../src/sim/index.js";
import { Irqs, words } from "./interrupts/irqs.js";

const GET = 1 << 16;
const SET = 1 << 17;
const PROBE = 1 << 18;
const PF = 7;

const feature = (d: Irqs, flags: number, data: readonly number[] = [], argsz = 8 + data.length * 4) =>
	d.p.kernel.ioctl(d.fd, 0x3b75, words(argsz, flags, ...data));

test("which features a function has, and how they can be used", () => {
	const d = new Irqs();
	const probe = (number: number) => [0, GET, SET, GET | SET].map((op) => feature(d, number | PROBE | op));
	const none = Array(4).fill(-ENOTTY);
	for (const number of [0, 1, 2, 6, 7, 8, 9, 10, 13, 14]) expect(probe(number)).toEqual(none);
	for (const number of [3, 4, 5]) expect(probe(number)).toEqual([0, -EINVAL, 0, -EINVAL]);
	expect(probe(11)).toEqual([0, 0, -EINVAL, -EINVAL]);
	expect(probe(12)).toEqual(Array(4).fill(-EINVAL));
	expect([feature(d, 3), feature(d, 3 | GET | SET), feature(d, 3 | (1 << 19)), feature(d, 3 | SET, [], 7)]).toEqual(Array(4).fill(-EINVAL));
});

test("low power is entered once, and left always", () => {
	const d = new Irqs();
	expect([feature(d, 5 | SET), feature(d, 3 | SET), feature(d, 3 | SET)]).toEqual([0, 0, -EINVAL]);
	expect(d.read(0n, 4)).toBe(0x010000ed);
	expect([feature(d, 5 | SET), feature(d, 5 | SET)]).toEqual([0, 0]);
});

test("low power with an eventfd that hears of the device waking up", () => {
	const d = new Irqs();
	const e = d.eventfd();
	expect([feature(d, 4 | SET, [e, 0]), feature(d, 4 | SET, [e, 0]), feature(d, 5 | SET), d.take(e)]).toEqual([0, -EINVAL, 0, 0]);
	expect([feature(d, 4 | SET, [-1, 0]), feature(d, 4 | SET, [d.p.iommu, 0]), feature(d, 4 | SET, [e, 0], 12)]).toEqual([
		-EINVAL,
		-EINVAL,
		-EINVAL,
	]);
	// its reserved word is not looked at
	expect(feature(d, 4 | SET, [e, 1])).toBe(0);
	expect([wakeDevice(d.p.sim, "vfio0"), d.take(e), wakeDevice(d.p.sim, "vfio0"), feature(d, 4 | SET, [e, 0])]).toEqual([true, 1, false, 0]);
});

test("the token of a physical function", () => {
	const d = new Irqs(PF);
	const uuid = [1, 2, 3, 4];
	expect([feature(d, 0 | PROBE | SET), feature(d, 0 | PROBE | GET), feature(d, 0 | SET, uuid.slice(1))]).toEqual([0, -EINVAL, -EINVAL]);
	expect(feature(d, 0 | SET, uuid)).toBe(0);
	const token = 0x200000100n;
	d.p.kernel.poke(token, words(...uuid));
	expect(d.p.bind(d.p.device(8), d.p.iommu, token)).toBeGreaterThan(0);
	expect(feature(d, 0 | SET, uuid)).toBe(-EINVAL);
});
