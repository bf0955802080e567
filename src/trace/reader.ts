/** Reads a trace line by line, checks it and passes it to a visitor. */
import { DeviceFiles } from "../kernel/device-files.js";
import { checkHeader, checkStep, FieldError } from "./check.js";
import { TraceError } from "./error.js";
import type { Step, TraceHeader } from "./format.js";
import { findJsonFault } from "./json-column.js";
import { LineTable } from "./line-table.js";
import { readLines } from "./lines.js";
import { pendingCall } from "./pending.js";
import { PlainLines } from "./plain-lines.js";
import { type PreparedCall, prepared } from "./prepared.js";
import { SeenStep } from "./seen-step.js";

/** Called for each part of a trace. A FieldError thrown from here gets file, line and column. */
export interface TraceVisitor {
	header(header: TraceHeader): void;
	/** false: its steps are skipped */
	program(name: string, line: number): boolean;
	step(step: Step, line: number): void;
	/**
	 * Takes a call that is decoded already, in place of its step: if it is there, most calls come so. The step is made
	 * where somebody asks for it, until the next line comes.
	 */
	call?(call: PreparedCall, line: number, written: { readonly step: Step }): void;
	end(line: number): void;
}

/** Reads a trace from end to end, checking every line. Throws a TraceError at the first line that is wrong, after all lines before it. */
export async function readTrace(file: string, visitor: TraceVisitor): Promise<void> {
	const parser = new Parser(visitor);
	let last = 0;
	for await (const { first, bytes, ends } of readLines(file)) {
		let start = 0;
		for (let i = 0; i < ends.length; i++) {
			const end = ends[i];
			try {
				parser.line(bytes, start, end, first + i);
			} catch (error) {
				throw error instanceof FieldError ? located(file, first + i, bytes.toString("utf8", start, end), error) : error;
			}
			start = end + 1;
		}
		last = first + ends.length - 1;
		// Until the event loop turns, everything that a WeakRef was made of stays in memory.
		await new Promise((resolve) => setImmediate(resolve));
	}
	const missing = parser.unfinished();
	if (missing) throw new TraceError(file, Math.max(last, 1), undefined, missing, parser.inProgram);
}

function located(file: string, line: number, text: string, error: FieldError): TraceError {
	if (error instanceof JsonError) return new TraceError(file, line, error.column, error.message);
	const at = error.field === undefined ? -1 : text.search(new RegExp(`"${error.field}"\\s*:`));
	return new TraceError(file, line, at < 0 ? undefined : at + 1, error.message);
}

/** Names a program's ioctls by the file that they are made on, whichever of its names, or its number, the trace has. */
class NamesByFile {
	readonly #files = new DeviceFiles<string>();

	begin(): void {
		this.#files.clear();
	}

	/** The step, or a copy of it with another name for its request. */
	of(seen: SeenStep): Step {
		const { step } = seen;
		if (seen.plain) return step;
		if (step.op === "open" && step.fd !== undefined) this.#files.opened(step.fd, step.path);
		if (step.op !== "ioctl") return step;
		if (step.ret_fd !== undefined) this.#files.returned(step.ret_fd);
		return seen.on(this.#files.kind(step.fd));
	}
}

/** Tracks its place in the file: before the header, between programs, in one, or in one that is skipped. */
class Parser {
	/**
	 * Steps that were parsed and checked recently. Programs open the same files, map the same memory and make the same
	 * calls again and again, so that most lines need not be checked again.
	 */
	readonly #seen = new LineTable<SeenStep | PreparedCall>();
	/** for visitors that take calls */
	readonly #plain: PlainLines | undefined;
	readonly #names = new NamesByFile();
	#state: "start" | "between" | "inside" | "skipping" = "start";
	#name = "";
	/** the call that the file ends in, and what is wrong if it does not end there */
	#pending: { readonly error: FieldError; readonly step: Step } | undefined;
	readonly #visitor: TraceVisitor;
	/** where the line is that is visited */
	#bytes: Buffer = Buffer.alloc(0);
	#start = 0;
	#end = 0;

