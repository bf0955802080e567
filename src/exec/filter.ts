/** Builds the seccomp filter: which system calls of a program stop and wait for an answer. */
import { MADV_DONTNEED } from "../kernel/kernel.js";
import type { Arch, SyscallName } from "./arch.js";

/** Descriptors of simulated files are in this range (inclusive): low enough for select, and high enough to be told apart. */
export const FIRST_FD = 512;
export const LAST_FD = 1011;

/** Whether calls on a descriptor stop because of its number. */
export const inRange = (fd: number): boolean => fd >= FIRST_FD && fd <= LAST_FD;

export const SECCOMP_RET_ALLOW = 0x7fff0000;
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000;

/** The type byte of iommufd's and VFIO's requests. */
const IOCTL_TYPE = 0x3b;
/** F_DUPFD and F_DUPFD_CLOEXEC */
const DUPS = [0, 1030];
const MAP_FIXED = 0x10;
const MAP_FIXED_NOREPLACE = 0x100000;

/** What stops besides what concerns descriptors of simulated files. */
export interface FilterOptions {
	/** SECCOMP_RET_USER_NOTIF, or SECCOMP_RET_TRACE with data */
	readonly action: number;
	/** calls that always stop */
	readonly always: readonly SyscallName[];
	/** ioctl requests that stop besides those of iommufd and VFIO */
	readonly requests?: readonly number[];
	/** calls whose first argument is a descriptor, which stop if it is in the range of simulated files */
	readonly onFiles: readonly SyscallName[];
	/** the same where either of the first two arguments is one */
	readonly onEither: readonly SyscallName[];
	/** MAP_FIXED, which may unmap other memory, stops too */
	readonly fixedMappings: boolean;
	/** MADV_DONTNEED, which drops pages, stops */
	readonly droppedPages?: boolean;
	/** pread and its relatives, which also stop on any descriptor at an offset that only VFIO's regions have; so does mmap */
	readonly farOffsets?: readonly SyscallName[];
	/** mappings of any file stop */
	readonly fileMappings?: boolean;
}

/**
 * VFIO's regions begin at multiples of this (bytes): the offsets of ordinary files stay below it, so that a call at an offset
 * from here on is worth a look whatever its descriptor is.
 */
const FAR_SHIFT = 40;
const FIRST_FAR = 2 ** (FAR_SHIFT - 32);
const LAST_POSITIVE = 0x7fffffff;

/** Offsets in struct seccomp_data; of an argument its low 32 bits. */
const NR = 0;
const ARCH = 4;
const argument = (index: number): number => 16 + 8 * index;

const LD_W_ABS = 0x20;
const JEQ = 0x15;
const JGT = 0x25;
const JGE = 0x35;
const JSET = 0x45;
const AND = 0x54;
const RET = 0x06;

interface Instruction {
	readonly code: number;
	readonly k: number;
	/** labels, or undefined for the next instruction */
	readonly yes?: string;
	readonly no?: string;
}

/** One `struct sock_filter` after another, 8 bytes each. */
export function buildFilter(arch: Arch, options: FilterOptions): Uint8Array {
	const program: Instruction[] = [];
	const labels = new Map<string, number>();
	const emit = (code: number, k: number, yes?: string, no?: string): void => {
		program.push({ code, k, yes, no });
	};
	let fresh = 0;
	/** The instructions of one call; they end in a return. */
	const on = (name: SyscallName, body: () => void): void => {
		const number = arch.numbers.get(name);
		if (number === undefined) return;
		const next = `next${fresh++}`;
		emit(JEQ, number, undefined, next);
		body();
		labels.set(next, program.length);
	};
	const stop = (): void => emit(RET, options.action);
	const allow = (): void => emit(RET, SECCOMP_RET_ALLOW);
	/** Stops if a word is in a range (inclusive); goes on otherwise. */
	const stopWithin = (at: number, first: number, last: number): void => {
		const next = `next${fresh++}`;
		emit(LD_W_ABS, at);
		emit(JGE, first, undefined, next);
		emit(JGT, last, next, undefined);
		stop();
		labels.set(next, program.length);
	};
	/** Stops if the argument is a simulated file's descriptor. */
	const stopIfOurs = (index: number): void => stopWithin(argument(index), FIRST_FD, LAST_FD);
	/** Stops if the argument is an offset of a VFIO region. */
	const stopIfFar = (index: number): void => stopWithin(argument(index) + 4, FIRST_FAR, LAST_POSITIVE);

	emit(LD_W_ABS, ARCH);
	emit(JEQ, arch.audit, "known", undefined);
	allow();
	labels.set("known", program.length);
	emit(LD_W_ABS, NR);
	if (arch.foreignFrom !== undefined) {
		emit(JGE, arch.foreignFrom, undefined, "native");
		allow();
		labels.set("native", program.length);
	}
	on("ioctl", () => {
		emit(LD_W_ABS, argument(1));
		for (const request of options.requests ?? []) {
			const next = `next${fresh++}`;
			emit(JEQ, request, undefined, next);
			stop();
			labels.set(next, program.length);
		}
		emit(AND, 0xff00);
		emit(JEQ, IOCTL_TYPE << 8, undefined, "otherIoctl");
		stop();
		labels.set("otherIoctl", program.length);
		allow();
	});
	// A dup gets a number of the range, too, so that what is read and written through it stops.
	on("fcntl", () => {
		for (const command of DUPS) {
			const next = `next${fresh++}`;
			emit(LD_W_ABS, argument(1));
			emit(JEQ, command, undefined, next);
			stopIfOurs(0);
			labels.set(next, program.length);
		}
		allow();
	});
	on("mmap", () => {
		if (options.fixedMappings) {
			emit(LD_W_ABS, argument(3));
			emit(JSET, MAP_FIXED_NOREPLACE, "mapped", undefined);
			emit(JSET, MAP_FIXED, undefined, "mapped");
			stop();
			labels.set("mapped", program.length);
		}
		if (options.fileMappings) stopWithin(argument(4), 0, LAST_POSITIVE);
		else stopIfOurs(4);
		if (options.farOffsets !== undefined) stopIfFar(5);
		allow();
	});
	if (options.droppedPages)
		on("madvise", () => {
			emit(LD_W_ABS, argument(2));
			emit(JEQ, MADV_DONTNEED, undefined, "keptPages");
			stop();
			labels.set("keptPages", program.length);
			allow();
		});
	for (const name of options.onFiles)
		on(name, () => {
			stopIfOurs(0);
			if (options.farOffsets?.includes(name)) stopIfFar(3);
			allow();
		});
	for (const name of options.onEither)
		on(name, () => {
			stopIfOurs(0);
			stopIfOurs(1);
			allow();
		});
	for (const name of options.always) on(name, stop);
	allow();
	return encode(program, labels);
}

function encode(program: readonly Instruction[], labels: ReadonlyMap<string, number>): Uint8Array {
	const bytes = new Uint8Array(program.length * 8);
	const view = new DataView(bytes.buffer);
	program.forEach(({ code, k, yes, no }, at) => {
		const jump = (label: string | undefined): number => {
			const distance = label === undefined ? 0 : (labels.get(label) ?? Number.NaN) - at - 1;
			if (!(distance >= 0 && distance <= 255)) throw new RangeError(`a jump to ${label} is out of range`);
			return distance;
		};
		view.setUint16(at * 8, code, true);
		view.setUint8(at * 8 + 2, jump(yes));
		view.setUint8(at * 8 + 3, jump(no));
		view.setUint32(at * 8 + 4, k, true);
	});
	return bytes;
}
