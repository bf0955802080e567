/** Writes a trace file. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { checkHeader, FieldError } from "./check.js";
import { TraceError } from "./error.js";
import type { Step, TraceHeader } from "./format.js";
import { TRACE_VERSION } from "./format.js";
import { pendingCall } from "./pending.js";

const NEWLINE = 10;
const BLOCK = 64 * 1024;

/**
 * Writes an uncompressed trace. A call's line is written in two parts, before the call and after it, so that a crash or a
 * hang leaves a trace up to and with the last call. An existing trace is appended to: a torn last line is cut off and an open program is ended. TraceError if the
 * file is anything else.
 */
export class TraceWriter {
	readonly #fd: number;
	#inside = false;
	/** the part of a line that is written already, without its end */
	#begun = "";

	/** `header`: the fields that describe the machine; `trace` and `version` are added. */
	constructor(
		readonly file: string,
		header: Readonly<Record<string, unknown>> = {},
	) {
		this.#fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o644);
		try {
			const full: TraceHeader = { trace: "iommufd", version: TRACE_VERSION, ...header };
			const { size } = fstatSync(this.#fd);
			if (size === 0) this.#line(full);
			else {
				this.#compare(full);
				this.#mend(size);
			}
		} catch (error) {
			closeSync(this.#fd);
			throw error;
		}
	}

	program(name: string): void {
		this.end();
		this.#line({ program: name });
		this.#inside = true;
	}

	/** Writes what is known of a call before it is made. */
	begin(part: object): void {
		if (!this.#inside) this.program("program");
		this.#begun = JSON.stringify(part).slice(0, -1);
		this.#write(this.#begun);
	}

	/** The call that has begun is not recorded. */
	abandon(): void {
		if (this.#begun !== "") ftruncateSync(this.#fd, fstatSync(this.#fd).size - Buffer.byteLength(this.#begun));
		this.#begun = "";
	}

	step(step: Step): void {
		if (!this.#inside) this.program("program");
		const line = `${JSON.stringify(step)}\n`;
		if (!line.startsWith(this.#begun)) this.abandon();
		this.#write(line.slice(this.#begun.length));
		this.#begun = "";
	}

	/** Ends the program, if one is open. */
	end(): void {
		if (this.#inside) this.#line({ op: "end" });
		this.#inside = false;
	}

	/** Ends the program and closes the file; nothing can be written afterwards. */
	close(): void {
		this.end();
		closeSync(this.#fd);
	}

	#line(record: object): void {
		this.abandon();
		this.#write(`${JSON.stringify(record)}\n`);
	}

	#write(text: string): void {
		const bytes = Buffer.from(text);
		for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
	}

	/** Throws unless the file is a trace of the same machine. */
	#compare(header: TraceHeader): void {
		const first = Buffer.alloc(BLOCK);
		const length = readSync(this.#fd, first, 0, BLOCK, 0);
		if (first[0] === 0x1f) throw new TraceError(this.file, 0, undefined, "is compressed: nothing can be appended");
		const text = first.subarray(0, Math.max(0, first.subarray(0, length).indexOf(NEWLINE))).toString();
		try {
			const found: unknown = JSON.parse(text);
			checkHeader(found);
			if (JSON.stringify(sorted(found)) === JSON.stringify(sorted(header))) return;
		} catch (error) {
			const problem = error instanceof FieldError ? error.message : "not an iommufd trace";
			throw new TraceError(this.file, 1, undefined, problem);
		}
		throw new TraceError(this.file, 1, undefined, "a trace of another machine (its header differs): record to another file");
	}

	/** Makes the trace end with a complete line and no open program. */
	#mend(size: number): void {
		const block = Buffer.alloc(BLOCK);
		let tail: Buffer = Buffer.alloc(0);
		let start = size;
		// backwards until the tail holds the last whole line and the newline before it
		while (start > 0 && tail.indexOf(NEWLINE) === tail.lastIndexOf(NEWLINE)) {
			const length = Math.min(BLOCK, start);
			start -= length;
			tail = Buffer.concat([block.subarray(0, readSync(this.#fd, block, 0, length, start)), tail]);
		}
		const end = tail.lastIndexOf(NEWLINE);
		// A call that never returned stays in the trace; other pieces of a line do not.
		if (end + 1 < tail.length) {
			const call = pendingCall(tail.subarray(end + 1).toString());
			ftruncateSync(this.#fd, start + end + 1);
			if (call !== undefined) this.#line(call);
		}
		const last = tail.subarray(tail.lastIndexOf(NEWLINE, end - 1) + 1, end).toString();
		this.#inside = !/^\{"op":\s*"end"|^\{"trace"/.test(last);
		this.end();
	}
}

function sorted(object: object): [string, unknown][] {
	return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}
