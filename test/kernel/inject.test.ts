/** Tests of injected answers. */
import { describe, expect, it } from "vitest";
import { EBUSY, ENOMEM } from "../../src/kernel/errno.js";
import { injecting, isDue, parseInjection } from "../../src/kernel/inject.js";
import { isDmaCapable, type Kernel } from "../../src/kernel/kernel.js";
import { explains } from "../../src/kernel/why.js";
import { ioctls } from "../../structs/index.js";
import { FakeKernel } from "../trace/fake-kernel.js";

const due = (when: string): number[] => {
	const rule = parseInjection(`ioctl:error=EIO:when=${when}`).when;
	return Array.from({ length: 12 }, (_, i) => i + 1).filter((count) => isDue(rule, count));
};

describe("when=", () => {
	it.each([
		["3", [3]],
		["9+", [9, 10, 11, 12]],
		["3+4", [3, 7, 11]],
		["4..6", [4, 5, 6]],
		["4..6+", [4, 5, 6]],
		["2..9+3", [2, 5, 8]],
	])("%s", (when, expected) => expect(due(when)).toEqual(expected));
});

describe("what cannot be injected is rejected", () => {
	it.each([
		["ioctl", "the answer is missing"],
		["fork:error=EIO", '"fork" is not a known call'],
		["ioctl:error=EWHAT", "not an errno"],
		["ioctl:error=4096", "not an errno"],
		["ioctl:error=EIO:retval=1", "exclude each other"],
		["ioctl:error=EIO:when=0", "from 1 to 65535"],
		["ioctl:error=EIO:when=5..2", "ends before it begins"],
		["ioctl:error=EIO:when=a", "FIRST[..LAST][+[STEP]]"],
		["ioctl:signal=SIGSEGV", "works in strace"],
		["ioctl:errno=EIO", "is unknown"],
	])("%s", (text, problem) => expect(() => parseInjection(text)).toThrow(problem));
});

const injected = (...rules: string[]): { kernel: Kernel; fake: FakeKernel } => {
	const fake = new FakeKernel();
	return { fake, kernel: injecting(fake, rules.map(parseInjection)) };
};

describe("an injecting kernel", () => {
	it("answers the third ioctl and every second one after it without making it", () => {
		const { kernel, fake } = injected("ioctl:error=ENOMEM:when=3+2");
		const answers = Array.from({ length: 6 }, () => kernel.ioctl(3, ioctls.IOMMU_IOAS_ALLOC.request, 0n));
		expect(answers).toEqual([0, 0, -ENOMEM, 0, -ENOMEM, 0]);
		expect(fake.calls).toHaveLength(4);
	});

	it("counts each call of a set separately", () => {
		const { kernel, fake } = injected("openat,close:error=EIO:when=1");
		expect([kernel.close(3), kernel.open("/dev/iommu"), kernel.close(3), kernel.open("/dev/iommu")]).toEqual([-5, -5, 0, 3]);
		expect(fake.calls).toEqual(["close 3", "open /dev/iommu"]);
	});

	it("takes an ioctl by its name", () => {
		const { kernel } = injected("IOMMU_DESTROY:error=EBUSY");
		expect(kernel.ioctl(3, ioctls.IOMMU_DESTROY.request, 0n)).toBe(-EBUSY);
		expect(kernel.ioctl(3, ioctls.IOMMU_IOAS_ALLOC.request, 0n)).toBe(0);
	});

	it("answers values, mmap's as an address", () => {
		const { kernel } = injected("mmap:retval=0x7fff00000000", "!mmap,ioctl:retval=7");
		expect(kernel.mmap({ addr: 0n, length: 4096n, prot: 3 })).toBe(0x7fff00000000n);
		expect(kernel.read(3, new Uint8Array(8))).toBe(7);
		expect(kernel.ioctl(3, 0x3bff, 0n)).toBe(0);
	});

	it("lets the later of two rules for a call win, and is the kernel itself without a rule", () => {
		expect(injected("read:error=EIO", "read:error=EBUSY").kernel.read(3, new Uint8Array(1))).toBe(-EBUSY);
		const fake = new FakeKernel();
		expect(injecting(fake, [])).toBe(fake);
		expect(isDmaCapable(injected("read:error=EIO").kernel)).toBe(true);
	});

	it("tells that an answer was injected, and lets the kernel tell of its own", () => {
		const why = { check: "read.x", text: "", rule: "", values: {}, source: "" };
		const telling = Object.assign(new FakeKernel(), { why: () => why, notes: () => [why] });
		const kernel = injecting(telling, [parseInjection("read:error=EIO:when=1")]);
		if (!explains(kernel)) throw new Error("it does not tell why");
		const ret = kernel.read(3, new Uint8Array(1));
		expect([kernel.why(ret)?.check, kernel.why(-EBUSY), kernel.notes()]).toEqual(["inject", undefined, []]);
		kernel.read(3, new Uint8Array(1));
		expect([kernel.why(-EBUSY), kernel.notes()]).toEqual([why, [why]]);
	});
});
