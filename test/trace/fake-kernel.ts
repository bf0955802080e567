/** A fake kernel for tests of traces. */
import type { DmaCapable, IoBuffer, IoctlArg, Kernel, MmapRequest, PollFd, Ret } from "../../src/kernel/kernel.js";

/** A Kernel that notes its calls, and whose methods (`ioctl` and so on) a test can replace. */
export class FakeKernel implements Kernel, DmaCapable {
	readonly kind = "sim";
	readonly calls: string[] = [];
	readonly memory = new Map<bigint, number>();
	nextFd = 3;
	ended = 0;

	open(path: string): Ret {
		this.calls.push(`open ${path}`);
		return this.nextFd++;
	}

	close(fd: number): Ret {
		this.calls.push(`close ${fd}`);
		return 0;
	}

	ioctl(fd: number, request: number, arg: IoctlArg): Ret {
		const what = typeof arg === "bigint" ? `0x${arg.toString(16)}` : Buffer.from(arg).toString("hex");
		this.calls.push(`ioctl ${fd} 0x${request.toString(16)} ${what}`);
		return 0;
	}

	read(fd: number, into: IoBuffer): Ret {
		this.calls.push(`read ${fd} ${into.length}`);
		return 0;
	}

	write(fd: number, from: IoBuffer): Ret {
		this.calls.push(`write ${fd} ${from instanceof Uint8Array ? Buffer.from(from).toString("hex") : `@0x${from.addr.toString(16)}`}`);
		return from.length;
	}

	pread(fd: number, into: IoBuffer, offset: bigint): Ret {
		this.calls.push(`pread ${fd} ${into.length} 0x${offset.toString(16)}`);
		return 0;
	}

	pwrite(fd: number, from: IoBuffer, offset: bigint): Ret {
		this.calls.push(`pwrite ${fd} ${from.length} 0x${offset.toString(16)}`);
		return from.length;
	}

	poll(fds: PollFd[], timeout: number): Ret {
		this.calls.push(`poll ${fds.map((fd) => `${fd.fd}:${fd.events}`).join(" ")} ${timeout}`);
		return 0;
	}

	mmap(request: MmapRequest): bigint {
		const of = request.fd === undefined ? "" : ` of ${request.fd}+${request.offset}`;
		this.calls.push(`mmap 0x${request.addr.toString(16)} ${request.length} ${request.prot}${of}`);
		return request.addr;
	}

	munmap(addr: bigint, length: bigint): Ret {
		this.calls.push(`munmap 0x${addr.toString(16)} ${length}`);
		return 0;
	}

	memfd(name: string, length: bigint): Ret {
		this.calls.push(`memfd ${name} ${length}`);
		return this.nextFd++;
	}

	peek(addr: bigint, into: Uint8Array): Ret {
		for (let i = 0; i < into.length; i++) into[i] = this.memory.get(addr + BigInt(i)) ?? 0;
		return 0;
	}

	poke(addr: bigint, from: Uint8Array): Ret {
		from.forEach((byte, i) => {
			this.memory.set(addr + BigInt(i), byte);
		});
		return 0;
	}

	dma(fd: number, dir: "read" | "write", iova: bigint, length: number, buf: number): Uint8Array[] {
		this.calls.push(`dma ${fd} ${dir} 0x${iova.toString(16)} ${length} ${buf}`);
		return [];
	}

	exit(): void {
		this.ended++;
	}
}

/** A kernel whose ioctls are answered by `ioctl`; the calls are noted as well. */
export function withIoctl(ioctl: (fd: number, request: number, arg: IoctlArg) => Ret): FakeKernel {
	const kernel = new FakeKernel();
	const note = kernel.ioctl.bind(kernel);
	kernel.ioctl = (fd, request, arg) => {
		note(fd, request, arg);
		return ioctl(fd, request, arg);
	};
	return kernel;
}
