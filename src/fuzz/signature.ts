/** What makes two findings the same: the call, both answers and the check, but not the values. */
import { formatValue } from "../../structs/index.js";
import type { Answer, Step } from "../trace/index.js";
import { errnoName, leavesOf, wholeStruct } from "../trace/index.js";
import { callName } from "./board.js";
import type { Difference } from "./sides.js";

/** What may leak. */
export const LEAKS = ["objects", "open files", "locked memory", "slab", "a file without a number", "unreferenced memory"] as const;

export interface Signature {
	readonly kind: "answer" | "warning" | "leak";
	/** the call that was answered differently; of a warning, the function that it names; of a leak, what leaks */
	readonly call: string;
	/** an errno's name, `ok`, or what else came */
	readonly left?: string;
	readonly right?: string;
	/** why the simulated kernel answers so: a check of its contract */
	readonly check?: string;
	/** the fields that differ, where both succeed or both fail alike */
	readonly fields?: readonly string[];
	/** the rule of a release that makes the difference: what else differs does not matter then */
	readonly rule?: string;
}

/** The signature as one word, for look-ups. */
export function signatureKey({ kind, call, left, right, check, fields, rule }: Signature): string {
	if (rule !== undefined) return `${kind}|rule ${rule}`;
	return [kind, call, left, right, check, fields?.join()].map((part) => part ?? "").join("|");
}

export function signatureOf({ step, left, right, rule }: Difference): Signature {
	const call = step === undefined ? "end" : callName(step);
	const [one, other] = [outcome(left), outcome(right)];
	const check = left.why?.check ?? right.why?.check;
	const fields = one === other && step !== undefined ? unlike(step, left, right) : [];
	return {
		kind: "answer",
		call,
		left: one,
		right: other,
		...(check !== undefined && { check }),
		...(fields.length > 0 && { fields }),
		...(rule !== undefined && { rule }),
	};
}

function outcome({ ret, note, revents }: Answer): string {
	if (ret !== undefined) return ret < 0 ? errnoName(-ret) : "ok";
	if (revents !== undefined) return revents.join("|") || "no events";
	return note === undefined || note === "success" ? "ok" : note.startsWith("a crash") ? "crash" : note.replaceAll(/0x[0-9a-f]+/g, "...");
}

function unlike(step: Step, left: Answer, right: Answer): string[] {
	const fields = left.ret === right.ret ? [] : ["ret"];
	if (left.bytes === right.bytes) return fields;
	const [one, other] = [left.bytes, right.bytes].map((bytes) =>
		step.op === "ioctl" && bytes !== undefined ? wholeStruct(step, bytes) : undefined,
	);
	if (one === undefined || other === undefined) return [...fields, "bytes"];
	const others = new Map(leavesOf(other.type, other.values).map(({ field, value }) => [field.path, formatValue(field, value)]));
	return [
		...fields,
		...leavesOf(one.type, one.values)
			.filter(({ field, value }) => others.get(field.path) !== formatValue(field, value))
			.map(({ field }) => field.path),
	];
}

/** Of a line of the kernel's log: without what differs from boot to boot. */
export function warningSignature(line: string): Signature {
	const named = /\bat ([\w.]+)\+/.exec(line)?.[1] ?? /\bin ([\w.]+)\+/.exec(line)?.[1];
	// What the compiler made of the function differs from build to build.
	const at = named?.replaceAll(/\.(?:constprop|isra|part|cold)(?:\.\d+)*/g, "");
	const what = (/\bK(?:A|C|M)SAN: [\w-]+/.exec(line) ?? /\b(?:WARNING|BUG|UBSAN|INFO|Oops)\b[^:]*/.exec(line))?.[0] ?? "warning";
	return { kind: "warning", call: at ?? line.replaceAll(/0x[0-9a-f]+|\d+/g, "N").slice(0, 80), right: what.trim() };
}
