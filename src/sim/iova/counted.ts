/** Addresses by counting: how fuzzers name what is mapped without knowing where it went. */
import type { Area } from "./area.js";

/** `value`'s low word counts the areas of a space, its high word is an offset into that one. 0 where there is no such area. */
export function countedIova(space: { readonly areas: Iterable<Area> }, value: bigint): bigint {
	const nth = Number(value & 0xffffffffn);
	let i = 0;
	for (const area of space.areas) if (i++ === nth) return BigInt.asUintN(64, area.start + (value >> 32n));
	return 0n;
}
