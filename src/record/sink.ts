/** Where a recording goes: a trace file, until it cannot be written any more. */
import type { Step, TraceWriter } from "../trace/index.js";
import type { ProgramSink } from "./program.js";

/** After a write that failed nothing more is written: the program itself must not suffer, as it cannot run untraced. */
export class FileSink implements ProgramSink {
	readonly #writer: TraceWriter;
	readonly #failed: (code: string) => void;
	#over = false;

	/** @param failed gets the errno's name, once */
	constructor(writer: TraceWriter, failed: (code: string) => void) {
		this.#writer = writer;
		this.#failed = failed;
	}

	program(name: string): void {
		this.#try(() => this.#writer.program(name));
	}

	step(step: Step): void {
		this.#try(() => this.#writer.step(step));
	}

	end(): void {
		this.#try(() => this.#writer.end());
	}

	close(): void {
		this.#try(() => this.#writer.close());
	}

	#try(write: () => void): void {
		if (this.#over) return;
		try {
			write();
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (code === undefined) throw error;
			this.#over = true;
			this.#failed(code);
		}
	}
}
