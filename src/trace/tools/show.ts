/** Prints traces for people and as JSON. */
import { formatLine, formatValue, nameOf, toJson } from "../../../structs/index.js";
import type { Kernel } from "../../kernel/kernel.js";
import { namedSeals } from "../../kernel/memory-names.js";
import { answerJson } from "../answer.js";
import { TraceError } from "../error.js";
import type { IoctlStep, Step, TraceHeader } from "../format.js";
import { hasAnswer } from "../format.js";
import type { KernelFactory } from "../replay-files.js";
import { requestStruct, shownRequest } from "../requests.js";
import { type Explanation, explainSteps, explanationLines } from "./explain.js";
import { changedLeaves, leavesOf, wholeStruct } from "./fields.js";
import { eachProgram, type Program } from "./programs.js";

type Paint = (text: string) => string;

/** Colours for answers and for the other parts of a line. */
export interface Paints {
	readonly good: Paint;
	readonly bad: Paint;
	readonly name: Paint;
	readonly faint: Paint;
	readonly strong: Paint;
}

export const plainPaints: Paints = { good: same, bad: same, name: same, faint: same, strong: same };
const LONGEST_HEX = 64;

function same(text: string): string {
	return text;
}

/** How a call went: `ok`, `failed`, or `none` if no answer is recorded. */
export function verdict(step: Step): "ok" | "failed" | "none" {
	if (!hasAnswer(step)) return "none";
	return "ret" in step && step.ret === -1 ? "failed" : "ok";
}

/** The process and the thread of a step, where it is not the program's first. */
function madeBy(step: Step): string | undefined {
	if (step.op === "exit") return undefined;
	const process = step.op === "fork" ? step.parent : step.process;
	const thread = step.thread === undefined ? undefined : `thread ${step.thread}`;
	return process === undefined && thread === undefined ? undefined : [process, thread].filter((each) => each !== undefined).join(" ");
}

/** A step as one line: the call with its arguments by name, and the answer. */
export function stepLine(step: Step, paints: Paints = plainPaints): string {
	const who = madeBy(step);
	const by = who === undefined ? "" : `${paints.faint(`[${who}]`)} `;
	const call = `${by}${paints.name(step.op)}(${callArguments(step).join(", ")})`;
	const kind = verdict(step);
	if (step.pending) return `${call} ${paints.bad("= ?")} ${paints.faint("(it had not returned when the recording ended)")}`;
	const answer = answerText(step);
	if (kind === "none") return answer === "" ? by + paints.faint(`${step.op}(${callArguments(step).join(", ")})`) : `${call} = ${answer}`;
	return `${call} = ${(kind === "ok" ? paints.good : paints.bad)(answer)}${afterText(step, paints)}`;
}

function callArguments(step: Step): string[] {
	switch (step.op) {
		case "open":
			return [JSON.stringify(step.path)];
		case "close":
			return [step.fd];
		case "eventfd":
			return [`count ${step.count}`];
		case "memfd":
			return [`length ${step.length}`];
		case "seal":
			return [step.fd, sealNames(step.seals)];
		case "truncate":
			return [step.fd, `length ${step.length}`];
		case "userfaultfd":
			return [];
		case "mmap":
			return [
				`${step.addr}`,
				`length ${step.length}`,
				step.prot,
				...(step.memfd === undefined ? [] : [`${step.memfd} at ${step.offset ?? 0}`]),
				...(step.page_size === undefined ? [] : [`pages of ${step.page_size}`]),
				...(step.populate ? ["populate"] : []),
			];
		case "munmap":
			return [`${step.addr}`, `length ${step.length}`];
		case "mprotect":
			return [`${step.addr}`, `length ${step.length}`, step.prot];
		case "madvise":
			return [`${step.addr}`, `length ${step.length}`, `advice ${step.advice}`];
		case "mremap":
			return [`${step.addr}`, `length ${step.length}`, `new length ${step.new_length}`];
		case "poke":
			return [`${step.addr}`, bytesText(step.data)];
		case "peek":
			return [`${step.addr}`, `length ${step.length}`];
		case "ioctl":
			return [step.fd, shownRequest(step), argumentText(step), ...(step.fail_nth ? [`fail_nth ${step.fail_nth}`] : [])];
		case "poll":
			return [step.fd, ...(step.events === undefined ? [] : [step.events.join("|")])];
		case "dma":
			return [step.fd, step.dir, `iova ${step.iova}`, `length ${step.length}`, ...(step.buf ? [`buffer ${step.buf}`] : [])];
		case "fork":
		case "exit":
			return [step.process];
		default: {
			const where = step.addr === undefined ? [] : [`at ${step.addr}`];
			const offset = "offset" in step ? [`offset ${step.offset}`] : [];
			const reads = step.op === "read" || step.op === "pread";
			const what = reads || step.data === undefined ? [`length ${step.length ?? 0}`] : [bytesText(step.data)];
			return [step.fd, ...where, ...what, ...offset];
		}
	}
}

