/** Numbers of system calls by architecture. */

/** [x86-64, arm64]; undefined: that architecture does not have the call */
const NUMBERS = {
	access: [21, undefined],
	capget: [125, 90],
	close: [3, 57],
	close_range: [436, 436],
	dup: [32, 23],
	dup2: [33, undefined],
	dup3: [292, 24],
	epoll_create1: [291, 20],
	epoll_ctl: [233, 21],
	epoll_pwait: [281, 22],
	execve: [59, 221],
	execveat: [322, 281],
	exit_group: [231, 94],
	faccessat: [269, 48],
	faccessat2: [439, 439],
	fcntl: [72, 25],
	fstat: [5, 80],
	ftruncate: [77, 46],
	getxattr: [191, 8],
	inotify_add_watch: [254, 27],
	inotify_init1: [294, 26],
	inotify_rm_watch: [255, 28],
	ioctl: [16, 29],
	lgetxattr: [192, 9],
	listxattr: [194, 11],
	llistxattr: [195, 12],
	lseek: [8, 62],
	lstat: [6, undefined],
	kcmp: [312, 272],
	madvise: [28, 233],
	memfd_create: [319, 279],
	mmap: [9, 222],
	mremap: [25, 216],
	munmap: [11, 215],
	newfstatat: [262, 79],
	open: [2, undefined],
	openat: [257, 56],
	openat2: [437, 437],
	pidfd_getfd: [438, 438],
	pidfd_open: [434, 434],
	prctl: [157, 167],
	poll: [7, undefined],
	ppoll: [271, 73],
	pread64: [17, 67],
	preadv: [295, 69],
	preadv2: [327, 286],
	prlimit64: [302, 261],
	process_vm_readv: [310, 270],
	process_vm_writev: [311, 271],
	ptrace: [101, 117],
	pwrite64: [18, 68],
	pwritev: [296, 70],
	pwritev2: [328, 287],
	read: [0, 63],
	readlink: [89, undefined],
	readlinkat: [267, 78],
	readv: [19, 65],
	rt_sigaction: [13, 134],
	rt_sigprocmask: [14, 135],
	seccomp: [317, 277],
	socketpair: [53, 199],
	stat: [4, undefined],
	statx: [332, 291],
	tgkill: [234, 131],
	wait4: [61, 260],
	write: [1, 64],
	writev: [20, 66],
} as const;

export type SyscallName = keyof typeof NUMBERS;

/** What differs between the architectures that programs can be run on. */
export interface Arch {
	/** Node's name for it */
	readonly name: string;
	/** as the kernel tells a filter */
	readonly audit: number;
	/** from this number on they are calls of another ABI (x32) */
	readonly foreignFrom?: number;
	/** bytes of struct epoll_event, and where its data begins */
	readonly epollEvent: { readonly size: number; readonly data: number };
	readonly numbers: ReadonlyMap<SyscallName, number>;
	readonly names: ReadonlyMap<number, SyscallName>;
}

function arch(name: string, column: 0 | 1, rest: Pick<Arch, "audit" | "foreignFrom" | "epollEvent">): Arch {
	const rows = Object.entries(NUMBERS) as [SyscallName, readonly [number | undefined, number | undefined]][];
	const known = rows.flatMap(([call, row]): [SyscallName, number][] => {
		const number = row[column];
		return number === undefined ? [] : [[call, number]];
	});
	return { name, ...rest, numbers: new Map(known), names: new Map(known.map(([call, number]) => [number, call])) };
}

export const ARCHES: readonly Arch[] = [
	arch("x64", 0, { audit: 0xc000003e, foreignFrom: 0x40000000, epollEvent: { size: 12, data: 4 } }),
	arch("arm64", 1, { audit: 0xc00000b7, epollEvent: { size: 16, data: 8 } }),
];

/** The architecture by Node's name; undefined: none that programs can be run on. */
export function archNamed(name: string): Arch | undefined {
	return ARCHES.find((each) => each.name === name);
}
