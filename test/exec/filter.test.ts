/** Tests the seccomp filter by running it: which calls stop, on every architecture, for any arguments. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ARCHES, type Arch, type SyscallName } from "../../src/exec/arch.js";
import { buildFilter, FIRST_FD, type FilterOptions, LAST_FD, SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF } from "../../src/exec/filter.js";

/** What the kernel would answer for a call: classic BPF, as far as filters use it. */
function filtered(filter: Uint8Array, audit: number, nr: number, args: readonly bigint[]): number {
	const data = new DataView(new ArrayBuffer(64));
	data.setInt32(0, nr, true);
	data.setUint32(4, audit, true);
	for (const [i, arg] of args.entries()) data.setBigUint64(16 + 8 * i, BigInt.asUintN(64, arg), true);
	const program = new DataView(filter.buffer);
	let accumulator = 0;
	for (let at = 0; ; at++) {
		const code = program.getUint16(at * 8, true);
		const k = program.getUint32(at * 8 + 4, true);
		const jump = (yes: boolean): void => {
			at += program.getUint8(at * 8 + (yes ? 2 : 3));
		};
		if (code === 0x20) accumulator = data.getUint32(k, true);
		else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
		else if (code === 0x15) jump(accumulator === k);
		else if (code === 0x25) jump(accumulator > k);
		else if (code === 0x35) jump(accumulator >= k);
		else if (code === 0x45) jump((accumulator & k) !== 0);
		else if (code === 0x06) return k;
		else throw new Error(`instruction 0x${code.toString(16)}`);
	}
}

const build = (arch: Arch, more: Partial<FilterOptions> = {}): Uint8Array =>
	buildFilter(arch, {
		action: SECCOMP_RET_USER_NOTIF,
		always: ["openat", "munmap"],
		requests: [0x4018aee1],
		onFiles: ["read", "close"],
		onEither: ["dup3"],
		fixedMappings: true,
		...more,
	});

describe.each(ARCHES)("the filter on $name", (arch) => {
	const filter = build(arch);
	const stops = (name: SyscallName, ...args: (bigint | number)[]): boolean => stopsIn(filter, name, ...args);
	const stopsIn = (by: Uint8Array, name: SyscallName, ...args: (bigint | number)[]): boolean =>
		filtered(by, arch.audit, arch.numbers.get(name) as number, args.map(BigInt)) === SECCOMP_RET_USER_NOTIF;

	test("descriptors of the range stop, others do not", () => {
		fc.assert(
			fc.property(fc.integer({ min: -1, max: 2000 }), (fd) => {
				const ours = fd >= FIRST_FD && fd <= LAST_FD;
				expect(stops("read", fd)).toBe(ours);
				expect(stops("mmap", 0, 0x1000, 1, 1, fd, 0)).toBe(ours);
				expect(stops("dup3", fd, 3)).toBe(ours);
				expect(stops("dup3", 3, fd)).toBe(ours);
				expect(stops("fcntl", fd, 0)).toBe(ours);
				expect(stops("fcntl", fd, 3)).toBe(false);
				expect(stops("write", fd)).toBe(false);
			}),
		);
	});

	test("requests of iommufd and VFIO stop on any descriptor", () => {
		fc.assert(
			fc.property(fc.nat({ max: 0xffffffff }), fc.integer({ min: 0, max: 2000 }), (request, fd) => {
				expect(stops("ioctl", fd, request)).toBe((request & 0xff00) === 0x3b00 || request === 0x4018aee1);
			}),
		);
		expect(stops("ioctl", 3, 0x4018aee1)).toBe(true);
		expect(stops("ioctl", 3, 0xffff_ffff_0000_3b81n)).toBe(true);
	});

	test("mappings at a fixed address stop, for they may unmap", () => {
		expect(stops("mmap", 0x1000, 0x1000, 3, 0x32, -1, 0)).toBe(true);
		expect(stops("mmap", 0x1000, 0x1000, 3, 0x22, -1, 0)).toBe(false);
		// MAP_FIXED_NOREPLACE
		expect(stops("mmap", 0x1000, 0x1000, 3, 0x100032, -1, 0)).toBe(false);
		// MADV_DONTNEED drops pages, MADV_WILLNEED does not.
		const dropping = build(arch, { droppedPages: true });
		expect(stopsIn(dropping, "madvise", 0x1000, 0x1000, 4)).toBe(true);
		expect(stopsIn(dropping, "madvise", 0x1000, 0x1000, 3)).toBe(false);
		expect(stops("madvise", 0x1000, 0x1000, 4)).toBe(false);
	});

	test("offsets of VFIO's regions stop on any descriptor, if that is asked for; others and -1 do not", () => {
		const far = build(arch, { onFiles: ["pread64", "preadv2", "read"], farOffsets: ["pread64", "preadv2"] });
		fc.assert(
			fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer({ min: -1, max: 2000 }), (offset, fd) => {
				const ours = fd >= FIRST_FD && fd <= LAST_FD;
				const isFar = offset >= 2n ** 40n;
				expect(stopsIn(far, "pread64", fd, 0x1000, 8, offset)).toBe(ours || isFar);
				expect(stopsIn(far, "preadv2", fd, 0x1000, 8, offset)).toBe(ours || isFar);
				expect(stopsIn(far, "mmap", 0, 0x1000, 1, 1, fd, offset)).toBe(ours || isFar);
				expect(stopsIn(far, "read", fd, 0x1000, 8, offset)).toBe(ours);
				expect(stops("mmap", 0, 0x1000, 1, 1, fd, offset)).toBe(ours);
			}),
		);
	});

	test("mappings of files stop, if that is asked for; others do not", () => {
		const every = build(arch, { fileMappings: true });
		expect(stopsIn(every, "mmap", 0, 0x1000, 1, 1, 3, 0)).toBe(true);
		expect(stopsIn(every, "mmap", 0, 0x1000, 3, 0x22, -1, 0)).toBe(false);
	});

	test("other architectures, x32 and calls that it does not name are let through", () => {
		const nr = arch.numbers.get("openat") as number;
		expect(filtered(filter, arch.audit, nr, [])).toBe(SECCOMP_RET_USER_NOTIF);
		expect(filtered(filter, 0x40000003, nr, [])).toBe(SECCOMP_RET_ALLOW);
		if (arch.foreignFrom !== undefined) expect(filtered(filter, arch.audit, nr + arch.foreignFrom, [])).toBe(SECCOMP_RET_ALLOW);
		fc.assert(
			fc.property(fc.nat({ max: 500 }), (number) => {
				const named = ["openat", "munmap", "read", "close", "dup3", "ioctl", "mmap", "fcntl", "madvise"] as const;
				if (named.some((name) => arch.numbers.get(name) === number)) return;
				expect(filtered(filter, arch.audit, number, Array(6).fill(600n))).toBe(SECCOMP_RET_ALLOW);
			}),
		);
	});
});
