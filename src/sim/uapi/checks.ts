/** The checks of a kernel of an older release: what it does not know. */
import { EINVAL, ENOENT, ENOTTY, EOPNOTSUPP } from "../../kernel/errno.js";
import { check, checks } from "../why/check.js";

/** What a kernel of an older release refuses. */
export const olderChecks = checks("docs/releases.md", {
	bitsTooNew: check(
		EOPNOTSUPP,
		"{field} has bits {bits}, which Linux {release} does not know",
		"bits that the kernel does not know must be zero",
	),
	valueTooNew: check(EOPNOTSUPP, "{field} is {value}, which Linux {release} does not know", "the value must be one that the kernel knows"),
});

/** What a kernel of an older release lacks of VFIO's device files. */
export const olderDeviceChecks = checks("docs/releases.md", {
	callTooNew: check(
		ENOTTY,
		"{call} came with Linux {since}, and this kernel is {release}",
		"the kernel must be new enough to know the call",
	),
	flagsTooNew: check(EINVAL, "flags is {flags:x}, and Linux {release} knows none in this call", "flags must be 0"),
});

/** Device nodes that a kernel of an older release lacks. */
export const olderNodeChecks = checks("docs/releases.md", {
	nodeTooNew: check(
		ENOENT,
		"there is no {path}: device files came with Linux {since}, and this kernel is {release}",
		"the kernel must be new enough to have device files",
	),
});
