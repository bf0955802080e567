/** Programs' own files as a recording has them: eventfds and memory files, made when they are first met. */
import { isEventCapable, type Kernel } from "../../kernel/kernel.js";

interface Known {
	readonly number: number;
	/** bytes */
	readonly length: bigint;
}

export class FilesOfRecording {
	/** by what they are, in each process of the recording */
	readonly #known = new WeakMap<object, Map<string, Known>>();

	/** who has each eventfd, and as what */
	readonly #events = new Map<string, { readonly kernel: Kernel; readonly number: number }>();

	/** The number of an eventfd; undefined: it cannot be recorded. `id`: as the machine's kernel knows it */
	eventfd(kernel: Kernel, id: string): number | undefined {
		const number = this.#number(kernel, `eventfd:${id}`, 0n, () => (isEventCapable(kernel) ? kernel.eventfd(0) : -1));
		if (number !== undefined && !this.#events.has(id)) this.#events.set(id, { kernel, number });
		return number;
	}

	/** A program has signalled an eventfd, and a device got it. */
	signalled(id: string | undefined, count: bigint): void {
		const event = id === undefined ? undefined : this.#events.get(id);
		const bytes = new Uint8Array(8);
		new DataView(bytes.buffer).setBigUint64(0, count, true);
		event?.kernel.write(event.number, bytes);
	}

	/** The number of a memory file of `length` bytes; `least`: or more. */
	memory(kernel: Pick<Kernel, "memfd">, key: string, length: bigint, pageSize: number, least = false): number | undefined {
		const made = () => kernel.memfd("file", length, pageSize > 4096 ? pageSize : undefined);
		return this.#number(kernel, key, length, made, least);
	}

	/** Recordings have no ftruncate: a file that has another length by now is another file. */
	#number(kernel: object, key: string, length: bigint, make: () => number, least = false): number | undefined {
		let files = this.#known.get(kernel);
		if (files === undefined) {
			files = new Map();
			this.#known.set(kernel, files);
		}
		const known = files.get(key);
		if (known !== undefined && (known.length === length || (least && known.length > length))) return known.number;
		const number = make();
		if (number < 0) return undefined;
		files.set(key, { number, length });
		return number;
	}
}