/** F_SEAL_ names, and what has none as a number. */
function sealNames(set: number): string {
	const { names, rest } = namedSeals(set);
	const kernels = names.map((name) => name.toUpperCase().replaceAll("-", "_"));
	return [...kernels, ...(rest !== 0 || set === 0 ? [`0x${rest.toString(16)}`] : [])].join("|");
}

/** An ioctl's argument: the struct by its fields, other bytes in hex, or the plain value. */
function argumentText(step: IoctlStep): string {
	if (step.arg === undefined) return step.arg_addr === undefined ? `${step.arg_value}` : `at ${step.arg_addr}`;
	const type = requestStruct(step.request);
	if (type === undefined) return bytesText(step.arg);
	const bytes = Buffer.from(step.arg, "hex");
	const size = bytes.length >= 4 ? bytes.readUInt32LE(0) : undefined;
	const files = Object.entries(step.fd_in ?? {}).map(([offset, name]) => `${pathAt(step, Number(offset))}=${name}`);
	const sized = type.fields[0].name === "size" || type.fields[0].name === "argsz";
	const odd = sized && size !== type.size && size !== undefined ? [`size=${size}`] : [];
	const beyond =
		bytes.length === type.size
			? []
			: [`(${bytes.length} of ${type.size} bytes${bytes.length > type.size ? `, then ${bytesText(step.arg.slice(type.size * 2))}` : ""})`];
	return `{${[...odd, formatLine(type, bytes.subarray(0, type.size)), ...files, ...beyond].filter(Boolean).join(" ")}}`;
}

/** The path of an ioctl's field at an offset, in the active union member. */
export function pathAt(step: IoctlStep, offset: number): string {
	const whole = step.arg === undefined ? undefined : wholeStruct(step, step.arg);
	const fields = whole ? leavesOf(whole.type, whole.values).map(({ field }) => field) : (requestStruct(step.request)?.leaves ?? []);
	const there = fields.filter((field) => field.offset === offset);
	return (there.find(({ role }) => role === "fd") ?? there[0])?.path ?? `offset ${offset}`;
}

function answerText(step: Step): string {
	if (step.op === "open" && step.ret === undefined) return step.fd ?? "";
	if (step.op === "memfd" || step.op === "eventfd" || step.op === "userfaultfd") return step.fd;
	if (step.op === "mremap") return `${step.new_addr}`;
	if (step.op === "poll") return step.revents.length === 0 ? "nothing" : step.revents.join("|");
	if (step.op === "peek") return bytesText(step.data);
	if (step.op === "dma") return step.events === undefined ? "" : step.events.length === 0 ? "no event" : step.events.join(" ");
	if (!("ret" in step) || step.ret === undefined) return "";
	return step.ret === -1 ? `-1 ${step.errno}` : `${step.ret}`;
}

/** What the call returned besides its value. */
function afterText(step: Step, paints: Paints): string {
	if ((step.op === "read" || step.op === "pread") && step.data) return ` ${bytesText(step.data)}`;
	if (step.op !== "ioctl") return "";
	const files = [
		...Object.entries(step.fd_out ?? {}).map(([offset, name]) => `${pathAt(step, Number(offset))}=${name}`),
		...(step.ret_fd === undefined ? [] : [step.ret_fd]),
	];
	const made = new Set(Object.keys(step.fd_out ?? {}).map(Number));
	const changed = changedLeaves(step).filter(({ field }) => !made.has(field.offset));
	const leaves = changed.map(({ field, value }) => `${field.path}=${nameOf(field, value as number) ?? formatValue(field, value)}`);
	const raw = step.out !== undefined && leaves.length === 0 && files.length === 0 ? [bytesText(step.out)] : [];
	const all = [...leaves, ...files, ...raw];
	return all.length === 0 ? "" : ` ${paints.faint(`{${all.join(" ")}}`)}`;
}

function bytesText(hex: string): string {
	if (hex.length <= LONGEST_HEX) return hex === "" ? "0 bytes" : hex;
	const first = hex.slice(0, 2);
	const uniform = hex === first.repeat(hex.length / 2);
	return uniform ? `${hex.length / 2} bytes of ${first}` : `${hex.slice(0, LONGEST_HEX)}... (${hex.length / 2} bytes)`;
}

