/** The checks of an address space: where mappings can be. */
import { EEXIST, EINVAL, ENOMEM } from "../../kernel/errno.js";
import { check, checks } from "../why/check.js";

/** The length of a mapping. */
export const lengthChecks = checks("mmap(2)", { lengthZero: check(EINVAL, "length is {length}", "length must be at least 1") });

/** Placing a mapping. */
export const mappingChecks = checks("mmap(2)", {
	addressAlignment: check(EINVAL, "addr {addr} is not a multiple of 0x1000", "addr must be a multiple of the page size"),
	noGap: check(ENOMEM, "no gap of {length} bytes is left in the address space", "the address space must have room for the mapping"),
	hugeAlignment: check(EINVAL, "addr {addr} is not a multiple of {size}", "huge pages must be mapped at a multiple of their size"),
	addressEnd: check(ENOMEM, "{length} bytes from addr {addr} end beyond {end}", "the mapping must lie in user space"),
	tooManyMappings: check(ENOMEM, "the process has {count} mappings, the most that it may have", "vm.max_map_count limits the mappings"),
	addressMapped: check(
		EEXIST,
		"{start}-{last} is mapped already",
		"nothing may be mapped in the range: a mapping does not replace another (MAP_FIXED_NOREPLACE)",
	),
});

/** Unmapping. */
export const unmappingChecks = checks("munmap(2)", {
	addressAlignment: check(EINVAL, "addr {addr} is not a multiple of 0x1000", "addr must be a multiple of the page size"),
	lengthZero: check(EINVAL, "length is {length}", "length must be at least 1"),
	addressEnd: check(EINVAL, "{length} bytes from addr {addr} end beyond {end}", "the range must lie in user space"),
	hugeCut: check(EINVAL, "{length} bytes from addr {addr} cut a huge page of {size} bytes", "huge pages must be unmapped as a whole"),
});
