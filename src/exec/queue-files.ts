/** Files of fault and event queues in programs: socket ends that can be polled, read and written by any descriptor. */
import { closeSync } from "node:fs";
import { EMFILE } from "../kernel/errno.js";
import type { SimFile } from "../sim/index.js";
import { EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, type Epoll } from "./epoll.js";
import { keyOf } from "./inode-key.js";
import { AT, DATA_ROOM, type Native } from "./native.js";
import type { FileEvents, OpenFile } from "./open-files.js";
import { findDescriptor, type Place } from "./places.js";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const TIOCOUTQ = 0x5411;

/** Records that wait in a socket at most. */
const MOST = 8;

/** A record that waits in the programs' end, and what the kernel accounts for it. */
interface Offer {
	readonly record: Uint8Array;
	readonly accounted: number;
}

/** Our side of a queue's file. */
export interface QueueSocket {
	/** our end */
	readonly fd: number;
	/** the oldest first */
	readonly offers: Offer[];
	/** where a program has its end; undefined: it was not found */
	place?: Place;
}

type QueueFile = OpenFile & { readonly socket: QueueSocket };

/**
 * The programs' end holds the first records of the queue. So POLLIN is right without our doing, and a read that does not stop is answered with
 * one of them. When it is gone, the queue is read in the program's stead. Before a call that stops and reads or writes, they are taken back.
 */
export class QueueFiles {
	readonly #native: Native;
	readonly #epoll: Epoll;
	readonly #events: FileEvents;
	readonly #all = new Set<QueueFile>();
	/** by length, what the kernel accounts for a record */
	readonly #sizes = new Map<number, number>();

	constructor(native: Native, epoll: Epoll, events: FileEvents) {
		this.#native = native;
		this.#epoll = epoll;
		this.#events = events;
	}

	/** The programs' end, to be opened at `place` and then closed here; or minus the errno. */
	create(file: SimFile, place: Place): { readonly fd: number; readonly open: OpenFile } | number {
		const pair = this.#pair();
		if (pair === undefined) return -EMFILE;
		const [fd, ours] = pair;
		const socket: QueueSocket = { fd: ours, offers: [], place };
		const open: QueueFile = { file, number: place.fd, path: undefined, key: keyOf(fd), socket };
		this.#all.add(open);
		this.#epoll.add(socket.fd, EPOLLIN | EPOLLOUT | EPOLLET, (events) => {
			this.settle();
			this.#receive(open);
			if (events & EPOLLHUP) this.#events.closed(open);
			else this.refresh();
		});
		return { fd, open };
	}

	/** Reads from the queues what programs have read of them meanwhile. */
	settle(): void {
		for (const open of this.#all) if (open.socket.offers.length > 0) this.#settle(open);
	}

	/** Offers what can be read now. */
	refresh(): void {
		for (const open of this.#all) {
			const { offers } = open.socket;
			if (offers.length > 0) this.#settle(open);
			const next = open.file.peek(MOST);
			if (!offers.every(({ record }, i) => next[i] !== undefined && Buffer.compare(record, next[i]) === 0) && !this.#takeBack(open))
				continue;
			for (const record of next.slice(offers.length)) if (!this.#offer(open.socket, record)) break;
		}
	}

	/** A read or write of the file follows: nothing must be offered meanwhile. `place`: where it was called. */
	retract(open: OpenFile, place: Place): void {
		if (!isQueue(open)) return;
		open.socket.place = place;
		if (open.socket.offers.length > 0) this.#takeBack(open);
	}

	forget(open: OpenFile): void {
		if (!isQueue(open) || !this.#all.delete(open)) return;
		this.#epoll.remove(open.socket.fd);
		closeSync(open.socket.fd);
	}

	/** False: there is no room. */
	#offer(socket: QueueSocket, record: Uint8Array): boolean {
		const accounted = this.#sizeOf(record.length);
		if (accounted === undefined || !this.#send(socket.fd, record)) return false;
		socket.offers.push({ record, accounted });
		return true;
	}

	#send(fd: number, record: Uint8Array): boolean {
		const native = this.#native;
		native.bytes.set(record, AT.data);
		return native.call("write", fd, native.at(AT.data), record.length) === record.length;
	}

	/** Bytes that the kernel accounts for a record in a socket, as tried where no program reads it; undefined: it has no room. */
	#sizeOf(length: number): number | undefined {
		const known = this.#sizes.get(length);
		if (known !== undefined) return known;
		const pair = length > DATA_ROOM ? undefined : this.#pair();
		if (pair === undefined) return undefined;
		const size = this.#send(pair[0], new Uint8Array(length)) ? this.#accounted(pair[0]) : undefined;
		for (const fd of pair) closeSync(fd);
		if (size !== undefined) this.#sizes.set(length, size);
		return size;
	}

	#pair(): [number, number] | undefined {
		const native = this.#native;
		const rc = native.call("socketpair", AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, native.at(AT.pair));
		return rc < 0 ? undefined : [native.view.getInt32(AT.pair, true), native.view.getInt32(AT.pair + 4, true)];
	}

	/** Bytes that the kernel accounts for what was sent and not yet read. */
	#accounted(fd: number): number {
		const native = this.#native;
		return native.call("ioctl", fd, TIOCOUTQ, native.at(AT.pair)) === 0 ? native.view.getInt32(AT.pair, true) : 0;
	}

	#settle(open: QueueFile): void {
		const { socket } = open;
		const accounted = this.#accounted(socket.fd);
		let left = socket.offers.reduce((sum, each) => sum + each.accounted, 0);
		while (left > accounted && socket.offers.length > 0) {
			left -= socket.offers[0].accounted;
			this.#taken(open);
		}
	}

	#taken(open: QueueFile): void {
		const offer = open.socket.offers.shift();
		if (offer !== undefined) this.#events.taken(open, offer.record);
	}

	/** Reads the programs' end, as a program would. False: no program's end was found. */
	#takeBack(open: QueueFile): boolean {
		const native = this.#native;
		const { offers } = open.socket;
		const end = this.#borrow(open);
		if (end === undefined) return false;
		let back = 0;
		while (native.call("read", end, native.at(AT.data), DATA_ROOM) > 0) back++;
		closeSync(end);
		// A program was faster.
		while (offers.length > back) this.#taken(open);
		offers.length = 0;
		return true;
	}

	/** The programs' end, for a moment. */
	#borrow({ socket, key }: QueueFile): number | undefined {
		const fetched = socket.place && this.#fetch(socket.place, key);
		if (fetched !== undefined) return fetched;
		socket.place = findDescriptor((each) => each === key);
		return socket.place && this.#fetch(socket.place, key);
	}

	#fetch({ pid, fd }: Place, key: string): number | undefined {
		const native = this.#native;
		const pidfd = native.call("pidfd_open", pid, 0);
		if (pidfd < 0) return undefined;
		const own = native.call("pidfd_getfd", pidfd, fd, 0);
		closeSync(pidfd);
		if (own < 0) return undefined;
		if (keyOf(own) === key) return own;
		closeSync(own);
		return undefined;
	}

	#receive(open: QueueFile): void {
		const native = this.#native;
		for (;;) {
			const got = native.call("read", open.socket.fd, native.at(AT.data), DATA_ROOM);
			if (got <= 0) return;
			const bytes = Uint8Array.from(native.bytes.subarray(AT.data, AT.data + got));
			if (open.socket.offers.length > 0) this.#takeBack(open);
			this.#events.written(open, bytes);
		}
	}
}

function isQueue(open: OpenFile): open is QueueFile {
	return open.socket !== undefined;
}
