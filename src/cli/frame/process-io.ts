/** Input and output of the iommuctl process itself. */
import { fstatSync, readSync, writeSync } from "node:fs";
import { EnvironmentError } from "../../kernel/environment-error.js";
import type { Io, Sink, Source } from "./io.js";

/** Collected output goes out at the latest at this size (bytes). */
const flushAt = 1 << 16;

/** A file descriptor's end; written in large pieces, and quiet once the reader has gone (`| head`). */
class FdSink implements Sink {
	readonly isTTY: boolean;
	readonly columns: number | undefined;
	#parts: Uint8Array[] = [];
	#held = 0;
	#gone = false;
	readonly #fd: number;

	constructor(fd: number, stream: { isTTY?: boolean; columns?: number }) {
		this.#fd = fd;
		this.isTTY = stream.isTTY === true;
		this.columns = stream.columns;
	}

	get gone(): boolean {
		return this.#gone;
	}

	write(text: string | Uint8Array): void {
		const bytes = typeof text === "string" ? Buffer.from(text) : text;
		this.#parts.push(bytes);
		this.#held += bytes.length;
		if (this.isTTY || this.#held >= flushAt) this.flush();
	}

	flush(): void {
		const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
		this.#parts = [];
		this.#held = 0;
		for (let at = 0; at < bytes.length && !this.#gone; ) {
			try {
				at += writeSync(this.#fd, bytes, at);
			} catch (error) {
				const code = (error as NodeJS.ErrnoException).code;
				if (code === "EPIPE") this.#gone = true;
				// A pipe that another process made non-blocking: wait for its reader a little.
				else if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
				else {
					// Said once; what else would be written is lost.
					this.#gone = true;
					if (this.#fd === 1) throw new EnvironmentError(`stdout cannot be written: ${code}`, "the output is incomplete");
				}
			}
		}
	}
}

class FdSource implements Source {
	async readAll(): Promise<Uint8Array> {
		const parts: Uint8Array[] = [];
		for (;;) {
			const piece = Buffer.allocUnsafe(1 << 16);
			try {
				const count = readSync(0, piece);
				if (count === 0) return Buffer.concat(parts);
				parts.push(piece.subarray(0, count));
			} catch (error) {
				const code = (error as NodeJS.ErrnoException).code;
				if (code === "EOF") return Buffer.concat(parts);
				if (code !== "EAGAIN") throw error;
				await new Promise((resolve) => setTimeout(resolve, 5));
			}
		}
	}
}

/**
 * Whether a file may be a terminal. `process.stdout` is a getter that loads much, so it is asked only of a character
 * device other than /dev/null and the like (major number 1).
 */
function mayBeTerminal(fd: number): boolean {
	try {
		const stat = fstatSync(fd);
		return stat.isCharacterDevice() && stat.rdev >> 8 !== 1;
	} catch {
		return false;
	}
}

export interface ProcessIo extends Io {
	/** What is still held goes out; call it last. */
	flush(): void;
}

export function processIo(): ProcessIo {
	const stdout = new FdSink(1, mayBeTerminal(1) ? process.stdout : {});
	const stderr = new FdSink(2, mayBeTerminal(2) ? process.stderr : {});
	return {
		stdout,
		stderr: {
			isTTY: stderr.isTTY,
			columns: stderr.columns,
			// Order between the two ends matters where both go to one terminal or file.
			write(text) {
				stdout.flush();
				stderr.write(text);
				stderr.flush();
			},
		},
		stdin: new FdSource(),
		cwd: process.cwd(),
		env: process.env,
		flush() {
			stdout.flush();
		},
	};
}
