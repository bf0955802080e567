/** The listener of a seccomp filter: receives the system calls of filtered programs, and answers them. */
import { AT, type Native } from "./native.js";

const RECV = 0xc0502100;
const SEND = 0xc0182101;
const ID_VALID = 0x40082102;
const ADD_FD = 0xc0182103;
const SET_FLAGS = 0x40082104;
const SYNC_WAKE_UP = 1;
const CONTINUE = 1;
const NOTIFICATION_SIZE = 80;
const ADDFD_SETFD = 1;
const O_CLOEXEC = 0o2000000;

/** A system call that waits for its answer. */
export interface Notification {
	readonly id: bigint;
	/** of the thread */
	readonly tid: number;
	readonly nr: number;
	/** the six arguments, as unsigned 64-bit values */
	readonly args: readonly bigint[];
}

export class Listener {
	readonly #native: Native;

	constructor(
		native: Native,
		readonly fd: number,
	) {
		this.#native = native;
		// Since Linux 6.7; without it the answer takes a little longer.
		native.call("ioctl", fd, SET_FLAGS, SYNC_WAKE_UP);
	}

	/** The next call; undefined if its thread was killed meanwhile. */
	receive(): Notification | undefined {
		const { bytes, view } = this.#native;
		bytes.fill(0, AT.notification, AT.notification + NOTIFICATION_SIZE);
		if (this.#native.call("ioctl", this.fd, RECV, this.#native.at(AT.notification)) < 0) return undefined;
		const args: bigint[] = [];
		for (let i = 0; i < 6; i++) args.push(view.getBigUint64(AT.notification + 32 + 8 * i, true));
		return {
			id: view.getBigUint64(AT.notification, true),
			tid: view.getUint32(AT.notification + 8, true),
			nr: view.getInt32(AT.notification + 16, true),
			args,
		};
	}

	/** Answers with a value, or minus the errno. False if the thread waits no more. */
	answer({ id }: Notification, value: number | bigint): boolean {
		const failed = value < 0;
		return this.#send(id, failed ? 0n : BigInt(value), failed ? Number(value) : 0, 0);
	}

	/** Lets the kernel make the call. */
	proceed({ id }: Notification): boolean {
		return this.#send(id, 0n, 0, CONTINUE);
	}

	/** Whether the thread still waits: what was read of its memory before was its own. */
	waits({ id }: Notification): boolean {
		const { view } = this.#native;
		view.setBigUint64(AT.response, id, true);
		return this.#native.call("ioctl", this.fd, ID_VALID, this.#native.at(AT.response)) === 0;
	}

	/**
	 * Opens our file `source` in the calling process, at number `at` (undefined: the lowest free one).
	 * @returns the number, or minus the errno
	 */
	addFd({ id }: Notification, source: number, at: number | undefined, closeOnExec: boolean): number {
		const { view } = this.#native;
		view.setBigUint64(AT.addFd, id, true);
		view.setUint32(AT.addFd + 8, at === undefined ? 0 : ADDFD_SETFD, true);
		view.setUint32(AT.addFd + 12, source, true);
		view.setUint32(AT.addFd + 16, at ?? 0, true);
		view.setUint32(AT.addFd + 20, closeOnExec ? O_CLOEXEC : 0, true);
		return this.#native.call("ioctl", this.fd, ADD_FD, this.#native.at(AT.addFd));
	}

	#send(id: bigint, value: bigint, error: number, flags: number): boolean {
		const { view } = this.#native;
		view.setBigUint64(AT.response, id, true);
		view.setBigInt64(AT.response + 8, value, true);
		view.setInt32(AT.response + 16, error, true);
		view.setUint32(AT.response + 20, flags, true);
		return this.#native.call("ioctl", this.fd, SEND, this.#native.at(AT.response)) === 0;
	}
}
