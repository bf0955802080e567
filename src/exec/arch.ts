/** The architectures that programs can be run on. */
import { numberOf, type SyscallName, syscallNames } from "../kernel/syscall-numbers.js";

export type { SyscallName } from "../kernel/syscall-numbers.js";

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

function arch(name: string, rest: Pick<Arch, "audit" | "foreignFrom" | "epollEvent">): Arch {
	const known = syscallNames.flatMap((call): [SyscallName, number][] => {
		const number = numberOf(call, name);
		return number === undefined ? [] : [[call, number]];
	});
	return { name, ...rest, numbers: new Map(known), names: new Map(known.map(([call, number]) => [number, call])) };
}

export const ARCHES: readonly Arch[] = [
	arch("x64", { audit: 0xc000003e, foreignFrom: 0x40000000, epollEvent: { size: 12, data: 4 } }),
	arch("arm64", { audit: 0xc00000b7, epollEvent: { size: 16, data: 8 } }),
];

/** The architecture by Node's name; undefined: none that programs can be run on. */
export function archNamed(name: string): Arch | undefined {
	return ARCHES.find((each) => each.name === name);
}
