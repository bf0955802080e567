/** What a round's calls answered, in words and for conditions: what a caller can see, without what differs from run to run. */
import type { FieldInfo, StructType } from "../../structs/index.js";
import { errnoName } from "../kernel/errno.js";
import { requestStruct } from "../trace/requests.js";
import { leavesOf } from "../trace/tools/fields.js";
import type { Call, LitmusTest, Part } from "./test.js";

/** A call's answer as it came. */
export interface Answer {
	readonly ret: number;
	/** what the kernel left in the call's bytes */
	readonly bytes: Uint8Array;
}

/** A line's answer. */
export interface Entry {
	/** `a.1`: the thread and its line, from 1 */
	readonly label: string;
	/** `ok`, `ok length=0x1000` or an errno's name */
	readonly text: string;
	readonly errno: number;
	/** numbers by field name */
	readonly fields: Readonly<Record<string, bigint>>;
}

/** What one order of a test's calls, or one round, answers. */
export interface Outcome {
	/** of the threads, then of `finally` */
	readonly entries: readonly Entry[];
}

/** Two outcomes are the same if their keys are. */
export const outcomeKey = ({ entries }: Outcome): string => entries.map(({ label, text }) => `${label} ${text}`).join("; ");

/** The answer of one call, in words. */
export function callText(
	test: LitmusTest,
	call: Call,
	{ ret, bytes }: Answer,
	slots: BigInt64Array,
): { text: string; fields: Record<string, bigint> } {
	const shown: string[] = [];
	const fields: Record<string, bigint> = { ret: BigInt(ret) };
	if (call.op === "ioctl") structFields(test, call, bytes, slots, shown, fields);
	if (ret < 0) return { text: [errnoName(-ret), ...shown].join(" "), fields };
	if (call.op === "poll") shown.push(`revents=0x${ret.toString(16)}`);
	else if (call.op === "ioctl" ? ret > 0 && call.makes === undefined : /read|write/.test(call.op)) shown.push(`ret=${ret}`);
	if (/read/.test(call.op) && ret > 0 && call.addr === undefined) shown.push(`data=${hex(bytes.subarray(0, ret))}`);
	if (call.op === "peek") shown.push(`data=${hex(bytes)}`);
	return { text: ["ok", ...shown].join(" "), fields };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The fields that the call changed; of IDs, those that the setup made are named. */
function structFields(
	test: LitmusTest,
	call: Call,
	bytes: Uint8Array,
	slots: BigInt64Array,
	shown: string[],
	fields: Record<string, bigint>,
): void {
	const type = structOf(call);
	if (type === undefined || call.bytes === undefined) return;
	const before = new Uint8Array(call.bytes);
	// What came from a slot is no change.
	for (const { offset, size } of call.puts) before.set(bytes.subarray(offset, offset + size), offset);
	const was = new Map(leavesOf(type, type.decode(before) as Values).map(({ field, value }) => [field, value]));
	for (const { field, value } of leavesOf(type, type.decode(bytes) as Values)) {
		if (typeof value !== "number" && typeof value !== "bigint") continue;
		fields[field.path] = BigInt(value);
		fields[field.name] ??= BigInt(value);
		if (was.get(field) === value || !isSeen(test, call, field)) continue;
		shown.push(
			`${field.path}=${isId(field) ? idText(test, BigInt(value), slots) : `0x${BigInt.asUintN(8 * field.size, BigInt(value)).toString(16)}`}`,
		);
	}
}

/** The struct that an ioctl's bytes are, if they are exactly one. */
export function structOf({ name, bytes }: Call): StructType | undefined {
	const type = name === undefined ? undefined : requestStruct(name);
	return type?.size === bytes?.length ? type : undefined;
}

/** Whether a field belongs to the outcome: an object that a call makes has no name that others could know, and a file's number says nothing. */
export function isSeen({ slots }: LitmusTest, { takes }: Call, field: FieldInfo): boolean {
	const made = takes.find(({ offset }) => offset === field.offset);
	return (made === undefined || slots[made.slot].kind === "value") && field.role !== "fd" && !(isId(field) && field.dir === "out");
}

type Values = Readonly<Record<string, unknown>>;

export const isId = ({ role }: FieldInfo): boolean => role === "id";

function idText(test: LitmusTest, id: bigint, slots: BigInt64Array): string {
	if (id === 0n) return "0";
	for (let at = 0; at < test.setupSlots; at++) if (test.slots[at].kind === "id" && slots[at] === id) return test.slots[at].name;
	return "another";
}

/** The answers of a part, line by line: a line that makes several calls fails with the first that does. */
export function entriesOf(test: LitmusTest, part: Part, answers: readonly Answer[], slots: BigInt64Array): Entry[] {
	return part.lines.map((_, line) => {
		const label = `${part.name}.${line + 1}`;
		let last: { text: string; fields: Record<string, bigint> } = { text: "ok", fields: {} };
		for (const [at, call] of part.calls.entries()) {
			if (call.line !== line) continue;
			last = callText(test, call, answers[at], slots);
			const { ret } = answers[at];
			if (ret < 0) return { label, text: last.text, errno: -ret, fields: last.fields };
		}
		return { label, text: last.text, errno: 0, fields: last.fields };
	});
}
