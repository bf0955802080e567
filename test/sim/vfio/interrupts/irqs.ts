/** A device with its interrupts, for tests: SET_IRQS, eventfds, edu's registers. */
import { Program } from "../program.js";

export const CONFIG = 7n << 40n;
export const SET_IRQS = 0x3b6e;
export const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);

/** Flags of SET_IRQS. */
export const NONE = 1;
export const BOOL = 2;
export const EVENTFD = 4;
export const MASK = 8;
export const UNMASK = 0x10;
export const TRIGGER = 0x20;

export class Irqs {
	readonly p: Program;
	readonly fd: number;

	/** `token`: where the token is that the device is bound with */
	constructor(vfio = 0, p = new Program(), token?: bigint) {
		this.p = p;
		this.fd = token === undefined ? p.bound(vfio).fd : p.device(vfio);
		if (token !== undefined) p.bind(this.fd, p.iommu, token);
		this.command(6);
	}

	eventfd(): number {
		return this.p.kernel.eventfd(0);
	}

	/** what was counted since the last time */
	take(fd: number): number {
		const bytes = new Uint8Array(8);
		return this.p.kernel.read(fd, bytes) === 8 ? Number(new DataView(bytes.buffer).getBigUint64(0, true)) : 0;
	}

	signal(fd: number): void {
		this.p.kernel.write(fd, new Uint8Array(BigUint64Array.of(1n).buffer));
	}

	set(flags: number, index: number, start = 0, count = 1, data = new Uint8Array(0)): number {
		const bytes = new Uint8Array(20 + data.length);
		bytes.set(words(bytes.length, flags, index, start, count));
		bytes.set(data, 20);
		return this.p.kernel.ioctl(this.fd, SET_IRQS, bytes);
	}

	/** eventfds, or -1, for the interrupts from `start` on */
	events(flags: number, index: number, start: number, ...fds: number[]): number {
		return this.set(flags | EVENTFD, index, start, fds.length, new Uint8Array(Int32Array.from(fds).buffer));
	}

	read(offset: bigint, length: number): number {
		const bytes = new Uint8Array(length);
		const rc = this.p.kernel.pread(this.fd, bytes, offset);
		return rc < 0 ? rc : Buffer.from(bytes).readUIntLE(0, length);
	}

	write(offset: bigint, value: number, length = 4): number {
		return this.p.kernel.pwrite(this.fd, new Uint8Array(Uint32Array.of(value).buffer).subarray(0, length), offset);
	}

	command(value: number): void {
		this.write(CONFIG + 4n, value, 2);
	}

	get status(): number {
		return this.read(CONFIG + 6n, 2);
	}

	/** edu raises interrupts, and is told that they were seen */
	raise(bits = 1): void {
		this.write(0x60n, bits);
	}

	acknowledge(bits = 1): void {
		this.write(0x64n, bits);
	}
}
