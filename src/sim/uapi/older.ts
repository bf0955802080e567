/** How an older kernel differs in one call: the size of its struct, and the fields, flags and values that it does not know. */
import type { FieldInfo } from "../../../structs/index.js";
import type { Ret } from "../../kernel/kernel.js";
import type { ReleaseRule as Rule } from "../../kernel/release-rule.js";
import type { Reasons } from "../why/reasons.js";
import { olderChecks } from "./checks.js";

/** Bits of a field, and the rule about them. */
export interface Bits {
	readonly rule: Rule;
	readonly field: FieldInfo;
	readonly mask: bigint;
	/** refuses only this value of the bits rather than any that is not zero */
	readonly value?: bigint;
}

/** How an older kernel differs in one call. */
export interface Older {
	readonly release: string;
	/** bytes of the struct that it knows */
	readonly size: number;
	/** the fewest bytes that it takes */
	readonly minSize: number;
	/** why `size` is less than now, where it is */
	readonly growth?: Rule;
	/** bits that it does not know: EOPNOTSUPP before anything else is looked at */
	readonly refused: readonly Bits[];
	/** the same, but only looked at once the objects are found: flags, and after them types */
	readonly lateFlags: readonly Bits[];
	readonly lateTypes: readonly Bits[];
	/** bits that it answers as zero */
	readonly hidden: readonly Bits[];
	/** tells that a rule made the answer differ */
	readonly note: (rule: Rule) => void;
}

function read({ offset, size }: FieldInfo, view: DataView): bigint {
	if (size === 8) return view.getBigUint64(offset, true);
	return BigInt(size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset));
}

/** -EOPNOTSUPP for flags, reserved fields and values that the older kernel does not know. */
export function refuse({ note, release }: Older, refused: readonly Bits[], view: DataView, reasons: Reasons): Ret {
	for (const { field, mask, value, rule } of refused) {
		const bits = read(field, view) & mask;
		if (value === undefined ? bits === 0n : bits !== value) continue;
		note(rule);
		return value === undefined
			? reasons.fail(olderChecks.bitsTooNew, field.path, bits, release)
			: reasons.fail(olderChecks.valueTooNew, field.path, value, release);
	}
	return 0;
}

/** Zeroes the bits of an answer that the older kernel does not report. */
export function hide({ hidden, note }: Older, view: DataView): void {
	for (const { field, mask, rule } of hidden) {
		const whole = read(field, view);
		const kept = whole & ~mask;
		if (kept === whole) continue;
		note(rule);
		if (field.size === 8) view.setBigUint64(field.offset, kept, true);
		else if (field.size === 4) view.setUint32(field.offset, Number(kept), true);
		else view.setUint8(field.offset, Number(kept));
	}
}