export interface ShowOptions {
	/** the one program to show */
	readonly program?: string;
	readonly paints?: Paints;
	/** the kernel that is asked why calls failed */
	readonly why?: KernelFactory;
	/** takes the text, program by program */
	write(text: string): void;
}

/** Writes a trace for people: every program, one call per line. @returns the number of programs */
export async function showTrace(file: string, options: ShowOptions): Promise<number> {
	const paints = options.paints ?? plainPaints;
	let programs = 0;
	let kernel: (() => Kernel) | undefined;
	const visit = {
		header(header: TraceHeader) {
			kernel = options.why?.(header);
			options.write(`${paints.faint(headerText(header))}\n`);
			if (kernel) options.write(`${paints.faint("# why: as the simulated kernel sees it")}\n`);
		},
		program(program: Program) {
			programs++;
			const explained = kernel ? explainSteps(program.steps, kernel()) : [];
			const width = `${program.steps.length}`.length;
			const lines = program.steps.flatMap((step, at) => [
				`${paints.faint(`${at + 1}`.padStart(width + 2))}  ${stepLine(step, paints)}`,
				...explanationOf(explained[at]).map((line) => `${" ".repeat(width + 6)}${paints.faint(line)}`),
			]);
			options.write(`${[paints.strong(program.name), ...lines].join("\n")}\n`);
		},
	};
	await eachProgram(file, visit, options.program);
	return programs;
}

function explanationOf(explanation: Explanation | undefined): string[] {
	return explanation === undefined ? [] : explanationLines(explanation);
}

function headerText({ trace, version, ...rest }: TraceHeader): string {
	const parts = Object.entries(rest).map(([key, value]) => `${key} ${headerValue(value)}`);
	return `# ${trace} trace, version ${version}${parts.length > 0 ? `: ${parts.join(", ")}` : ""}`;
}

/** A machine's description is long: its kind, and how many devices it has. */
function headerValue(value: unknown): string {
	if (Array.isArray(value)) return `(${value.length})`;
	if (typeof value !== "object" || value === null) return String(value);
	return "kind" in value ? String(value.kind) : "(...)";
}

/** Writes a trace as one JSON document, `iommuctl.trace`: the steps as recorded, with their structs also decoded. */
export async function showTraceJson(file: string, shown: string, options: ShowOptions): Promise<number> {
	let programs = 0;
	let kernel: (() => Kernel) | undefined;
	const visit = {
		header(header: TraceHeader) {
			kernel = options.why?.(header);
			options.write(
				`{"schema":"iommuctl.trace","version":1,"file":${JSON.stringify(shown)},"header":${JSON.stringify(header)},"programs":[`,
			);
		},
		program({ name, line, steps, lines }: Program) {
			const explained = kernel ? explainSteps(steps, kernel()) : undefined;
			const told = (at: number) => (explained ? explanationJson(explained[at]) : {});
			const document = { program: name, line, steps: steps.map((step, at) => ({ ...stepJson(step, at + 1, lines[at]), ...told(at) })) };
			options.write(`${programs++ === 0 ? "" : ","}\n${JSON.stringify(document)}`);
		},
	};
	let begun = false;
	const begin = visit.header;
	visit.header = (header) => {
		begun = true;
		begin(header);
	};
	try {
		await eachProgram(file, visit, options.program);
	} catch (error) {
		// It stays one document: an error in the file becomes part of it.
		if (begun && error instanceof TraceError) options.write(`],"error":${JSON.stringify({ line: error.line, message: error.problem })}}\n`);
		throw error;
	}
	options.write("]}\n");
	return programs;
}

function explanationJson(explanation: Explanation | undefined): object {
	if (explanation === undefined) return { why: null };
	const { why, notes, differs } = explanation;
	return { why: why ?? differs?.why ?? null, notes, ...(differs && { simulated: answerJson(differs) }) };
}

function stepJson(step: Step, number: number, line: number): object {
	const decode = (hex: string | undefined): object | undefined => {
		if (step.op !== "ioctl" || hex === undefined) return undefined;
		const whole = wholeStruct(step, hex);
		return whole && toJson(whole.type, whole.values);
	};
	const decoded = step.op === "ioctl" && { decoded: { arg: decode(step.arg) ?? null, out: decode(step.out) ?? null } };
	return { number, line, verdict: verdict(step), ...step, ...decoded };
}
