/** Describes steps and answers for the replay report. */
import { formatStruct } from "../../structs/index.js";
import { whyLines } from "../kernel/why.js";
import type { Answer } from "./answer.js";
import { toRecordedRet } from "./answer.js";
import type { Step } from "./format.js";
import type { Difference } from "./replay-files.js";
import { requestStruct, shownRequest } from "./requests.js";

const LONGEST_HEX = 256;
const ROW_BYTES = 32;

/** A step in one line: the call and the file or memory it acts on. */
export function describeCall(step: Step | undefined): string {
	if (step === undefined) return "end of the program";
	const words: (string | number)[] = [step.op];
	if ("fd" in step && step.fd !== undefined) words.push(step.fd);
	if (step.process !== undefined) words.push(`of process ${step.process}`);
	switch (step.op) {
		case "ioctl":
			words.push(shownRequest(step));
			if (step.arg_addr !== undefined) words.push(`at ${step.arg_addr}`);
			if (step.arg_value !== undefined) words.push(`value ${step.arg_value}`);
			break;
		case "open":
			words.push(step.path);
			break;
		case "dma":
			words.push(step.dir, `iova ${step.iova}`, `length ${step.length}`);
			break;
		case "write":
		case "pwrite":
			if (step.data !== undefined) words.push(short(step.data));
			break;
		case "mmap":
			words.push(step.prot, ...(step.memfd === undefined ? [] : [`of ${step.memfd} at ${step.offset ?? 0}`]));
			break;
	}
	if ("addr" in step && step.addr !== undefined) words.push(`at ${step.addr}`);
	if ("offset" in step && step.op !== "mmap" && step.offset !== undefined) words.push(`offset ${step.offset}`);
	if ("length" in step && step.op !== "dma" && step.length !== undefined) words.push(`length ${step.length}`);
	return words.join(" ");
}

/** A step's argument, decoded: the fields of an ioctl's struct. */
export function describeArgument(step: Step | undefined): string[] {
	if (step?.op !== "ioctl" || step.arg === undefined) return [];
	const files = Object.entries(step.fd_in ?? {}).map(([offset, name]) => `file ${name} at offset ${offset}`);
	return [...decoded(step, step.arg), ...files];
}

/** The two answers without the lines they have in common (a struct's fields, or rows of many bytes). */
export function describeAnswers(difference: Difference): { expected: string[]; got: string[] } {
	const { step, expected, got } = difference;
	const bytes: [string[], string[]] = [[], []];
	if (expected.bytes !== undefined && got.bytes !== undefined) {
		const [a, b] = [expected.bytes, got.bytes];
		const inWords = step?.op === "ioctl" ? unlike(decoded(step, a), decoded(step, b)) : [[], []];
		const [left, right] = inWords[0].length + inWords[1].length > 0 ? inWords : unlike(rows(a), rows(b));
		bytes[0].push(...left);
		bytes[1].push(...right);
	} else {
		for (const [i, { bytes: only }] of [expected, got].entries()) if (only !== undefined) bytes[i].push(...rows(only));
	}
	const [left, right] = unlike(plain(expected), plain(got));
	return { expected: [...left, ...bytes[0]], got: [...right, ...bytes[1]] };
}

/** Each list without the lines that the other has too. */
function unlike(a: readonly string[], b: readonly string[]): [string[], string[]] {
	return [a.filter((line) => !b.includes(line)), b.filter((line) => !a.includes(line))];
}

/** A few bytes as they are, many in rows that begin with their offset. */
function rows(hex: string): string[] {
	if (hex.length <= ROW_BYTES * 4) return [hex === "" ? "no bytes" : hex];
	const count = Math.ceil(hex.length / (ROW_BYTES * 2));
	return Array.from({ length: count }, (_, row) => {
		const at = row * ROW_BYTES;
		return `${at.toString(16).padStart(4, "0")}: ${hex.slice(at * 2, (at + ROW_BYTES) * 2)}`;
	});
}

function plain(answer: Answer): string[] {
	const lines: string[] = [];
	if (answer.ret !== undefined) {
		const { ret, errno } = toRecordedRet(answer.ret);
		lines.push(errno === undefined ? `ret ${ret}` : `ret ${ret} ${errno}`);
	}
	if (answer.revents !== undefined) lines.push(answer.revents.length === 0 ? "no events" : answer.revents.join("|"));
	if (answer.events !== undefined) lines.push(...(answer.events.length === 0 ? ["no event records"] : answer.events));
	if (answer.note !== undefined) lines.push(answer.note);
	if (answer.why !== undefined) lines.push(...whyLines(answer.why));
	return lines;
}

function decoded(step: Step & { op: "ioctl" }, hex: string): string[] {
	const type = requestStruct(step.request);
	if (hex === "") return [];
	return type === undefined ? [short(hex)] : formatStruct(type, Buffer.from(hex, "hex"));
}

function short(hex: string): string {
	return hex.length <= LONGEST_HEX ? hex : `${hex.slice(0, LONGEST_HEX)}... (${hex.length / 2} bytes)`;
}
