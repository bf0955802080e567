/** The checks of a kernel of an older release: what it does not know. */
import { EOPNOTSUPP } from "../../kernel/errno.js";
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
