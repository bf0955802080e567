/** A fake kernel for tests of the client. */
import { EFAULT } from "../../src/kernel/errno.js";
import type { IoBuffer, IoctlArg, Kernel, MmapRequest } from "../../src/kernel/kernel.js";

/** A program's memory and a file with prepared answers: enough to see what a client does. */
export class FakeKernel implements Kernel {
	readonly kind = "sim";
	readonly calls: { fd: number; request: number; arg: Uint8Array }[] = [];
	readonly maps = new Map<bigint, Uint8Array>();
	answer: (arg: Uint8Array) => number = () => 0;
	readable: Uint8Array | number = new Uint8Array();
	written: Uint8Array[] = [];
	takes: (bytes: Uint8Array) => number = (bytes) => bytes.length;
	private next = 0x10000n;

	open = () => 3;
	close = () => 0;
	pread = () => 0;
	pwrite = () => 0;
	poll = () => 0;
	memfd = () => 4;
	exit(): void {}

	ioctl(fd: number, request: number, arg: IoctlArg): number {
		this.calls.push({ fd, request, arg: (arg as Uint8Array).slice() });
		return this.answer(arg as Uint8Array);
	}

	read(_fd: number, into: IoBuffer): number {
		if (typeof this.readable === "number") return this.readable;
		const count = Math.min(into.length, this.readable.length);
		(into as Uint8Array).set(this.readable.subarray(0, count));
		return count;
	}

	write(_fd: number, from: IoBuffer): number {
		this.written.push((from as Uint8Array).slice());
		return this.takes(from as Uint8Array);
	}

	mmap({ length }: MmapRequest): bigint {
		const addr = this.next;
		this.next += length + 0x10000n;
		this.maps.set(addr, new Uint8Array(Number(length)));
		return addr;
	}

	munmap(addr: bigint): number {
		return this.maps.delete(addr) ? 0 : -1;
	}

	peek(addr: bigint, into: Uint8Array): number {
		const found = this.find(addr, into.length);
		if (!found) return -EFAULT;
		into.set(found);
		return 0;
	}

	poke(addr: bigint, from: Uint8Array): number {
		const found = this.find(addr, from.length);
		if (!found) return -EFAULT;
		found.set(from);
		return 0;
	}

	private find(addr: bigint, length: number): Uint8Array | undefined {
		for (const [start, bytes] of this.maps) {
			const at = Number(addr - start);
			if (at >= 0 && at + length <= bytes.length) return bytes.subarray(at, at + length);
		}
		return undefined;
	}
}
