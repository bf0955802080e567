/** The caller's side of a session: sends a command and passes its files, output and input. */
import { createReadStream, writeSync } from "node:fs";
import { connect } from "node:net";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { isatty } from "node:tty";
import { answer, ask, frame, frameReader } from "./frames.js";
import { type ExecRequest, forwardedEnv, protocol } from "./protocol.js";

/** The outcome: the exit code, or that the command must run here, or why there is no answer. */
export type Forwarded = { readonly exit: number } | { readonly local: true } | { readonly gone: "absent" | "killed" | "ended" | string };

/** The command line of this process as a request. */
export function requestOf(argv: readonly string[], version: string): ExecRequest {
	const tty = [isatty(1), isatty(2)] as const;
	return {
		protocol,
		version,
		argv,
		cwd: process.cwd(),
		env: forwardedEnv(process.env),
		tty,
		// Node's streams are slow to load, so they are only used for terminals.
		columns: [(tty[0] && process.stdout.columns) || null, (tty[1] && process.stderr.columns) || null],
	};
}

/**
 * Has a session run a command with this process's files, output and input. An interrupt ends this process as usual;
 * the session sees the connection close and cancels the command.
 */
export function forward(path: string, request: ExecRequest, done: (result: Forwarded) => void): void {
	const socket = connect(path);
	let connected = false;
	let result: Forwarded | undefined;
	const read = frameReader((kind, payload) => {
		if (kind === answer.stdout) writeAll(1, payload);
		else if (kind === answer.stderr) writeAll(2, payload);
		else if (kind === answer.wantFile) send(payload.toString());
		else if (kind === answer.exit) result = { exit: Number(payload.toString()) };
		else if (kind === answer.local) result = { local: true };
	});
	let source: Readable | undefined;
	const finish = (otherwise: Forwarded) => {
		socket.destroy();
		source?.destroy();
		// A connection that fails emits both "error" and "close".
		const first = done;
		done = () => {};
		first(result ?? otherwise);
	};
	const send = (name: string) => {
		const file: Readable = name === "" ? process.stdin : createReadStream(resolve(request.cwd, name));
		source = file;
		file.on("data", (bytes: Buffer | string) => {
			if (socket.write(frame(ask.data, bytes))) return;
			file.pause();
			socket.once("drain", () => file.resume());
		});
		file.once("end", () => socket.write(frame(ask.end)));
		file.once("error", (error: NodeJS.ErrnoException) => socket.write(frame(ask.end, error.code ?? error.message)));
	};
	socket.on("connect", () => {
		connected = true;
		socket.write(frame(ask.exec, JSON.stringify(request)));
	});
	socket.on("data", (chunk: Buffer) => {
		if (!read(chunk)) finish({ gone: "it does not answer like a session" });
		else if (result) finish(result);
	});
	socket.on("error", ({ code, message }: NodeJS.ErrnoException) => {
		if (connected) finish({ gone: "ended" });
		else finish({ gone: code === "ENOENT" ? "absent" : code === "ECONNREFUSED" ? "killed" : (code ?? message) });
	});
	socket.on("close", () => finish({ gone: "ended" }));
}

const closed = new Set<number>();

/** Writes all bytes; silent if the reader has gone (`| head`). */
function writeAll(fd: number, bytes: Uint8Array): void {
	for (let at = 0; at < bytes.length && !closed.has(fd); ) {
		try {
			at += writeSync(fd, bytes, at);
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (code === "EPIPE" || code === "EBADF") closed.add(fd);
			// A pipe that another process made non-blocking: wait a little for its reader.
			else if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
			else throw error;
		}
	}
}
