/** Tests eventfds of programs on the simulated kernel. */
import { expect, test } from "vitest";
import { EAGAIN, EFAULT, EINVAL, ESPIPE } from "../../../src/kernel/errno.js";
import { POLLERR, POLLIN, POLLOUT } from "../../../src/kernel/kernel.js";
import { createSim } from "../../../src/sim/index.js";

const u64 = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);
const MOST = (1n << 64n) - 2n;

function program() {
	const kernel = createSim().newProcess();
	const poll = (fd: number) => {
		const entry = { fd, events: POLLIN | POLLOUT, revents: 0 };
		kernel.poll([entry], 0);
		return entry.revents;
	};
	const take = (fd: number) => {
		const bytes = new Uint8Array(8);
		const rc = kernel.read(fd, bytes);
		return rc < 0 ? rc : new DataView(bytes.buffer).getBigUint64(0, true);
	};
	return { kernel, poll, take };
}

test("counts what is written until it is read", () => {
	const { kernel, poll, take } = program();
	const fd = kernel.eventfd(3);
	expect([poll(fd), kernel.write(fd, u64(4n)), take(fd), poll(fd), take(fd)]).toEqual([POLLIN | POLLOUT, 8, 7n, POLLOUT, -EAGAIN]);
	expect([kernel.write(fd, u64(0n)), poll(fd)]).toEqual([8, POLLOUT]);
});

test("its count has an end", () => {
	const { kernel, poll, take } = program();
	const fd = kernel.eventfd(0);
	expect([kernel.write(fd, u64(MOST + 1n)), kernel.write(fd, u64(MOST)), kernel.write(fd, u64(1n)), poll(fd)]).toEqual([
		-EINVAL,
		8,
		-EAGAIN,
		POLLIN,
	]);
	const held = kernel.file(fd)?.event?.hold();
	held?.signal(5n);
	expect([poll(fd), take(fd)]).toEqual([POLLIN | POLLERR, MOST + 1n]);
});

test("is read and written in eight bytes, and has no offsets", () => {
	const { kernel } = program();
	const fd = kernel.eventfd(1);
	expect([kernel.read(fd, new Uint8Array(7)), kernel.write(fd, new Uint8Array(7))]).toEqual([-EINVAL, -EINVAL]);
	// More is too much to write, as the real 7.3.4 says; a read takes what it needs.
	expect([kernel.write(fd, new Uint8Array(16)), kernel.read(fd, new Uint8Array(16))]).toEqual([-EINVAL, 8]);
	expect(kernel.write(fd, { addr: 0x10n, length: 8 })).toBe(-EFAULT);
	expect(kernel.pread(fd, new Uint8Array(8), 0n)).toBe(-ESPIPE);
});

test("the kernel's hold outlives its descriptor; who watches takes the count", () => {
	const { kernel, take } = program();
	const fd = kernel.eventfd(2);
	const held = kernel.file(fd)?.event?.hold();
	let heard = 0;
	const stop = held?.watch(() => heard++);
	expect([heard, take(fd)]).toEqual([1, -EAGAIN]);
	kernel.write(fd, u64(9n));
	expect([heard, take(fd)]).toEqual([2, -EAGAIN]);
	stop?.();
	kernel.write(fd, u64(9n));
	expect([heard, take(fd)]).toEqual([2, 9n]);
	kernel.close(fd);
	held?.signal(1n);
	held?.release();
});
