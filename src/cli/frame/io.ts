import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/**
 * Where a command reads and writes. Nothing below `main.ts` touches `process`, so that the same command runs in a
 * script or on behalf of another process.
 */
export interface Sink {
	write(text: string | Uint8Array): void;
	readonly isTTY: boolean;
	/** characters in a line, where known */
	readonly columns?: number;
}

export interface Source {
	/** all that is left, at once */
	readAll(): Promise<Uint8Array>;
}

/** How a command shares its kernel with others, where it does: in a session. */
export interface Sharing {
	/** Lets the others go first, for `ms` milliseconds at least. @throws if the command is cancelled */
	pause(ms: number): Promise<void>;
	/** To be called now and then by what takes long. @throws if the command is cancelled */
	checkpoint(): Promise<void>;
}

export interface Io {
	readonly stdout: Sink;
	readonly stderr: Sink;
	readonly stdin: Source;
	readonly cwd: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** files that this process can not open itself: their bytes, or why there are none */
	readonly files?: { get(path: string): Uint8Array | Error | undefined };
	readonly sharing?: Sharing;
}

/** The bytes of a file that the command line names. @throws an error with `code`, as Node's do */
export function readInput(io: Io, file: string): Uint8Array {
	const known = io.files?.get(file);
	if (known instanceof Error) throw known;
	return known ?? readFileSync(resolve(io.cwd, file));
}

/** Collects what is written; for tests and for forwarded commands. */
export class BufferSink implements Sink {
	readonly isTTY = false;
	readonly #parts: Uint8Array[] = [];

	write(text: string | Uint8Array): void {
		this.#parts.push(typeof text === "string" ? Buffer.from(text) : text);
	}

	bytes(): Uint8Array {
		return Buffer.concat(this.#parts);
	}

	text(): string {
		return Buffer.concat(this.#parts).toString();
	}
}
