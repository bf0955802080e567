/** The checks of what in-kernel users of an IOAS do: pin pages and copy data. */
import { EFAULT, EINVAL, ENOENT, EOVERFLOW, EPERM } from "../../../kernel/errno.js";
import { pinChecks } from "../../iova/checks.js";
import { check, checks } from "../../why/check.js";
import { noMemory } from "./objects.js";

const SOURCE = "observed on Linux 7.3.4";
const mapped = "the range must be mapped without a gap";
const detached = "the access must be attached to an IOAS";
const unmapping = "nothing can be pinned or copied while an unmap waits";

/** A part of the range, in one area. */
export const pinPartChecks = checks(SOURCE, {
	pinClosing: check(EINVAL, "the area {start}-{last} is being unmapped", unmapping),
	pinStart: check(
		EINVAL,
		"iova {iova} is byte {offset:x} of its page in memory",
		"only a range whose parts begin at the start of a page can be pinned",
	),
	pinPartEnd: check(
		EINVAL,
		"the range goes on after the area {start}-{last}, which ends within a page of its memory",
		"only whole pages can follow each other in a range that is pinned",
	),
	pinProtection: check(EPERM, "the area {start}-{last} cannot be {done}", "the mapping must be readable, and to write writable"),
	pages: pinChecks,
});

/** Pinning. */
export const accessPinChecks = checks(SOURCE, {
	pinLength: check(EINVAL, "length is 0", "length must be at least 1"),
	pinRangeEnd: check(EOVERFLOW, "{length} bytes from iova {iova} end beyond 2^64", "the range must end below 2^64"),
	pinDetached: check(ENOENT, "access {access} is not attached to an IOAS", detached),
	pinGap: check(ENOENT, "nothing is mapped at iova {iova}", mapped),
	pinList: noMemory,
	part: pinPartChecks,
});

/** Copying a part of the range, in one area. */
export const copyPartChecks = checks(SOURCE, {
	copyFault: check(EFAULT, "memory at {address} cannot be {done}: {fault}", "the memory behind the mapping must still be there"),
	pages: pinChecks,
});

/** Copying. */
export const accessCopyChecks = checks(SOURCE, {
	copyLength: check(EINVAL, "length is 0", "length must be at least 1"),
	copyEnd: check(EOVERFLOW, "{length} bytes from iova {iova} end beyond 2^64", "the range must end below 2^64"),
	copyDetached: check(ENOENT, "access {access} is not attached to an IOAS", detached),
	copyGap: check(ENOENT, "nothing is mapped at iova {iova}", mapped),
	copyClosing: check(EINVAL, "the area {start}-{last} is being unmapped", unmapping),
	copyProtection: check(EPERM, "the area {start}-{last} cannot be {done}", "the mapping must be readable, and to write writable"),
	part: copyPartChecks,
});
