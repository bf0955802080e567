/** The seccomp filters of a recorded program: which of its calls stop. */
import type { Arch, SyscallName } from "../exec/arch.js";

const RET_ALLOW = 0x7fff0000;
const RET_TRACE = 0x7ff00000;

/** The type byte of iommufd's and VFIO's requests. */
const IOCTL_TYPE = 0x3b;
const O_ACCMODE = 3;
const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;
/** the first number that is not a descriptor, but a negative one */
const NEGATIVE = 0x80000000;
const MAP_FIXED = 0x10;
const MAP_FIXED_NOREPLACE = 0x100000;

const LD_W_ABS = 0x20;
const JEQ = 0x15;
const JGE = 0x35;
const JSET = 0x45;
const AND = 0x54;
const RET = 0x06;

/** Offsets in struct seccomp_data; of an argument its low 32 bits. */
const NR = 0;
const ARCH = 4;
const argument = (index: number): number => 16 + 8 * index;

/** code, jump if true, jump if false, operand */
type Instruction = readonly [code: number, yes: number, no: number, k: number];

const load = (at: number): Instruction => [LD_W_ABS, 0, 0, at];
const ret = (action: number): Instruction => [RET, 0, 0, action];
const stop = ret(RET_TRACE);
const allow = ret(RET_ALLOW);

/** For each call what decides over it: a piece that ends in a return. */
type Rules = Partial<Record<SyscallName, readonly Instruction[]>>;

/** One `struct sock_filter` after another, 8 bytes each. */
function encode(arch: Arch, rules: Rules): Uint8Array {
	const program: Instruction[] = [load(ARCH), [JEQ, 1, 0, arch.audit], allow, load(NR)];
	if (arch.foreignFrom !== undefined) program.push([JGE, 0, 1, arch.foreignFrom], allow);
	for (const [name, body] of Object.entries(rules)) {
		const number = arch.numbers.get(name as SyscallName);
		if (number !== undefined) program.push([JEQ, 0, body.length, number], ...body);
	}
	program.push(allow);
	const bytes = new Uint8Array(program.length * 8);
	const view = new DataView(bytes.buffer);
	program.forEach(([code, yes, no, k], i) => {
		view.setUint16(i * 8, code, true);
		view.setUint8(i * 8 + 2, yes);
		view.setUint8(i * 8 + 3, no);
		view.setUint32(i * 8 + 4, k, true);
	});
	return bytes;
}

/** If the argument is this value: stop. */
const stopIf = (index: number, value: number): readonly Instruction[] => [load(argument(index)), [JEQ, 0, 1, value], stop];

/** Stops if a file is not opened for reading only: libraries and configuration never cost anything. */
const opensForWriting = (flags: number): readonly Instruction[] => [load(argument(flags)), [JSET, 0, 1, O_ACCMODE], stop, allow];

/** What every program starts with: requests of iommufd and VFIO on any file, and files opened for writing. */
export function baseFilter(arch: Arch): Uint8Array {
	return encode(arch, {
		ioctl: [load(argument(1)), [AND, 0, 0, 0xff00], [JEQ, 0, 1, IOCTL_TYPE << 8], stop, allow],
		open: opensForWriting(1),
		openat: opensForWriting(2),
		openat2: [stop],
	});
}

/** Stops if the argument is one of the descriptors from this one on. */
const stopFrom = (index: number, first: number): readonly Instruction[] => [
	load(argument(index)),
	[JGE, 0, 2, first],
	[JGE, 1, 0, NEGATIVE],
	stop,
];

/** What a process gets besides once one of our files has this descriptor. */
export function fileFilter(arch: Arch, fd: number): Uint8Array {
	return descriptors(arch, (index) => stopIf(index, fd), [load(argument(0)), [JEQ, 1, 0, fd], allow]);
}

/** The same for all descriptors from this one on: of many files, as each filter costs every call, and a process may not have any number. */
export function filesFilter(arch: Arch, first: number): Uint8Array {
	return descriptors(arch, (index) => stopFrom(index, first), [load(argument(0)), [JGE, 1, 0, first], allow]);
}

/** `stops`: stops if this argument is such a descriptor; `others`: lets a call on any other pass. */
function descriptors(arch: Arch, stops: (index: number) => readonly Instruction[], others: readonly Instruction[]): Uint8Array {
	const first = [...stops(0), allow];
	const either = [...stops(0), ...stops(1), allow];
	return encode(arch, {
		read: first,
		write: first,
		pread64: first,
		pwrite64: first,
		readv: first,
		writev: first,
		preadv: first,
		pwritev: first,
		preadv2: first,
		pwritev2: first,
		close: first,
		dup: first,
		dup2: either,
		dup3: either,
		fcntl: [...others, ...stopIf(1, F_DUPFD), ...stopIf(1, F_DUPFD_CLOEXEC), allow],
		mmap: [...stops(4), allow],
		close_range: [stop],
	});
}

/** What a process gets besides once it has a file with events: which files a poll names, a filter cannot see. */
export function pollFilter(arch: Arch): Uint8Array {
	return encode(arch, { poll: [stop], ppoll: [stop] });
}

/** What a process gets besides once memory of its own is mapped for a device: what may unmap it. */
export function memoryFilter(arch: Arch): Uint8Array {
	return encode(arch, {
		munmap: [stop],
		mremap: [stop],
		mmap: [load(argument(3)), [JSET, 0, 1, MAP_FIXED_NOREPLACE], allow, [JSET, 0, 1, MAP_FIXED], stop, allow],
	});
}
