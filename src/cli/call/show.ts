/** Shows the answer of an ioctl, as text and as JSON. */
import { type FieldInfo, leastSize, nameOf } from "../../../structs/index.js";
import type { Answer } from "../../client/call.js";
import { readLeaf } from "../../client/leaves.js";
import { EINVAL } from "../../kernel/errno.js";
import { meaning } from "../../kernel/errno-meaning.js";
import { type Why, whyLines } from "../../kernel/why.js";
import type { Palette } from "../frame/colour.js";
import type { Invocation } from "../frame/command.js";
import { errnoName } from "../frame/errnos.js";
import { hexBytes, hexDump, table } from "../frame/text.js";
import { jsonLeaf, showLeaf } from "./natural.js";
import type { CallShape, Details } from "./spec.js";

/** Answered fields that stand in one line; more of them get a line each. */
const mostInLine = 3;

/** What it means for this very call: with a size below the smallest, nothing else was looked at. */
function meaningOf({ answer, call, meaning: known }: Shown): string {
	if (known !== undefined) return known;
	const { ioctl, errno, before } = answer;
	if (call === undefined && errno === EINVAL && ioctl.struct && before.length >= 4) {
		const size = Buffer.from(before.buffer, before.byteOffset, 4).readUInt32LE();
		if (size < leastSize(ioctl)) return `${ioctl.struct.leaves[0].name} is too small: this call takes at least ${leastSize(ioctl)} bytes`;
	}
	return meaning(call ?? ioctl.name, errno);
}

/** `EEXIST (17): the range touches an area that is there already` */
export function errnoText(call: string, errno: number, what = meaning(call, errno)): string {
	return `${errnoName(errno)} (${errno})${what ? `: ${what}` : ""}`;
}

export function errnoDocument(call: string, errno: number, what = meaning(call, errno)): object | null {
	return errno === 0 ? null : { name: errnoName(errno), number: errno, meaning: what };
}

/** Fields that the kernel wrote, or that differ from what was sent. */
export function answered(shape: CallShape, { before, after }: Answer): FieldInfo[] {
	const fields = shape.fields.map(({ field }) => field).filter(({ role }) => role !== "reserved");
	const written = fields.filter(({ dir }) => dir !== "in");
	return fields.filter((field) => {
		if (field.dir !== "in") return true;
		// Of two names for one place (a union), the one that the kernel writes is the answer's.
		return readLeaf(before, field) !== readLeaf(after, field) && !written.some(({ offset }) => offset === field.offset);
	});
}

/** A line for each field: name and value. */
export function fieldLines(fields: readonly FieldInfo[], bytes: Uint8Array, colours: Palette): string[] {
	return table(fields.map((field) => [field.path.split(".").at(-1) ?? field.path, showLeaf(field, bytes)])).map((line) => {
		const at = line.indexOf(" ");
		return at < 0 ? line : colours.name(line.slice(0, at)) + line.slice(at);
	});
}

/** All in one line: `name=value name=value`. */
function pairs(fields: readonly FieldInfo[], bytes: Uint8Array, colours: Palette): string {
	return fields.map((field) => `${colours.name(field.name)}=${showLeaf(field, bytes)}`).join(" ");
}

/** The leaves as nested JSON: 64-bit numbers as hex strings, the others as numbers. */
export function fieldsDocument(shape: CallShape, bytes: Uint8Array): Record<string, unknown> {
	const document: Record<string, unknown> = {};
	for (const { field } of shape.fields) {
		const steps = field.path.split(".");
		let at = document;
		for (const step of steps.slice(0, -1)) {
			at[step] ??= {};
			at = at[step] as Record<string, unknown>;
		}
		at[steps[steps.length - 1]] = jsonLeaf(field, bytes);
	}
	return document;
}

/** In JSON: 64-bit numbers as hex strings, the others as numbers. */
export const jsonNumber = (value: number | bigint): number | string => (typeof value === "bigint" ? `0x${value.toString(16)}` : value);

/** The answer's fields by their own names, and the names of the constants in them. */
function flatFields(shape: CallShape, { after, ret }: Answer, details: Details | undefined): { fields: object; names: object } {
	const own = shape.fields.map(({ field }) => field).filter(({ role }) => role !== "reserved");
	const fields = Object.fromEntries(own.map((field) => [field.name, jsonLeaf(field, after)]));
	const more = Object.entries(details?.fields ?? {}).map(([name, value]) => [name, jsonNumber(value)]);
	const named = own.flatMap((field) => {
		const name = field.length === undefined ? nameOf(field, readLeaf(after, field)) : undefined;
		return name === undefined ? [] : [[field.name, name]];
	});
	return { fields: { ret, ...fields, ...Object.fromEntries(more) }, names: Object.fromEntries(named) };
}

export function hexLines(answer: Answer): string[] {
	const { before, after } = answer;
	const same = hexBytes(before) === hexBytes(after);
	return [
		"before:",
		...hexDump(before).map((line) => `  ${line}`),
		...(same ? ["after: the same"] : ["after:", ...hexDump(after).map((line) => `  ${line}`)]),
	];
}

