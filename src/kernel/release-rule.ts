/** Why an answer is that of another release of the kernel. */
import type { Kernel } from "./kernel.js";

/** Something that a release of the kernel changed. */
export interface ReleaseRule {
	/** what and where: `hwpt-invalidate.wrong-type`, or the name of a call, flag or operation */
	readonly name: string;
	/** the first release with the change; undefined: not known */
	readonly since: string | undefined;
	/** older long-term kernels that have it all the same */
	readonly also?: readonly string[];
	/** what the releases before it do */
	readonly before: string;
	/** for a fix: the first 12 digits of the commit, where it is known, and what it fixes */
	readonly fix?: string;
}

/** A kernel that can be of another release, and tells where that makes a difference. */
export interface TellsRules {
	/** The rules by which answers differed from the current release's since the last time that this was asked. */
	takeRules(): readonly ReleaseRule[];
}

export function tellsRules(kernel: Kernel): kernel is Kernel & TellsRules {
	return "takeRules" in kernel;
}

/** `selftest.page-tables (since Linux 6.19; before: ...)` */
export function describeRule({ name, since, before, fix }: ReleaseRule): string {
	const when = since === undefined ? "the release is not known" : `${fix ? "fixed in" : "since"} Linux ${since}`;
	return `${name} (${when}${fix ? `: ${fix}` : ""}); before, ${before}`;
}
