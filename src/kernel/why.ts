/** Why a call failed: the check that it did not pass. Only a kernel that knows its own checks can tell. */
import type { Kernel, Ret } from "./kernel.js";

/** A check that a call did not pass. */
export interface Why {
	/** the call and the check: `ioas-map.iova-reserved` */
	readonly check: string;
	/** what was wrong, with the values */
	readonly text: string;
	/** what would have been right */
	readonly rule: string;
	/** the values of the text by name; 64-bit values as hex strings */
	readonly values: Readonly<Record<string, string | number>>;
	/** where the rule is written, or how it was observed */
	readonly source: string;
	/** another kernel than the one that answered tells it */
	readonly seenBy?: "simulated";
	/** the check behind it, where one caused the other */
	readonly because?: Why;
}

/** A kernel that tells why. */
export interface Explains {
	/** Why the last call answered `ret`, a negative errno. undefined: it does not know. */
	why(ret: Ret | bigint): Why | undefined;
	/** What the last call did that its answer does not show, such as a page request that was answered INVALID. */
	notes(): readonly Why[];
}

/** Why the last call, which was this one (`read`), answered `ret`; undefined if the kernel cannot tell, or its last call was another. */
export function reasonOf(kernel: Kernel, call: string, ret: Ret): Why | undefined {
	const why = ret < 0 && explains(kernel) ? kernel.why(ret) : undefined;
	return why?.check.startsWith(`${call}.`) ? why : undefined;
}

/** In lines for people: what was wrong, what would have been right, and what led to it. `paint` is for the label of each. */
export function whyLines({ check, text, rule, seenBy, because }: Why, paint = (label: string): string => label): string[] {
	const label = seenBy === undefined ? "why:" : "why, as the simulated kernel sees it:";
	const led = because ? whyLines(because, paint).map((line) => `  ${line}`) : [];
	return [`${paint(label)} ${check}: ${text}`, `     ${rule}`, ...led];
}

/** Whether `kernel` can tell why; the real kernel cannot. */
export function explains(kernel: Kernel): kernel is Kernel & Explains {
	return "why" in kernel;
}
