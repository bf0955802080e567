/** Tests of wrapping a kernel. */
import { describe, expect, test } from "vitest";
import { isDmaCapable, type Kernel } from "../../src/kernel/kernel.js";
import { wrapKernel } from "../../src/kernel/wrap.js";
import { FakeKernel as WithoutDma } from "../client/fake-kernel.js";
import { FakeKernel } from "../trace/fake-kernel.js";

/** One call of every kind, with its answer. */
function everyCall(kernel: Kernel): unknown[] {
	return [
		kernel.open("/dev/iommu", 2),
		kernel.close(3),
		kernel.ioctl(3, 0x3b81, new Uint8Array(12)),
		kernel.read(3, new Uint8Array(8)),
		kernel.write(3, new Uint8Array([1, 2])),
		kernel.pread(3, new Uint8Array(8), 0x10n),
		kernel.pwrite(3, new Uint8Array(4), 0x20n),
		kernel.poll([{ fd: 3, events: 1, revents: 0 }], 5),
		kernel.mmap({ addr: 0x1000n, length: 4096n, prot: 3 }),
		kernel.munmap(0x1000n, 4096n),
		kernel.memfd("m", 4096n),
		kernel.poke(0x1000n, new Uint8Array([7])),
		kernel.peek(0x1000n, new Uint8Array(1)),
		kernel.exit(),
	];
}

describe("wrapKernel", () => {
	test("passes every call on as it is", () => {
		const plain = new FakeKernel();
		const answers = everyCall(plain);
		const under = new FakeKernel();
		expect(everyCall(wrapKernel(under, {}))).toEqual(answers);
		expect(under.calls).toEqual(plain.calls);
		expect([under.ended, [...under.memory]]).toEqual([plain.ended, [...plain.memory]]);
	});

	test("overridden calls do not reach the kernel, and added members are there", () => {
		const under = new FakeKernel();
		const kernel = wrapKernel(under, { ioctl: () => -12, extra: () => "more" });
		expect(kernel.ioctl(3, 0x3b81, 0n)).toBe(-12);
		expect(kernel.extra()).toBe("more");
		expect(kernel.kind).toBe("sim");
		expect(under.calls).toEqual([]);
	});

	test("does DMA only if the kernel below can", () => {
		const dma = () => [new Uint8Array(32)];
		expect(isDmaCapable(wrapKernel(new WithoutDma(), { dma }))).toBe(false);
		expect(wrapKernel(new FakeKernel(), { dma }).dma?.(3, "read", 0n, 1, 0)).toHaveLength(1);
		const under = new FakeKernel();
		wrapKernel(under, {}).dma?.(3, "write", 0x1000n, 8, 0);
		expect(under.calls).toEqual(["dma 3 write 0x1000 8 0"]);
	});
});
