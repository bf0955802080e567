/** IOVAs by area index, with which fuzzers name mappings whose place they do not know. */
import type { Area } from "./area.js";

/** The low word of `value` is the index of an area, the high word an offset in that area. Returns the IOVA, 0 if there is no such area. */
export function countedIova(space: { readonly areas: Iterable<Area> }, value: bigint): bigint {
	const nth = Number(value & 0xffffffffn);
	let i = 0;
	for (const area of space.areas) if (i++ === nth) return BigInt.asUintN(64, area.start + (value >> 32n));
	return 0n;
}
