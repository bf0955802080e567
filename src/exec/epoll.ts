/** Waits for several files at once: calls of programs, closed files, ended processes. */
import { closeSync } from "node:fs";
import { EnvironmentError } from "../kernel/environment-error.js";
import { AT, type Native } from "./native.js";

const CLOEXEC = 0o2000000;
const ADD = 1;
const DELETE = 2;
const MOST = 64;

export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLHUP = 16;
export const EPOLLET = 0x80000000;

/** Called with the events of its file. */
export type OnEvents = (events: number) => void;

export class Epoll {
	readonly fd: number;
	readonly #native: Native;
	readonly #handlers = new Map<number, OnEvents>();

	/** @throws EnvironmentError */
	constructor(native: Native) {
		this.#native = native;
		this.fd = native.call("epoll_create1", CLOEXEC);
		if (this.fd < 0) throw new EnvironmentError("epoll_create1 failed", "check ulimit -n");
	}

	add(fd: number, events: number, handler: OnEvents): void {
		const { view, arch } = this.#native;
		view.setUint32(AT.events, events, true);
		view.setBigUint64(AT.events + arch.epollEvent.data, BigInt(fd), true);
		this.#native.call("epoll_ctl", this.fd, ADD, fd, this.#native.at(AT.events));
		this.#handlers.set(fd, handler);
	}

	/** To be called before the file is closed. */
	remove(fd: number): void {
		this.#native.call("epoll_ctl", this.fd, DELETE, fd, 0);
		this.#handlers.delete(fd);
	}

	/** Waits at most `ms` milliseconds, and calls the handlers of files with events; that of `last` after all others. Number of events. */
	wait(ms: number, last: number): number {
		const { view, arch } = this.#native;
		const count = this.#native.call("epoll_pwait", this.fd, this.#native.at(AT.events), MOST, ms, 0, 8);
		if (count <= 0) return 0;
		const { size, data } = arch.epollEvent;
		const ready: [number, number][] = [];
		let final = 0;
		for (let i = 0; i < count; i++) {
			const at = AT.events + i * size;
			const events = view.getUint32(at, true);
			const fd = Number(view.getBigUint64(at + data, true));
			if (fd === last) final = events;
			else ready.push([fd, events]);
		}
		for (const [fd, events] of ready) this.#handlers.get(fd)?.(events);
		if (final !== 0) this.#handlers.get(last)?.(final);
		return count;
	}

	/** Resolves when a file has events, without blocking this thread. They are handled, unless they are those of `last`. */
	async idle(last: number): Promise<void> {
		const { view, arch } = this.#native;
		const count = await this.#native.callLater("epoll_pwait", this.fd, this.#native.at(AT.idle), 1, -1, 0, 8);
		if (count !== 1) return;
		// What is told at its edges only is not told again.
		const fd = Number(view.getBigUint64(AT.idle + arch.epollEvent.data, true));
		if (fd !== last) this.#handlers.get(fd)?.(view.getUint32(AT.idle, true));
	}

	close(): void {
		closeSync(this.fd);
	}
}
