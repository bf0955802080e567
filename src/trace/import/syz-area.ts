/** The data area of syzkaller's programs: where it is, and which of the places a program was written for. */
import { SYZ_BASE, SYZ_SIZE } from "../export/syz-calls.js";
import type { SyzArg, SyzLine } from "./syz-parse.js";

/** On 64-bit machines since 2025. */
const AREA = 0x200000000000n;
/** Before, and today on 32-bit machines and arm64. */
const OLD_AREA = 0x20000000n;

/** Where a program's data area has to be: its numbers may be addresses there. */
export function areaOf(lines: readonly SyzLine[]): bigint {
	const numbers = lines.flatMap(({ args }) => args.flatMap(numbersOf));
	const inside = (area: bigint) => numbers.some((value) => value >= area && value < area + SYZ_SIZE);
	return inside(OLD_AREA) && !inside(AREA) ? OLD_AREA : AREA;
}

function numbersOf(arg: SyzArg): bigint[] {
	if (arg.kind === "number") return [arg.value];
	if (arg.kind === "list") return arg.items.flatMap(numbersOf);
	return "arg" in arg && arg.arg !== undefined ? numbersOf(arg.arg) : [];
}

/** Data without an address of its own goes into the area's last quarter. */
const AUTO_FROM = (SYZ_SIZE / 4n) * 3n;

/** Places a program's pointers in the area. */
export class DataArea {
	#auto = AUTO_FROM;
	readonly base: bigint;

	constructor(base: bigint) {
		this.base = base;
	}

	/** The address of a pointer to `length` bytes; undefined: there is no room left. Only addresses in the data area are moved. */
	address(addr: bigint | undefined, length: number): bigint | undefined {
		if (addr !== undefined) return addr >= SYZ_BASE && addr < SYZ_BASE + SYZ_SIZE ? addr - SYZ_BASE + this.base : addr;
		const at = this.#auto;
		const end = at + ((BigInt(Math.max(length, 1)) + 15n) & ~15n);
		if (end > SYZ_SIZE) return undefined;
		this.#auto = end;
		return this.base + at;
	}
}
