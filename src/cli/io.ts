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

export interface Io {
	readonly stdout: Sink;
	readonly stderr: Sink;
	readonly stdin: Source;
	readonly cwd: string;
	readonly env: Readonly<Record<string, string | undefined>>;
}

/** Collects what is written; for tests and for forwarded commands. */
export class BufferSink implements Sink {
	readonly isTTY = false;
	private readonly parts: Uint8Array[] = [];

	write(text: string | Uint8Array): void {
		this.parts.push(typeof text === "string" ? Buffer.from(text) : text);
	}

	bytes(): Uint8Array {
		return Buffer.concat(this.parts);
	}

	text(): string {
		return Buffer.concat(this.parts).toString();
	}
}
