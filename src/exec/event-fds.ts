/** A program's own eventfds, which simulated devices signal, and whose signals they wait for. */
import { closeSync, readFileSync, readlinkSync } from "node:fs";
import type { EventFile, HeldEvent } from "../sim/index.js";
import { EPOLLIN, type Epoll } from "./epoll.js";
import { AT, type Native } from "./native.js";
import type { Traced } from "./traced.js";

const NOWAIT = 8;
/** what the count of an eventfd can be at most */
const MOST = 2n ** 64n - 2n;

export class EventFds {
	readonly #native: Native;
	readonly #epoll: Epoll;

	readonly #signalled: (id: string | undefined, count: bigint) => void;

	/** @param signalled told of each signal by a program that a device has waited for. `id`: as eventIdOf tells it */
	constructor(native: Native, epoll: Epoll, signalled: (id: string | undefined, count: bigint) => void) {
		this.#native = native;
		this.#epoll = epoll;
		this.#signalled = signalled;
	}

	/** The eventfd that a process has at a number; undefined: there is none. */
	find(process: Traced, fd: number): EventFile | undefined {
		if (readlinkSync(`/proc/${process.pid}/fd/${fd}`) !== "anon_inode:[eventfd]") return undefined;
		return {
			hold: () => {
				const own = this.#native.call("pidfd_getfd", process.pidfd, fd, 0);
				return own < 0 ? undefined : this.#held(own, eventIdOf(process.pid, fd));
			},
		};
	}

	#held(fd: number, id: string | undefined): HeldEvent {
		const native = this.#native;
		const epoll = this.#epoll;
		const stop = () => epoll.remove(fd);
		let watched = false;
		return {
			get count() {
				return countOf(fd);
			},
			signal: (count) => {
				// A write that exceeds the most would wait for a reader.
				const room = MOST - (countOf(fd) ?? 0n);
				const added = count < room ? count : room;
				if (added === 0n) return;
				native.view.setBigUint64(AT.pair, added, true);
				native.call("write", fd, native.at(AT.pair), 8);
			},
			watch: (listener) => {
				watched = true;
				epoll.add(fd, EPOLLIN, () => {
					const count = this.#take(fd);
					if (count === undefined) return;
					listener();
					this.#signalled(id, count);
				});
				return stop;
			},
			release: () => {
				if (watched) stop();
				closeSync(fd);
			},
		};
	}

	/** Sets the count to 0; what it was. undefined: it is 0, as a program has read it before. */
	#take(fd: number): bigint | undefined {
		const { view } = this.#native;
		view.setBigUint64(AT.local, this.#native.at(AT.pair), true);
		view.setBigUint64(AT.local + 8, 8n, true);
		const read = this.#native.call("preadv2", fd, this.#native.at(AT.local), 1, -1, -1, NOWAIT);
		return read === 8 ? view.getBigUint64(AT.pair, true) : undefined;
	}
}

/** What the machine's kernel knows a process's eventfd by. */
export function eventIdOf(pid: number, fd: number): string | undefined {
	return /^eventfd-id:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1];
}

function countOf(fd: number): bigint | undefined {
	const count = /^eventfd-count:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"));
	return count === null ? undefined : BigInt(`0x${count[1]}`);
}
