/** Names of seals and of advice, as commands and scripts spell them: the kernel's in small letters, with dashes. */
import {
	F_SEAL_EXEC,
	F_SEAL_FUTURE_WRITE,
	F_SEAL_GROW,
	F_SEAL_SEAL,
	F_SEAL_SHRINK,
	F_SEAL_WRITE,
	MADV_DONTNEED,
	MADV_POPULATE_READ,
	MADV_POPULATE_WRITE,
} from "./kernel.js";

/** F_SEAL_ numbers, from the lowest bit on. */
export const SEALS: Readonly<Record<string, number>> = {
	seal: F_SEAL_SEAL,
	shrink: F_SEAL_SHRINK,
	grow: F_SEAL_GROW,
	write: F_SEAL_WRITE,
	"future-write": F_SEAL_FUTURE_WRITE,
	exec: F_SEAL_EXEC,
};

/** MADV_ numbers of Linux, those that need no privilege and hold for whole mappings or pages. */
export const ADVICE: Readonly<Record<string, number>> = {
	normal: 0,
	random: 1,
	sequential: 2,
	willneed: 3,
	dontneed: MADV_DONTNEED,
	free: 8,
	hugepage: 14,
	nohugepage: 15,
	cold: 20,
	pageout: 21,
	"populate-read": MADV_POPULATE_READ,
	"populate-write": MADV_POPULATE_WRITE,
};

/** The seals of a set by their names, and the bits that have none. */
export function namedSeals(set: number): { readonly names: readonly string[]; readonly rest: number } {
	const known = Object.entries(SEALS).filter(([, bit]) => (set & bit) !== 0);
	return { names: known.map(([name]) => name), rest: known.reduce((rest, [, bit]) => rest - bit, set) };
}

/** The name of a piece of advice; undefined if it has none. */
export const adviceName = (number: number): string | undefined => Object.keys(ADVICE).find((name) => ADVICE[name] === number);