	constructor(visitor: TraceVisitor) {
		this.#visitor = visitor;
		this.#plain = visitor.call && new PlainLines();
	}

	/** The step of the line that is visited. */
	get step(): Step {
		const step = JSON.parse(this.#bytes.toString("utf8", this.#start, this.#end)) as Step;
		return this.#names.of(new SeenStep(step));
	}

	/** A line: the bytes from `start` up to `end`, without its newline. */
	line(bytes: Buffer, start: number, end: number, line: number): void {
		this.#bytes = bytes;
		this.#start = start;
		this.#end = end;
		if (this.#state === "inside" && this.#pending === undefined) {
			const seen = this.#seen.find(bytes, start, end) ?? this.#call(bytes, start, end);
			if (seen !== undefined) {
				this.#visit(seen, line);
				return;
			}
		}
		const text = bytes.toString("utf8", start, end);
		if (text === "" || text.trim() === "") return;
		if (this.#pending !== undefined) throw this.#pending.error;
		const value = this.#parsed(text);
		if (this.#state === "start") {
			checkHeader(value);
			this.#visitor.header(value);
			this.#state = "between";
		} else if (value.op === undefined && value.program !== undefined) this.#begin(value.program, line);
		else if (this.#state === "between") throw new FieldError("op", `a step outside of a program (no {"program":NAME} before it)`);
		else if (value.op === "end") {
			if (this.#state === "inside") this.#visitor.end(line);
			this.#state = "between";
		} else if (this.#state === "inside") {
			checkStep(value);
			const seen = (this.#plain && prepared(value)) ?? new SeenStep(value);
			if (!value.pending) this.#seen.add(bytes, start, end, seen);
			this.#visit(seen, line);
		}
	}

	/** The call of a line that is not known yet, if it needs no JSON reader. */
	#call(bytes: Buffer, start: number, end: number): PreparedCall | undefined {
		const call = this.#plain?.call(bytes, start, end);
		if (call !== undefined) this.#seen.add(bytes, start, end, call);
		return call;
	}

	#visit(seen: SeenStep | PreparedCall, line: number): void {
		if (seen.kind === "step") this.#visitor.step(this.#names.of(seen), line);
		else this.#visitor.call?.(seen, line, this);
	}

	/** A line's object; that of a call which never returned lacks its end, and nothing may follow it. */
	#parsed(text: string): Record<string, unknown> {
		try {
			return parse(text);
		} catch (error) {
			const step = this.#state === "inside" || this.#state === "skipping" ? pendingCall(text) : undefined;
			if (step === undefined || !(error instanceof FieldError)) throw error;
			this.#pending = { error, step };
			return step as unknown as Record<string, unknown>;
		}
	}

	#begin(name: unknown, line: number): void {
		if (typeof name !== "string" || name === "") throw new FieldError("program", '"program" is not a name');
		if (this.#state !== "between") throw new FieldError("program", `program ${name} begins before ${this.#name} has ended`);
		this.#name = name;
		this.#names.begin();
		this.#state = this.#visitor.program(name, line) ? "inside" : "skipping";
	}

	get inProgram(): boolean {
		return this.#state === "inside" || this.#state === "skipping";
	}

	unfinished(): string | undefined {
		if (this.#state === "start") return "an empty file, without even a header line";
		if (this.#state === "between") return undefined;
		if (this.#pending !== undefined) {
			const { op } = this.#pending.step;
			return `the file ends in program ${this.#name}, in a call that never returned: ${op === "ioctl" ? this.#pending.step.request : op}`;
		}
		return `the file ends inside program ${this.#name} (no {"op":"end"}): it was cut short`;
	}
}

function parse(text: string): Record<string, unknown> {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		const fault = findJsonFault(text);
		throw new JsonError(fault?.column, `not JSON: ${fault?.problem ?? "unreadable"}`);
	}
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FieldError(undefined, "not a JSON object");
	return value as Record<string, unknown>;
}

/** A FieldError that already knows its column. */
class JsonError extends FieldError {
	constructor(
		readonly column: number | undefined,
		problem: string,
	) {
		super(undefined, problem);
	}
}
