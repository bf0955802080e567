/** Queues of records that an IOMMU writes and its driver reads, and the registers beside them. */
import type { Values } from "../../../formats/words.js";
import type { PageRequest } from "../../contract/page-request.js";
import { Fifo } from "../../memory/fifo.js";
import type { HwDevice } from "./device.js";

/** A record in the words of its specification. */
export interface RecordView {
	/** counts from 0, over all that was written */
	readonly index: number;
	readonly words: readonly bigint[];
	/** the kind of record, or of the fault in it */
	readonly name: string;
	readonly fields: Readonly<Values>;
	/** in one line */
	readonly text: string;
	/** the driver has read it */
	readonly read: boolean;
}

export interface QueueView {
	readonly name: string;
	/** records that it holds */
	readonly capacity: number;
	/** records that the driver has not read */
	readonly unread: number;
	/** records that found no room */
	readonly lost: number;
	/** the latest ones, those that were read too; the oldest first */
	readonly records: readonly RecordView[];
}

/** A register: what it holds, and what the driver found when it last had something to handle. */
export interface RegisterView {
	readonly name: string;
	/** in bytes from the registers' base */
	readonly offset: number;
	readonly value: bigint;
	readonly fields: Readonly<Values>;
	readonly lastRead: { readonly value: bigint; readonly fields: Readonly<Values> } | undefined;
}

/** What an IOMMU shows its driver. */
export interface HardwareLog {
	/** whether the driver is kept from reading: records stay where the hardware put them */
	readonly held: boolean;
	/** Keeps the driver from reading. */
	hold(): void;
	/** Lets the driver read what is there, and from now on at once. */
	release(): void;
	/** A device's page request arrives; `take` is what the driver does with it. False: it is lost, and if it was a group's last one the IOMMU has answered the group SUCCESS. */
	pageRequest(device: HwDevice, request: PageRequest, take: () => void): boolean;
	registers(): readonly RegisterView[];
	queues(): readonly QueueView[];
}

/** How many records that were read are kept. */
const KEPT = 256;

interface Written {
	readonly words: readonly bigint[];
	readonly take: () => void;
}

/** A queue or a set of registers with room for `capacity` records. */
export class RecordQueue {
	/** the latest records, read or not */
	readonly #latest = new Fifo<readonly bigint[]>();
	readonly #unread = new Fifo<Written>();
	/** what has to be written although there is no room (stalled transactions) */
	readonly #backlog = new Fifo<Written>();
	written = 0;
	lost = 0;
	/** records were lost since the driver read last */
	overflowed = false;

	/** @param interrupted called before the driver reads: for what it finds in registers */
	constructor(
		readonly name: string,
		readonly capacity: number,
		readonly interrupted: () => void,
	) {}

	get unread(): number {
		return this.#unread.size;
	}

	/** the number of the record that the driver reads next */
	get head(): number {
		return this.written - this.unread;
	}

	/**
	 * Writes a record, which the driver reads at once unless it is `held`. False: there is no room, and it is lost; `kept`: it is
	 * written as soon as there is.
	 */
	write(words: readonly bigint[], held: boolean, take: () => void, kept = false): boolean {
		if (this.unread >= this.capacity) {
			if (kept) {
				this.#backlog.push({ words, take });
				return true;
			}
			this.lost++;
			this.overflowed = true;
			return false;
		}
		this.#put({ words, take });
		if (!held) this.drain();
		return true;
	}

	#put(record: Written): void {
		this.#unread.push(record);
		this.#latest.push(record.words);
		this.written++;
		while (this.#latest.size > Math.max(KEPT, this.unread)) this.#latest.shift();
	}

	/** The driver reads everything. */
	drain(): void {
		if (this.unread > 0 || this.overflowed) this.interrupted();
		this.overflowed = false;
		for (let record = this.#unread.shift(); record !== undefined; record = this.#unread.shift()) {
			record.take();
			const next = this.#backlog.shift();
			if (next !== undefined) this.#put(next);
		}
	}

	view(describe: (words: readonly bigint[]) => Pick<RecordView, "name" | "fields" | "text">): QueueView {
		const { name, capacity, unread, lost, head } = this;
		const all = this.#latest.items();
		const first = this.written - all.length;
		const records = all.map((words, i) => ({ index: first + i, words, ...describe(words), read: first + i < head }));
		return { name, capacity, unread, lost, records };
	}
}

/** Remembers what the driver found in registers. */
export class Registers {
	readonly #read = new Map<string, bigint>();

	/** @param list each register with its value now */
	constructor(
		readonly list: () => readonly {
			readonly name: string;
			readonly offset: number;
			readonly value: bigint;
			readonly decode: (value: bigint) => Values;
		}[],
	) {}

	/** The driver reads some of them. */
	read(...names: readonly string[]): void {
		for (const { name, value } of this.list()) if (names.includes(name)) this.#read.set(name, value);
	}

	view(): RegisterView[] {
		return this.list().map(({ name, offset, value, decode }) => {
			const last = this.#read.get(name);
			return {
				name,
				offset,
				value,
				fields: decode(value),
				lastRead: last === undefined ? undefined : { value: last, fields: decode(last) },
			};
		});
	}
}