/** What a call did that its answer does not show, each in a line, with what led to it. */
export function notedLines(noted: readonly Why[], colours: Palette): string[] {
	return noted.flatMap((one) => [
		`${colours.note("note:")} ${one.text}`,
		...(one.because ? whyLines(one.because, colours.note).map((line) => `  ${line}`) : []),
	]);
}

export interface Shown {
	readonly inv: Invocation;
	readonly command: string;
	/** the call's name, with what of it where one call has many */
	readonly title: string;
	readonly shape: CallShape;
	readonly answer: Answer;
	/** the system call whose errno it is, where the ioctl was not reached */
	readonly call?: string;
	/** what the errno means here, where it is known better than in general */
	readonly meaning?: string;
	readonly details?: Details;
	readonly notes: readonly string[];
	readonly value?: number | bigint;
	/** whether it went as it should */
	readonly good: boolean;
}

/** For people: what went well on stdout, what failed on stderr with everything that was sent. */
export function showAnswer(shown: Shown): void {
	const { inv, title, shape, answer, details, notes, good, value } = shown;
	const { io, common } = inv;
	const name = answer.ioctl.name;
	const lines: string[] = [];
	if (good && common.quiet) {
		if (value !== undefined) io.stdout.write(`${typeof value === "bigint" ? `0x${value.toString(16)}` : value}\n`);
		return;
	}
	const colours = good ? inv.out : inv.err;
	if (good && answer.errno === 0) {
		const fields = answered(shape, answer);
		// Of a call without a struct the return value is all that is answered.
		const ret = answer.ret === 0 && (answer.ioctl.struct || value === undefined) ? "" : `  ${colours.name("ret")}=${answer.ret}`;
		const short = fields.length <= mostInLine;
		lines.push(`${colours.good("ok")}  ${title}${ret}${short && fields.length > 0 ? `  ${pairs(fields, answer.after, colours)}` : ""}`);
		if (!short) lines.push(...fieldLines(fields, answer.after, colours).map((line) => `    ${line}`));
	} else if (good) {
		lines.push(`${colours.good("ok")}  ${title} failed as expected: ${errnoText(name, answer.errno, meaningOf(shown))}`);
	} else if (answer.errno === 0) {
		lines.push(
			`${colours.bad("failed")}  ${title} ${answer.ret > 0 ? `returned ${answer.ret}` : "succeeded"}, but ${inv.common.expect} was expected`,
		);
	} else {
		const wanted = inv.common.expect === undefined ? "" : ` (${inv.common.expect} was expected)`;
		lines.push(`${colours.bad("failed")}  ${title}: ${errnoText(name, answer.errno, meaningOf(shown))}${wanted}`);
	}
	if (answer.why) lines.push(...whyLines(answer.why, colours.note).map((line) => `    ${line}`));
	lines.push(...notedLines(answer.noted ?? [], colours).map((line) => `    ${line}`));
	lines.push(...(details?.lines ?? []).map((line) => `    ${line}`));
	lines.push(...notes.map((note) => `    ${colours.note("note:")} ${note}`));
	if (!good && answer.ioctl.struct && shape.fields.length > 0) {
		lines.push(
			"  sent:",
			...fieldLines(
				shape.fields.map(({ field }) => field),
				answer.before,
				colours,
			).map((line) => `    ${line}`),
		);
	}
	if (common.hex) lines.push(...hexLines(answer).map((line) => `  ${line}`));
	(good ? io.stdout : io.stderr).write(`${lines.join("\n")}\n`);
}

/** The same as one JSON document. */
export async function answerDocument(shown: Shown): Promise<Record<string, unknown>> {
	const { inv, command, shape, answer, details, notes, good, value } = shown;
	const { kernel, which } = await inv.context.handle();
	return {
		schema: "iommuctl.call",
		version: 1,
		command,
		...(inv.place && { file: inv.place.file, line: inv.place.line, name: inv.place.name ?? null }),
		kernel: kernel.kind,
		kernelDetail: which,
		ioctl: answer.ioctl.name,
		request: `0x${answer.ioctl.request.toString(16)}`,
		struct: answer.ioctl.struct?.name ?? null,
		ok: good,
		ret: answer.ret,
		errno: errnoDocument(answer.ioctl.name, answer.errno, meaningOf(shown)),
		why: answer.why ?? null,
		noted: answer.noted ?? [],
		expected: inv.common.expect ?? null,
		id: typeof value === "bigint" ? `0x${value.toString(16)}` : (value ?? null),
		sent: fieldsDocument(shape, answer.before),
		answer: fieldsDocument(shape, answer.after),
		bytes: { before: hexBytes(answer.before), after: hexBytes(answer.after) },
		...flatFields(shape, answer, details),
		details: details?.json ?? {},
		notes,
	};
}
