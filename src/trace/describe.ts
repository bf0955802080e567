import { formatStruct } from "../../structs/index.js";
import type { Answer } from "./answer.js";
import { toRecordedRet } from "./answer.js";
import type { Step } from "./format.js";
import type { Difference } from "./replay-files.js";
import { requestStruct } from "./requests.js";

const LONGEST_HEX = 256;

/** A step in one line: the call and what it is made on. */
export function describeCall(step: Step | undefined): string {
	if (step === undefined) return "end of the program";
	const words: (string | number)[] = [step.op];
	if ("fd" in step && step.fd !== undefined) words.push(step.fd);
	switch (step.op) {
		case "ioctl":
			words.push(step.request);
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

/** What a step was given, decoded: the fields of an ioctl's struct. */
export function describeArgument(step: Step | undefined): string[] {
	if (step?.op !== "ioctl" || step.arg === undefined) return [];
	const files = Object.entries(step.fd_in ?? {}).map(([offset, name]) => `file ${name} at offset ${offset}`);
	return [...decoded(step, step.arg), ...files];
}

/** The two answers side by side: whole where they are short, the lines that differ where they are structs. */
export function describeAnswers(difference: Difference): { expected: string[]; got: string[] } {
	const { step, expected, got } = difference;
	const lines = (answer: Answer): string[] => {
		const bytes = answer.bytes === undefined ? [] : step?.op === "ioctl" ? decoded(step, answer.bytes) : [short(answer.bytes)];
		return [...plain(answer), ...bytes];
	};
	const [a, b] = [lines(expected), lines(got)];
	return { expected: a.filter((line) => line !== "" && !b.includes(line)), got: b.filter((line) => line !== "" && !a.includes(line)) };
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
	return lines;
}

function decoded(step: Step & { op: "ioctl" }, hex: string): string[] {
	const type = requestStruct(step.request);
	if (hex === "") return [];
	return type === undefined || hex.length < type.size * 2 ? [short(hex)] : formatStruct(type, Buffer.from(hex, "hex"));
}

function short(hex: string): string {
	return hex.length <= LONGEST_HEX ? hex : `${hex.slice(0, LONGEST_HEX)}... (${hex.length / 2} bytes)`;
}
