/** Where commands read and write. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileProblem } from "../../trace/file-problem.js";
import { UsageError } from "./exit.js";

/**
 * Where a command reads and writes. Nothing below `main.ts` touches `process`, so that the same command runs in a
 * script or on behalf of another process.
 */
export interface Sink {
	write(text: string | Uint8Array): void;
	/** What was written goes out now; a sink without it holds nothing back. */
	flush?(): void;
	/** Whether its reader has gone, as far as is known: what is written is lost. */
	readonly gone?: boolean;
	readonly isTTY: boolean;
	/** characters in a line, where known */
	readonly columns?: number;
}

/** Whether an output is a terminal, and how wide: what another thread has to know of it. */
export type End = Pick<Sink, "isTTY" | "columns">;

export const endOf = ({ isTTY, columns }: Sink): End => ({ isTTY, columns });

export interface Source {
	/** all that is left, at once */
	readAll(): Promise<Uint8Array>;
}

/** How a command shares its kernel with others, where it does: in a session. */
export interface Sharing {
	/** Lets the others go first, for `ms` milliseconds at least. @throws if the command is cancelled */
	pause(ms: number): Promise<void>;
	/** Lets the others go first for `ms` milliseconds, whatever they do; without it, `pause` does. */
	sleep?(ms: number): Promise<void>;
	/** To be called now and then by what takes long. @throws if the command is cancelled */
	checkpoint(): Promise<void>;
}

export interface Io {
	readonly stdout: Sink;
	readonly stderr: Sink;
	readonly stdin: Source;
	readonly cwd: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** files that this process cannot open itself: their bytes, or the reason it cannot */
	readonly files?: { get(path: string): Uint8Array | Error | undefined };
	readonly sharing?: Sharing;
}

/**
 * The bytes of a file that the command line names.
 * @param option the option that names it, with its dashes @throws UsageError if it cannot be read
 */
export function readInput(io: Pick<Io, "cwd" | "files">, file: string, option?: string): Uint8Array {
	try {
		const known = io.files?.get(file);
		if (known instanceof Error) throw known;
		return known ?? readFileSync(resolve(io.cwd, file));
	} catch (error) {
		throw unreadable(error, file, option);
	}
}

/** The same, where `-` stands for stdin. */
export async function readInputOrStdin(io: Io, file: string, option?: string): Promise<Uint8Array> {
	if (file !== "-") return readInput(io, file, option);
	try {
		return await io.stdin.readAll();
	} catch (error) {
		throw unreadable(error, "stdin", option);
	}
}

/** Node's error about a file as the user's mistake; any other error unchanged. */
function unreadable(error: unknown, file: string, option: string | undefined): unknown {
	const { code } = error as NodeJS.ErrnoException;
	if (code === undefined) return error;
	return new UsageError(`${option === undefined ? "" : `${option}: `}${file}: ${fileProblem(code)}`);
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
