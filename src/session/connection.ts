/** The session's side of a connection: one command or one question. */
import type { Socket } from "node:net";
import { exitCode } from "../../structs/errors.js";
import { answer, ask, frame, frameReader } from "./frames.js";
import { type ExecRequest, protocol, type SessionStatus } from "./protocol.js";
import { Cancelled, RemoteIo } from "./remote-io.js";
import { Sharing } from "./sharing.js";
import type { Turns } from "./turns.js";

/** Runs a command to its end. @returns its exit code, or "local" if it does not belong in a session */
export type RunCommand = (argv: readonly string[], io: RemoteIo & { readonly sharing: Sharing }) => Promise<number | "local">;

/** What a connection needs from its session. */
export interface Host {
	readonly version: string;
	readonly name: string;
	readonly turns: Turns;
	readonly run: RunCommand;
	status(): SessionStatus;
	/** Ends the session. */
	stop(): Promise<void>;
	/** a command begins, and ends; `cancel` makes it give up */
	entered(cancel: AbortController): void;
	/** @param served whether it was a command for the session */
	left(cancel: AbortController, served: boolean): void;
}

/** Serves one connection: one command, or one question. */
export function serveConnection(socket: Socket, host: Host): void {
	const cancel = new AbortController();
	let io: RemoteIo | undefined;
	const refuse = (text: string) => {
		socket.write(Buffer.concat([frame(answer.stderr, `error: ${text}\n`), frame(answer.exit, String(exitCode.environment))]));
	};
	const read = frameReader((kind, payload) => {
		if (kind === ask.data) io?.receive(Buffer.from(payload));
		else if (kind === ask.end) io?.receive(undefined, payload.toString());
		else if (kind === ask.status) socket.write(frame(answer.status, JSON.stringify(host.status())));
		else if (kind === ask.stop) void stop();
		else if (kind === ask.exec && !io) {
			const request = parseRequest(payload);
			if (request?.protocol !== protocol || request.version !== host.version) {
				const other = typeof request?.version === "string" ? `this is ${request.version}` : "this is another version";
				return refuse(
					`session ${host.name} was started by iommuctl ${host.version}, ${other}; \`iommuctl session stop ${host.name}\`, then start it again`,
				);
			}
			io = new RemoteIo(socket, request, cancel.signal);
			void serve(request, io, host, cancel, (last) => socket.end(last));
		}
	});
	const stop = async () => {
		const status = host.status();
		await host.stop();
		socket.end(frame(answer.status, JSON.stringify(status)));
	};
	socket.on("data", (chunk: Buffer) => {
		if (!read(chunk)) socket.destroy();
	});
	// The caller has gone: it was interrupted, or it needs no more.
	socket.on("error", () => {});
	socket.on("close", () => cancel.abort(new Cancelled("the caller has gone")));
}

/** @param end sends the last frame and closes the connection */
async function serve(request: ExecRequest, io: RemoteIo, host: Host, cancel: AbortController, end: (last: Buffer) => void): Promise<void> {
	const sharing = new Sharing(host.turns, cancel.signal);
	let served = true;
	host.entered(cancel);
	try {
		await io.prefetch(request.argv);
		await sharing.begin();
		const exit = await host.run(request.argv, Object.assign(io, { sharing }));
		served = exit !== "local";
		io.flush();
		end(exit === "local" ? frame(answer.local) : frame(answer.exit, String(exit)));
	} catch (error) {
		// A caller that is still there is cancelled because the session ends.
		const why = error instanceof Cancelled ? error.message : `internal error: ${(error as Error).message}`;
		end(
			Buffer.concat([
				frame(answer.stderr, `error: ${why}\n`),
				frame(answer.exit, String(error instanceof Cancelled ? exitCode.environment : exitCode.internal)),
			]),
		);
	} finally {
		sharing.end();
		host.left(cancel, served);
	}
}

function parseRequest(payload: Buffer): ExecRequest | undefined {
	try {
		const request = JSON.parse(payload.toString()) as ExecRequest;
		const whole =
			Array.isArray(request.argv) && typeof request.cwd === "string" && Array.isArray(request.tty) && Array.isArray(request.columns);
		return whole && typeof request.env === "object" ? request : { ...request, protocol: -1 };
	} catch {
		return undefined;
	}
}
