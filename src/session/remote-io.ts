/** The files, output and input of a caller, as its session sees them. */
import type { Socket } from "node:net";
import { Problem } from "../../structs/errors.js";
import { answer, frame, pieceLength } from "./frames.js";
import { type ExecRequest, ofTheCaller } from "./protocol.js";

/** The command was cancelled: its caller has gone, or the session ends. */
export class Cancelled extends Problem {
	constructor(message: string) {
		super("environment", message);
	}
}

/** Buffered output is sent at this size (bytes) at the latest. */
const flushAt = 1 << 16;

/** One of the caller's outputs. What is written together is sent together. */
class RemoteSink {
	readonly #io: RemoteIo;
	readonly #kind: string;

	constructor(
		io: RemoteIo,
		kind: string,
		readonly isTTY: boolean,
		readonly columns: number | undefined,
	) {
		this.#io = io;
		this.#kind = kind;
	}

	write(text: string | Uint8Array): void {
		this.#io.send(this.#kind, typeof text === "string" ? Buffer.from(text) : text);
	}

	flush(): void {
		this.#io.flush();
	}
}

/** What a forwarded command reads and writes: the caller's files, output and input. */
export class RemoteIo {
	readonly stdout: RemoteSink;
	readonly stderr: RemoteSink;
	readonly cwd: string;
	readonly env: Readonly<Record<string, string>>;
	readonly #fetched = new Map<string, Uint8Array | Error>();
	#held: Buffer[] = [];
	#heldLength = 0;
	#incoming: { parts: Buffer[]; done(error?: string): void } | undefined;
	#input: Uint8Array | undefined;
	readonly #socket: Socket;
	readonly #cancelled: AbortSignal;

	constructor(socket: Socket, request: ExecRequest, cancelled: AbortSignal) {
		this.#socket = socket;
		this.#cancelled = cancelled;
		const { cwd, env, tty, columns } = request;
		this.stdout = new RemoteSink(this, answer.stdout, tty[0], columns[0] ?? undefined);
		this.stderr = new RemoteSink(this, answer.stderr, tty[1], columns[1] ?? undefined);
		this.cwd = cwd;
		this.env = env;
	}

	readonly stdin = {
		/** The rest of the caller's stdin. @throws Cancelled */
		readAll: async (): Promise<Uint8Array> => {
			const bytes = this.#input ?? (await this.#fetch(""));
			this.#input = new Uint8Array();
			return bytes;
		},
	};

	/** Files that only the caller can open: their bytes, or the error. */
	readonly files = {
		get: (path: string): Uint8Array | Error | undefined => this.#fetched.get(path) ?? (ofTheCaller(path) ? failure("ENOENT") : undefined),
	};

	/**
	 * Fetches the files on the command line that only the caller can open, before the command begins: the process that
	 * writes to one may itself be waiting for its turn in the session.
	 */
	async prefetch(argv: readonly string[]): Promise<void> {
		for (const word of argv) {
			const path = word.replace(/^--[\w-]+=/, "");
			if (path === "-") this.#input ??= await this.#fetch("");
			else if (ofTheCaller(path) && !this.#fetched.has(path)) this.#fetched.set(path, await this.#fetch(path).catch(unlessCancelled));
		}
	}

	/** Takes what the caller sent: a piece of the file, or its end. */
	receive(piece: Buffer | undefined, error?: string): void {
		if (piece) this.#incoming?.parts.push(piece);
		else this.#incoming?.done(error);
	}

	send(kind: string, bytes: Uint8Array): void {
		for (let at = 0; at < bytes.length; at += pieceLength) this.#hold(frame(kind, bytes.subarray(at, at + pieceLength)));
		if (this.#heldLength >= flushAt) this.flush();
	}

	flush(): void {
		if (this.#held.length > 0 && this.#socket.writable) this.#socket.write(Buffer.concat(this.#held));
		this.#held = [];
		this.#heldLength = 0;
	}

	#hold(bytes: Buffer): void {
		this.#held.push(bytes);
		this.#heldLength += bytes.length;
	}

	async #fetch(name: string): Promise<Uint8Array> {
		this.#cancelled.throwIfAborted();
		this.flush();
		const { promise, resolve, reject } = deferred<Uint8Array>();
		const parts: Buffer[] = [];
		const onAbort = () => reject(this.#cancelled.reason);
		this.#cancelled.addEventListener("abort", onAbort, { once: true });
		this.#incoming = {
			parts,
			done: (error) => (error ? reject(failure(error)) : resolve(Buffer.concat(parts))),
		};
		this.#socket.write(frame(answer.wantFile, name));
		try {
			return await promise;
		} finally {
			this.#incoming = undefined;
			this.#cancelled.removeEventListener("abort", onAbort);
		}
	}
}

const failure = (code: string): Error => Object.assign(new Error(code), { code });

function unlessCancelled(error: Error): Error {
	if (error instanceof Cancelled) throw error;
	return error;
}

/** Promise.withResolvers, which Node 20 lacks. */
function deferred<T>() {
	let resolve: (value: T) => void = () => {};
	let reject: (reason: unknown) => void = () => {};
	const promise = new Promise<T>((yes, no) => {
		resolve = yes;
		reject = no;
	});
	return { promise, resolve, reject };
}
