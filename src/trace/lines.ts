/** Reads the lines of a trace file, plain or gzip. */
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createGunzip, gunzipSync } from "node:zlib";
import { TraceError } from "./error.js";
import { fileProblem } from "./file-problem.js";

/** Complete lines, in order, as bytes. The first has this number (from 1); each ends before one of `ends`, where its newline is. */
export interface LineBatch {
	readonly first: number;
	readonly bytes: Buffer;
	readonly ends: readonly number[];
}

const CHUNK = 64 * 1024;
/** Compressed bytes passed to zlib at a time, and the room for the result: traces shrink 30 to 50 times. */
const PIECE = 8 * 1024;
const ROOM = 512 * 1024;
/** Files up to this size are inflated in one go, if the result is not larger than that. */
const SMALL_FILE = 4 * 1024 * 1024;
const SMALL_TEXT = 256 * 1024 * 1024;
const GZIP_TRAILER = 8;
/** The most that gzip shrinks anything. */
const MOST_SHRUNK = 1032;
const LEAST_ROOM = 64;
const LONGEST_LINE = 64 * 1024 * 1024;
const NEWLINE = 10;

/**
 * The lines of a file, plain or gzip (recognized by its first two bytes), or of standard input for "-". Only one chunk
 * and one line are in memory at a time. The good part before damaged or missing data is delivered first, then comes a
 * TraceError.
 */
export async function* readLines(file: string): AsyncGenerator<LineBatch> {
	let line = 1;
	let parts: Buffer[] = [];
	let pending = 0;
	const take = (last: Buffer): LineBatch => {
		const bytes = pending === 0 ? last : Buffer.concat([...parts, last]);
		parts = [];
		pending = 0;
		const ends = endsOf(bytes);
		const first = line;
		line += ends.length;
		return { first, bytes, ends };
	};
	try {
		for await (const chunk of inflatedAtOnce(file) ?? inflated(opened(file))) {
			const end = chunk.lastIndexOf(NEWLINE);
			if (end >= 0) yield take(chunk.subarray(0, end));
			const rest = chunk.subarray(end + 1);
			if (rest.length === 0) continue;
			parts.push(rest);
			pending += rest.length;
			if (pending > LONGEST_LINE) throw new TraceError(file, line, undefined, "line longer than 64 MiB");
		}
		if (pending > 0) yield take(Buffer.alloc(0));
	} catch (error) {
		throw error instanceof TraceError ? error : describe(file, line, error as NodeJS.ErrnoException);
	}
}

/** Where the lines end; the last one has no newline any more. */
function endsOf(bytes: Buffer): number[] {
	const ends: number[] = [];
	for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) ends.push(at);
	ends.push(bytes.length);
	return ends;
}

function describe(file: string, line: number, error: NodeJS.ErrnoException): Error {
	const code = error.code ?? "";
	if (code === "Z_BUF_ERROR") return new TraceError(file, line, undefined, "the gzip data ends here: the file was cut short");
	if (code.startsWith("Z_")) return new TraceError(file, line, undefined, `damaged gzip data from about here (${error.message})`);
	if (error.syscall === undefined) return error;
	return new TraceError(file, 0, undefined, fileProblem(code));
}

function opened(file: string): AsyncIterable<Buffer> {
	return file === "-" ? process.stdin : createReadStream(file, { highWaterMark: CHUNK });
}

/**
 * A small, complete gzip file, without waiting for another thread. For anything else, including damaged files, the
 * answer is undefined: read piece by piece, those deliver their good part.
 */
function inflatedAtOnce(file: string): Iterable<Buffer> | undefined {
	try {
		const about = file === "-" ? undefined : statSync(file);
		if (!about?.isFile() || about.size > SMALL_FILE) return undefined;
		const bytes = readFileSync(file);
		if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return undefined;
		return pieces(gunzipSync(bytes, { maxOutputLength: SMALL_TEXT, chunkSize: roomFor(bytes) }));
	} catch {
		return undefined;
	}
}

/** Room for all that a gzip file inflates to, by its last four bytes, so that it need not be put together; what they say may be wrong. */
function roomFor(gzip: Buffer): number {
	const said = gzip.length < 4 ? 0 : gzip.readUInt32LE(gzip.length - 4);
	return Math.max(LEAST_ROOM, Math.min(said + 1, gzip.length * MOST_SHRUNK, SMALL_TEXT));
}

/** The bytes in parts that end with a line, as far as lines are not longer than a part. */
function* pieces(bytes: Buffer): Generator<Buffer> {
	for (let at = 0; at < bytes.length; ) {
		const newline = bytes.lastIndexOf(NEWLINE, at + ROOM);
		const end = newline < at ? Math.min(at + ROOM, bytes.length) : newline + 1;
		yield bytes.subarray(at, end);
		at = end;
	}
}

/** Passes on plain bytes and inflates gzip. */
async function* inflated(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
	let head: Buffer = Buffer.alloc(0);
	let gunzip: Inflater | undefined;
	for await (const chunk of input) {
		if (gunzip) {
			yield* gunzip.push(chunk);
			continue;
		}
		head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
		if (head.length < 2) continue;
		if (head[0] === 0x1f && head[1] === 0x8b) {
			gunzip = new Inflater();
			yield* gunzip.push(head);
		} else {
			yield head;
			head = Buffer.alloc(0);
			yield* input;
			return;
		}
	}
	if (gunzip) yield* gunzip.finish();
	else if (head.length > 0) yield head;
}

/**
 * A gunzip driven by hand: unlike a piped one, it delivers all good data before it reports an error, and inflates the
 * next piece (on another thread) while the current one is processed. The last bytes are held back, so that a wrong
 * checksum at the end loses no data.
 */
class Inflater {
	readonly #gunzip = createGunzip({ chunkSize: ROOM });
	#ready: Buffer[] = [];
	#held: Buffer = Buffer.alloc(0);
	#failure: Error | undefined;
	#wake: () => void = () => {};
	#working: Promise<void> = Promise.resolve();

	constructor() {
		this.#gunzip.on("data", (data: Buffer) => this.#ready.push(data));
		this.#gunzip.on("error", (error) => {
			this.#failure = error;
			this.#wake();
		});
	}

	async *push(chunk: Buffer): AsyncGenerator<Buffer> {
		const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
		const feed = Math.max(0, all.length - GZIP_TRAILER);
		this.#held = all.subarray(feed);
		for (let at = 0; at < feed; at += PIECE) {
			const piece = all.subarray(at, Math.min(at + PIECE, feed));
			yield* await this.#next((done) => this.#gunzip.write(piece, done));
		}
	}

	async *finish(): AsyncGenerator<Buffer> {
		const end = (done: () => void) => {
			this.#gunzip.once("end", done);
			this.#gunzip.end(this.#held);
		};
		yield* await this.#next(end);
		yield* await this.#next((done) => done());
		if (this.#failure) throw this.#failure;
	}

	/** Starts new work once the previous work is done, and returns the previous result. */
	async #next(start: (done: () => void) => void): Promise<Buffer[]> {
		await this.#working;
		const taken = this.#ready;
		this.#ready = [];
		if (!this.#failure) {
			this.#working = new Promise((resolve) => {
				this.#wake = resolve;
				start(resolve);
			});
		}
		return taken;
	}
}
