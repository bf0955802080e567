/** Serves a session's socket until the session ends. */
import { createServer, type Server } from "node:net";
import { type Host, type RunCommand, serveConnection } from "./connection.js";
import type { SessionStatus } from "./protocol.js";
import { Cancelled } from "./remote-io.js";
import { Turns } from "./turns.js";

export interface SessionOptions {
	readonly name: string;
	readonly version: string;
	/** for people */
	readonly kernel: string;
	readonly record?: string;
	/** ms without a command after which it stops; 0: never */
	readonly idle: number;
	readonly run: RunCommand;
	/** releases what the session holds; called once, when no command runs */
	dispose(): void;
}

/** The server of a session: accepts connections, and ends the session when it is stopped or idle. */
export class SessionServer implements Host {
	readonly turns = new Turns();
	readonly name: string;
	readonly version: string;
	readonly run: RunCommand;
	/** resolves when the session has ended */
	readonly ended: Promise<void>;
	readonly #server: Server;
	readonly #started = new Date();
	readonly #active = new Set<AbortController>();
	#commands = 0;
	#lastUse = Date.now();
	#idleTimer: NodeJS.Timeout | undefined;
	#stopping: Promise<void> | undefined;
	#tellEnded = () => {};
	readonly #options: SessionOptions;

	constructor(options: SessionOptions) {
		this.#options = options;
		this.name = options.name;
		this.version = options.version;
		this.run = options.run;
		this.ended = new Promise((resolve) => {
			this.#tellEnded = resolve;
		});
		this.#server = createServer((socket) => serveConnection(socket, this));
		this.#rearm();
	}

	/** Accepts connections at this path, which only this user can open. @throws with Node's `code` */
	async listen(path: string): Promise<void> {
		await new Promise<void>((resolve, reject) => {
			this.#server.once("error", reject);
			const mask = process.umask(0o177);
			try {
				// listen() creates the socket's file before it returns.
				this.#server.listen(path, resolve);
			} finally {
				process.umask(mask);
			}
		});
	}

	status(): SessionStatus {
		const { name, version, kernel, idle, record } = this.#options;
		return {
			name,
			pid: process.pid,
			version,
			kernel,
			started: this.#started.toISOString(),
			commands: this.#commands,
			running: this.#active.size,
			idleFor: this.#active.size > 0 ? 0 : Math.floor((Date.now() - this.#lastUse) / 1000),
			idleLimit: idle === 0 ? null : idle / 1000,
			record: record ?? null,
		};
	}

	entered(cancel: AbortController): void {
		this.#active.add(cancel);
		if (this.#stopping) cancel.abort(this.#ending());
		clearTimeout(this.#idleTimer);
	}

	left(cancel: AbortController, served: boolean): void {
		this.#active.delete(cancel);
		if (served) {
			this.#commands++;
			this.#lastUse = Date.now();
		}
		this.#rearm();
	}

	/** Cancels waiting commands, lets the running one finish, and releases everything. */
	stop(): Promise<void> {
		this.#stopping ??= this.#end();
		return this.#stopping;
	}

	/** Ends a session that never began. */
	abandon(): void {
		clearTimeout(this.#idleTimer);
		this.#server.close();
	}

	async #end(): Promise<void> {
		clearTimeout(this.#idleTimer);
		for (const cancel of this.#active) cancel.abort(this.#ending());
		const handOn = await this.turns.take();
		this.#options.dispose();
		this.#server.close();
		handOn();
		this.#tellEnded();
	}

	#ending(): Cancelled {
		return new Cancelled(`session ${this.name} was stopped`);
	}

	#rearm(): void {
		clearTimeout(this.#idleTimer);
		const { idle } = this.#options;
		if (idle === 0 || this.#active.size > 0 || this.#stopping) return;
		this.#idleTimer = setTimeout(() => void this.stop(), Math.max(0, this.#lastUse + idle - Date.now()));
	}
}
